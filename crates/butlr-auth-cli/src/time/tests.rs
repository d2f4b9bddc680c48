use std::time::{Duration, SystemTime};

use super::{parse_duration, rfc3339, shown};

#[track_caller]
fn check(text: &str, seconds: Option<u64>) {
    assert_eq!(parse_duration(text).ok(), seconds.map(Duration::from_secs), "{text}");
}

#[test]
fn durations_are_written_with_a_unit_or_as_seconds() {
    check("30s", Some(30));
    check("5m", Some(300));
    check("1h 30m", Some(5400));
    check("90", Some(90));
    check("1d", Some(86_400));
    check("365d", Some(365 * 86_400));
    check("1d 12h", Some(129_600));
    check("3650 days", Some(3650 * 86_400));
    check("-1d", None);
    check("1y", None);
    check("-1s", None);
    check("soon", None);
    check("", None);
}

#[test]
fn no_duration_is_so_long_that_its_end_has_no_date() {
    check("876000h", Some(3_153_600_000));
    for text in
        ["3153600001", "876001h", "18446744073709551615", "9223372036854775807s", "99999999999999999999"]
    {
        check(text, None);
    }
}

#[test]
fn instants_are_utc() {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_268_800);
    assert_eq!(rfc3339(at).as_deref(), Some("2026-01-01T12:00:00Z"));
}

#[test]
fn people_see_two_units() {
    assert_eq!(shown(Duration::from_secs(90_061)), "1 d 1 h");
    assert_eq!(shown(Duration::from_secs(61)), "1 min 1 s");
    assert_eq!(shown(Duration::ZERO), "0 s");
}
