use std::time::Duration;

use proptest::prelude::*;

use super::{LONGEST_LIFETIME, TokenResponse};
use crate::{Delivery, ErrorCode, ErrorKind, Leniency};

fn parse(body: &str) -> Result<TokenResponse, crate::Error> {
    TokenResponse::from_json(body.as_bytes(), &Leniency::default())
}

/// A response whose access token is `t` and that has `member` besides.
fn with(member: &str) -> Result<TokenResponse, crate::Error> {
    parse(&format!(r#"{{"access_token":"t","token_type":"bearer",{member}}}"#))
}

#[track_caller]
fn check_expires_in(value: &str, seconds: Option<u64>) {
    let parsed = with(&format!(r#""expires_in":{value}"#));
    match seconds {
        Some(seconds) => {
            assert_eq!(parsed.unwrap().expires_in, Some(Duration::from_secs(seconds)), "{value}")
        }
        None => assert_eq!(parsed.unwrap_err().kind(), ErrorKind::InvalidResponse, "{value}"),
    }
}

// Security: C3, C4.
#[test]
fn a_lifetime_is_a_number_of_seconds_or_refused() {
    check_expires_in("3600", Some(3600));
    check_expires_in("\"3600\"", Some(3600));
    check_expires_in("3600.0", Some(3600));
    check_expires_in("3600.9", Some(3600));
    check_expires_in("3.6e3", Some(3600));
    check_expires_in("0", Some(0));
    for bad in [
        "-1",
        "1e400",
        "true",
        "\"never\"",
        "\"\"",
        "[3600]",
        "{}",
        "\"0x10\"",
        "\"3600 \"",
        "\"٣٦٠٠\"",
        "\"-1\"",
    ] {
        check_expires_in(bad, None);
    }
    assert_eq!(with(r#""expires_in":null"#).unwrap().expires_in, None);
}

// Security: C4.
#[test]
fn an_enormous_lifetime_is_cut_to_ten_years() {
    for value in ["9223372036854775807", "18446744073709551615", "18446744073709551616", "1e300"] {
        check_expires_in(value, Some(LONGEST_LIFETIME.as_secs()));
    }
}

// Security: C3.
#[test]
fn without_expires_in_the_jwt_or_the_assumption_decides() {
    let assumed = Duration::from_secs(600);
    assert_eq!(with(r#""scope":"a""#).unwrap().lifetime(assumed), assumed);
    let jwt =
        r#"{"access_token":"eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjEwMCwiZXhwIjoxNjB9.c2ln","token_type":"Bearer"}"#;
    assert_eq!(parse(jwt).unwrap().lifetime(assumed), Duration::from_secs(60));
    assert_eq!(with(r#""expires_in":5"#).unwrap().lifetime(assumed), Duration::from_secs(5));
}

// Security: C6.
#[test]
fn an_error_is_the_error_that_it_is_and_never_a_token() {
    let error = parse(r#"{"error":"invalid_grant","error_description":"gone"}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.delivery(), Delivery::Answered);
    assert_eq!(error.error_response().unwrap().error, ErrorCode::INVALID_GRANT);
    let both = parse(r#"{"error":"invalid_grant","access_token":"t","token_type":"bearer"}"#).unwrap_err();
    assert_eq!(both.kind(), ErrorKind::InvalidResponse);
    assert!(with(r#""error":null"#).is_ok());
}

// Security: C7.
#[test]
fn only_bearer_tokens_are_understood() {
    for token_type in ["\"Bearer\"", "\"BEARER\"", "\"bearer\""] {
        assert!(parse(&format!(r#"{{"access_token":"t","token_type":{token_type}}}"#)).is_ok());
    }
    for token_type in
        ["\"mac\"", "\"DPoP\"", "\"N_A\"", "\"\"", "\" bearer\"", "\"bearer\\u0000\"", "1", "[]", "null"]
    {
        assert!(
            parse(&format!(r#"{{"access_token":"t","token_type":{token_type}}}"#)).is_err(),
            "{token_type}"
        );
    }
    let silent = r#"{"access_token":"t"}"#;
    assert!(parse(silent).is_err());
    let lenient = Leniency { missing_token_type: true, ..Leniency::default() };
    assert!(TokenResponse::from_json(silent.as_bytes(), &lenient).is_ok());
}

// Security: C2.
#[test]
fn a_token_with_a_line_break_or_of_another_type_is_refused() {
    for token in [
        "null",
        "\"\"",
        "1",
        "true",
        "[]",
        "{}",
        "\"a\\r\\nb\"",
        "\"a\\nb\"",
        "\"a\\u0000\"",
        "\"é\"",
        "\"a b\"",
        "\" a\"",
        "\"a\\u007f\"",
        "\"\\ud800\"",
    ] {
        let error = parse(&format!(r#"{{"access_token":{token},"token_type":"bearer"}}"#)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{token}");
    }
    for token in ["\"\"", "1", "\"a\\r\\nb\"", "{}"] {
        assert!(with(&format!(r#""refresh_token":{token}"#)).is_err(), "{token}");
    }
    assert!(with(r#""refresh_token":null"#).unwrap().refresh_token.is_none());
}

#[test]
fn a_scope_as_an_array_needs_the_leniency() {
    let body = r#"{"access_token":"t","token_type":"bearer","scope":["b","a"]}"#;
    assert!(parse(body).is_err());
    let lenient = Leniency { scope_as_array: true, ..Leniency::default() };
    let scope = TokenResponse::from_json(body.as_bytes(), &lenient).unwrap().scope.unwrap();
    assert_eq!(scope.to_string(), "a b");
}

// Security: C10, H1.
#[test]
fn errors_and_debug_show_no_secret() {
    for body in [
        r#"{"access_token":"canary","access_token":"canary"}"#,
        r#"{"access_token":"canary","token_type":"bearer"} canary"#,
        r#"{"access_token":"canary canary","token_type":"bearer"}"#,
        r#"{"access_token":"canary","token_type":"bearer","expires_in":"canary"}"#,
        r#"{"access_token":"canary","token_type":"canary"}"#,
    ] {
        let error = parse(body).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    let response =
        parse(r#"{"access_token":"canary","token_type":"bearer","refresh_token":"canary"}"#).unwrap();
    assert!(!format!("{response:?}").contains("canary"));
}

proptest! {
    // Security: H3.
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = TokenResponse::from_json(&bytes, &Leniency::default());
    }

    // Security: H3.
    #[test]
    fn no_member_panics(value in "[ -~]{0,40}") {
        let _ = with(&format!(r#""expires_in":{value}"#));
    }
}
