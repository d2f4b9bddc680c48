use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use super::{LONGEST_WAIT, retry_after};

#[track_caller]
fn check(value: &str, wait: Option<u64>) {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, value.parse().unwrap());
    headers.insert(DATE, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap());
    assert_eq!(retry_after(&headers), wait.map(Duration::from_secs), "{value}");
}

#[test]
fn seconds_and_dates_are_read() {
    check("2", Some(2));
    check("0", Some(0));
    check("Wed, 21 Oct 2026 07:28:30 GMT", Some(30));
    check("Wednesday, 21-Oct-26 07:28:30 GMT", Some(30));
}

#[test]
fn a_date_that_has_passed_means_at_once() {
    check("Wed, 21 Oct 2015 07:28:30 GMT", Some(0));
}

// Security: B11.
#[test]
fn nobody_asks_for_more_than_an_hour() {
    for value in ["86400", "18446744073709551615", "99999999999999999999999", "Wed, 21 Oct 2099 07:28:00 GMT"]
    {
        check(value, Some(LONGEST_WAIT.as_secs()));
    }
}

#[test]
fn what_is_neither_is_ignored() {
    for value in ["-5", "soon", "", "1.5", "+3", "2 seconds", "Wed, 99 Oct 2026 07:28:30 GMT"] {
        check(value, None);
    }
}

#[test]
fn a_date_without_the_servers_own_is_ignored() {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:30 GMT".parse().unwrap());
    assert_eq!(retry_after(&headers), None);
}
