use std::time::Duration;

use butlr_auth_core::{Delivery, EndpointUrl, ErrorKind};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{failure, retry_after};
use crate::transport::Answer;

fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_static(value));
    }
    Answer {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: body.as_bytes().to_vec().into(),
    }
}

#[track_caller]
fn check_retry_after(headers: &[(&'static str, &'static str)], seconds: Option<u64>) {
    assert_eq!(retry_after(&answer(503, headers, "")), seconds.map(Duration::from_secs), "{headers:?}");
}

#[test]
fn retry_after_is_read_as_seconds_or_as_a_date_and_capped() {
    check_retry_after(&[("retry-after", "2")], Some(2));
    check_retry_after(&[("retry-after", "99999999999999999999999")], Some(3600));
    check_retry_after(&[("retry-after", "-5")], None);
    check_retry_after(&[("retry-after", "soon")], None);
    check_retry_after(&[("retry-after", "")], None);
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    check_retry_after(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"), date], Some(10));
    check_retry_after(&[("retry-after", "Fri, 06 Nov 2099 08:49:47 GMT"), date], Some(3600));
    check_retry_after(&[("retry-after", "Sun, 06 Nov 1994 08:49:00 GMT"), date], None);
}

#[test]
fn without_json_the_status_decides() {
    let endpoint: EndpointUrl = "https://as.example.com/token".parse().unwrap();
    for (status, kind, delivery) in [
        (400, ErrorKind::Refused, Delivery::Answered),
        (403, ErrorKind::Refused, Delivery::Answered),
        (408, ErrorKind::TimedOut, Delivery::Answered),
        (429, ErrorKind::Throttled, Delivery::Answered),
        (500, ErrorKind::ServerFailed, Delivery::Answered),
        (999, ErrorKind::InvalidResponse, Delivery::Unanswered),
        (204, ErrorKind::InvalidResponse, Delivery::Unanswered),
        (307, ErrorKind::InvalidResponse, Delivery::Unanswered),
    ] {
        let error = failure(&answer(status, &[], ""), &endpoint, "password grant", &[]);
        assert_eq!(
            (error.kind(), error.delivery(), error.status()),
            (kind, delivery, Some(status)),
            "{status}"
        );
    }
}

#[test]
fn a_snippet_is_short_escaped_and_holds_no_secret() {
    let endpoint: EndpointUrl = "https://as.example.com/token".parse().unwrap();
    let page = format!("<html>\u{1b}[31m you sent canary-secret {}", "x".repeat(1000));
    let error = failure(&answer(502, &[], &page), &endpoint, "password grant", &["canary-secret"]);
    let snippet = error.snippet().unwrap();
    assert!(snippet.chars().count() <= 210 && snippet.starts_with("<html>\\u{1b}[31m you sent [redacted] x"));
    assert!(!format!("{error:?}").contains("canary"));
}
