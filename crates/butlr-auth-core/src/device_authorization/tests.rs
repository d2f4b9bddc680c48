use serde_json::json;

use super::*;
use crate::{Clock, Delivery, ErrorResponse, ManualClock};

fn body(more: Value) -> Vec<u8> {
    let mut body = json!({
        "device_code": "canary-device-code",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://example.com/device",
        "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
        "expires_in": 1800,
        "interval": 5,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string().into_bytes()
}

fn read(more: Value) -> Result<DeviceAuthorization, Error> {
    DeviceAuthorization::from_json(&body(more), "example", Scope::empty(), ManualClock::new().now())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn answered(code: ErrorCode) -> Error {
    Error::new(ErrorKind::Refused, "refused")
        .with_delivery(Delivery::Answered)
        .with_status(400)
        .with_error_response(ErrorResponse::new(code, None))
}

#[test]
fn an_answer_is_read_and_its_codes_stay_out_of_debug() {
    let device = read(json!({})).unwrap();
    assert_eq!(device.user_code(), "WDJB-MJHT");
    assert_eq!(device.verification_uri().as_str(), "https://example.com/device");
    assert_eq!(device.verification_uri_complete().unwrap().query(), Some("user_code=WDJB-MJHT"));
    assert_eq!((device.expires_in(), device.interval()), (seconds(1800), seconds(5)));
    let shown = format!("{device:?} {:?}", device.grant());
    assert!(!shown.contains("canary") && !shown.contains("WDJB"), "{shown}");
    assert_eq!(device.grant().expose_secrets(), ["canary-device-code"]);
}

#[test]
fn g1_an_interval_that_cannot_be_meant_is_five_seconds() {
    for interval in [
        Value::Null,
        json!(0),
        json!(-1),
        json!(-1e9),
        json!(1_000_000_000),
        json!(1800),
        json!("soon"),
        json!(""),
        json!("-5"),
        json!([5]),
        json!({}),
        json!(true),
        json!(0.5),
        json!(1e300),
    ] {
        assert_eq!(read(json!({ "interval": interval })).unwrap().interval(), seconds(5), "{interval}");
    }
    for (interval, expected) in [(json!(1), 1), (json!(7.9), 7), (json!("10"), 10), (json!(1799), 1799)] {
        assert_eq!(
            read(json!({ "interval": interval })).unwrap().interval(),
            seconds(expected),
            "{interval}"
        );
    }
}

#[test]
fn g1_a_lifetime_is_a_number_of_seconds_and_one_hour_at_most() {
    for lifetime in [json!(-1), json!("later"), Value::Null, json!([]), json!({})] {
        assert_eq!(read(json!({ "expires_in": lifetime })).unwrap_err().kind(), ErrorKind::InvalidResponse);
    }
    assert_eq!(read(json!({ "expires_in": u64::MAX })).unwrap().expires_in(), seconds(3600));
    assert_eq!(read(json!({ "expires_in": "600" })).unwrap().expires_in(), seconds(600));
    assert_eq!(read(json!({ "expires_in": 0 })).unwrap().expires_in(), Duration::ZERO);
}

#[test]
fn g2_an_address_is_http_or_https_and_nobody_elses() {
    for uri in [
        json!("javascript:alert(1)"),
        json!("file:///etc/passwd"),
        json!("data:text/html,x"),
        json!("https://example.com@evil.example.com/"),
        json!("https://a:canary@example.com/"),
        json!("example.com/device"),
        json!("https://exa\u{1b}[31mmple.com/"),
        json!(format!("https://example.com/{}", "a".repeat(5000))),
        json!([]),
        json!({}),
        json!(7),
        json!(["https://example.com/device"]),
    ] {
        for name in ["verification_uri", "verification_uri_complete"] {
            let error = read(json!({ name: uri })).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{name} {uri}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
    for nothing in [json!(null), json!("")] {
        assert!(read(json!({ "verification_uri": nothing })).is_err());
        let device = read(json!({ "verification_uri_complete": nothing, "interval": nothing })).unwrap();
        assert!(device.verification_uri_complete().is_none());
        assert_eq!(device.interval(), DEFAULT_INTERVAL);
    }
}

#[test]
fn an_address_by_its_older_name_is_read_where_the_newer_one_is_missing() {
    let older = json!("https://www.google.com/device");
    let device = read(json!({ "verification_uri": null, "verification_url": older })).unwrap();
    assert_eq!(device.verification_uri().as_str(), "https://www.google.com/device");
    let both = read(json!({ "verification_url": "javascript:alert(1)" })).unwrap();
    assert_eq!(both.verification_uri().host_str(), Some("example.com"), "the RFC's name comes first");
    assert!(read(json!({ "verification_uri": null, "verification_url": "javascript:alert(1)" })).is_err());
}

#[test]
fn g2_what_is_shown_is_escaped() {
    let device = read(json!({
        "user_code": "AB\u{1b}[2J\u{202e}\u{7}CD",
        "verification_uri": "http://example.com/\u{1b}[31m\u{202e}?a=\u{7}",
    }))
    .unwrap();
    assert_eq!(device.user_code(), r"AB\u{1b}[2J\u{202e}\u{7}CD");
    assert!(device.verification_uri().as_str().bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(read(json!({ "user_code": "A".repeat(1000) })).unwrap().user_code().chars().count(), 65);
    for code in [json!(""), json!("  "), json!(1234), Value::Null] {
        assert!(read(json!({ "user_code": code })).is_err(), "{code}");
    }
}

#[test]
fn a_device_code_that_is_missing_or_malformed_is_refused() {
    for code in [Value::Null, json!(""), json!(7), json!("a\nb"), json!(["a"])] {
        assert_eq!(
            read(json!({ "device_code": code })).unwrap_err().kind(),
            ErrorKind::InvalidResponse,
            "{code}"
        );
    }
}

//= https://www.rfc-editor.org/rfc/rfc8628#section-3.5
//= type=test
//# the interval MUST be increased by 5 seconds for this and all subsequent requests.
#[test]
fn g1_slow_down_adds_five_seconds_for_good() {
    let clock = ManualClock::new();
    let mut pacing = DevicePacing::new(&read(json!({})).unwrap());
    assert_eq!(pacing.pause(clock.now()).unwrap(), seconds(5));
    for expected in [10, 15, 20] {
        pacing.go_on(answered(ErrorCode::SLOW_DOWN)).unwrap();
        assert_eq!(pacing.pause(clock.now()).unwrap(), seconds(expected));
    }
    for _ in 0..3 {
        pacing.go_on(answered(ErrorCode::AUTHORIZATION_PENDING)).unwrap();
        assert_eq!(pacing.pause(clock.now()).unwrap(), seconds(20));
    }
}

//= https://www.rfc-editor.org/rfc/rfc8628#section-3.5
//= type=test
//# On encountering a connection timeout, clients MUST unilaterally reduce their polling frequency before
//# retrying.
#[test]
fn g1_trouble_doubles_the_pause_until_the_server_answers_again() {
    let clock = ManualClock::new();
    let mut pacing = DevicePacing::new(&read(json!({})).unwrap());
    for (kind, expected) in [
        (ErrorKind::TimedOut, 10),
        (ErrorKind::Unreachable, 20),
        (ErrorKind::ServerFailed, 40),
        (ErrorKind::TimedOut, 60),
        (ErrorKind::TimedOut, 60),
    ] {
        pacing.go_on(Error::new(kind, "trouble")).unwrap();
        assert_eq!(pacing.pause(clock.now()).unwrap(), seconds(expected));
    }
    pacing.go_on(answered(ErrorCode::AUTHORIZATION_PENDING)).unwrap();
    assert_eq!(pacing.pause(clock.now()).unwrap(), seconds(5));
    let throttled = Error::new(ErrorKind::Throttled, "trouble").with_retry_after(Some(seconds(90)));
    pacing.go_on(throttled).unwrap();
    assert_eq!(pacing.pause(clock.now()).unwrap(), seconds(90));
}

#[test]
fn g1_it_stops_at_the_expiry_by_our_own_clock() {
    let clock = ManualClock::new();
    let asked_at = clock.now();
    let device =
        DeviceAuthorization::from_json(&body(json!({})), "example", Scope::empty(), asked_at).unwrap();
    let mut pacing = DevicePacing::new(&device);
    let mut polls = 0;
    let end = loop {
        match pacing.pause(clock.now()) {
            Ok(pause) => clock.advance(pause),
            Err(end) => break end,
        }
        polls += 1;
        pacing.go_on(answered(ErrorCode::AUTHORIZATION_PENDING)).unwrap();
    };
    assert_eq!((end.kind(), polls), (ErrorKind::LoginRequired, 359));
    // Suspended past the end, or set back to where nobody can tell.
    let earlier = ManualClock::new().other_host("other", Duration::ZERO, seconds(7200)).now();
    assert_eq!(DevicePacing::new(&device).pause(earlier).unwrap_err().kind(), ErrorKind::LoginRequired);
    let fresh = DevicePacing::new(&read(json!({ "expires_in": 0 })).unwrap());
    assert_eq!(fresh.pause(asked_at).unwrap_err().kind(), ErrorKind::LoginRequired);
}

#[test]
fn g3_each_end_is_typed() {
    let pacing = DevicePacing::new(&read(json!({})).unwrap());
    let end = |failure: Error| pacing.clone().go_on(failure).unwrap_err();
    let denied = end(answered(ErrorCode::ACCESS_DENIED));
    assert_eq!(denied.kind(), ErrorKind::Refused);
    assert_eq!(denied.error_response().unwrap().error, ErrorCode::ACCESS_DENIED);
    for code in [ErrorCode::EXPIRED_TOKEN, ErrorCode::INVALID_GRANT] {
        let expired = end(answered(code.clone()));
        assert_eq!((expired.kind(), expired.status()), (ErrorKind::LoginRequired, Some(400)));
        assert_eq!(expired.error_response().unwrap().error, code);
    }
    let gone = end(answered(ErrorCode::new("device_not_found")).with_status(404));
    assert_eq!((gone.kind(), gone.status()), (ErrorKind::LoginRequired, Some(404)));
    let bare = end(Error::new(ErrorKind::Refused, "nothing here").with_status(404));
    assert_eq!(bare.kind(), ErrorKind::LoginRequired);
    for code in [ErrorCode::INVALID_CLIENT, ErrorCode::UNAUTHORIZED_CLIENT, ErrorCode::new("whatever")] {
        assert_eq!(end(answered(code)).kind(), ErrorKind::Refused);
    }
    assert_eq!(end(Error::new(ErrorKind::InvalidResponse, "a page")).kind(), ErrorKind::InvalidResponse);
}
