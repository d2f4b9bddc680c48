use std::time::Duration;

use proptest::prelude::*;

use super::{LONGEST_LIFETIME, TokenResponse};
use crate::{Clock as _, Delivery, ErrorCode, ErrorKind, Hint, Leniency, ManualClock};

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
    check_expires_in("\"3600.0\"", Some(3600));
    check_expires_in("\"3600.75\"", Some(3600));
    for bad in [
        "1e400",
        "true",
        "\"never\"",
        "\"\"",
        "[3600]",
        "{}",
        "\"0x10\"",
        "\"3600 \"",
        "\"٣٦٠٠\"",
        "\"-\"",
        "\"- 1\"",
        "\"3600.\"",
        "\".5\"",
        "\"1.2.3\"",
        "\"3.6e3\"",
    ] {
        check_expires_in(bad, None);
    }
    assert_eq!(with(r#""expires_in":null"#).unwrap().expires_in, None);
}

// Security: C3.
#[test]
fn a_negative_lifetime_is_an_unknown_one_and_not_the_end_that_the_token_names() {
    let now = ManualClock::new().now();
    for negative in ["-1", "-1.0", "-9223372036854775808", "\"-1\"", "\"-1.5\""] {
        let response = with(&format!(r#""expires_in":{negative}"#)).unwrap();
        assert!(response.expires_in_negative && response.expires_in.is_none(), "{negative}");
        assert_eq!(response.lifetime(&now), None, "{negative}");
    }
    let jwt = r#"{"access_token":"eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjEwMCwiZXhwIjoxNjB9.c2ln","expires_in":-1}"#;
    assert_eq!(parse(jwt).unwrap().lifetime(&now), None);
    assert!(!with(r#""expires_in":0"#).unwrap().expires_in_negative);
}

// Security: C4.
#[test]
fn an_enormous_lifetime_is_cut_to_ten_years() {
    for value in ["9223372036854775807", "18446744073709551615", "18446744073709551616", "1e300"] {
        check_expires_in(value, Some(LONGEST_LIFETIME.as_secs()));
    }
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
    assert!(parse(r#"{"access_token":"t"}"#).is_ok(), "LinkedIn says nothing, and means Bearer");
}

// Security: C7.
#[test]
fn another_type_is_taken_as_bearer_where_that_is_configured() {
    let slack = r#"{"access_token":"t","token_type":"bot"}"#;
    let refused = parse(slack).unwrap_err();
    assert_eq!(refused.hint(), Some(&Hint::BearerType { token_type: Some("bot".to_owned()) }));
    assert!(refused.to_string().contains("bearer_types"), "{refused}");
    let lenient = Leniency::default().with_bearer_types(["Bot", "user"]).unwrap();
    assert!(TokenResponse::from_json(slack.as_bytes(), &lenient).is_ok());
    for token_type in ["DPoP", "mac", "N_A", "app"] {
        let body = format!(r#"{{"access_token":"t","token_type":"{token_type}"}}"#);
        assert!(TokenResponse::from_json(body.as_bytes(), &lenient).is_err(), "{token_type}");
    }
    for never in ["DPoP", "dpop", "MAC", "n_a", "", "two words", "é"] {
        let error = Leniency::default().with_bearer_types([never]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{never}");
    }
    let dpop = parse(r#"{"access_token":"t","token_type":"DPoP"}"#).unwrap_err();
    assert_eq!(dpop.hint(), None, "no setting lets it in");
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
    for token in ["1", "\"a\\r\\nb\"", "{}", "[]", "false"] {
        assert!(with(&format!(r#""refresh_token":{token}"#)).is_err(), "{token}");
    }
    assert!(with(r#""refresh_token":null"#).unwrap().refresh_token.is_none());
}

#[test]
fn a_scope_may_be_an_array_of_scope_tokens() {
    assert_eq!(with(r#""scope":["b","a"]"#).unwrap().scope.unwrap().to_string(), "a b");
    for bad in ["[]", "{}", "[1]", "[\"a b\"]", "[\"\"]", "7", "true"] {
        assert!(with(&format!(r#""scope":{bad}"#)).is_err(), "{bad}");
    }
}

#[test]
fn an_optional_member_that_is_null_or_empty_is_absent() {
    for nothing in ["null", "\"\""] {
        let body = format!(
            r#"{{"access_token":"t","refresh_token":{nothing},"id_token":{nothing},"scope":{nothing},
                "error":{nothing},"error_description":{nothing}}}"#
        );
        let response = parse(&body).unwrap();
        let absent =
            response.refresh_token.is_none() && response.id_token.is_none() && response.scope.is_none();
        assert!(absent, "{nothing}");
    }
    for something in ["[]", "{}"] {
        for member in ["refresh_token", "id_token", "scope", "error", "expires_in"] {
            assert!(with(&format!(r#""{member}":{something}"#)).is_err(), "{member}: {something}");
        }
    }
    assert!(with(r#""expires_in":"""#).is_err(), "an empty lifetime is no lifetime");
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
