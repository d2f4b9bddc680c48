use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::UnverifiedClaims;

fn jwt(payload: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"ES256"}"#), part(payload), part("signature"))
}

#[test]
fn lifetime_needs_both_times_in_order() {
    let lifetime =
        |payload: &str| UnverifiedClaims::decode(&jwt(payload)).unwrap().lifetime().map(|l| l.as_secs());
    assert_eq!(lifetime(r#"{"iat":100,"exp":160}"#), Some(60));
    assert_eq!(lifetime(r#"{"iat":100.5,"exp":160.9}"#), Some(60));
    for payload in [
        "{}",
        r#"{"exp":160}"#,
        r#"{"iat":160,"exp":100}"#,
        r#"{"iat":100,"exp":100}"#,
        r#"{"iat":"100","exp":"160"}"#,
        r#"{"iat":-1,"exp":1e300}"#,
    ] {
        assert_eq!(lifetime(payload), None, "{payload}");
    }
}

#[test]
fn an_audience_is_one_string_or_a_list() {
    let has = |payload: &str| UnverifiedClaims::decode(&jwt(payload)).unwrap().has_audience("api");
    assert!(has(r#"{"aud":"api"}"#));
    assert!(has(r#"{"aud":["other","api"]}"#));
    assert!(!has(r#"{"aud":["other"]}"#));
    assert!(!has(r#"{"aud":1}"#));
}

// Security: C8.
#[test]
fn what_is_not_a_jwt_is_none() {
    for text in ["", "opaque", "a.b", "a.b.c.d", "e30.W10.x", &"a".repeat(100_000)] {
        assert!(UnverifiedClaims::decode(text).is_none());
    }
}

proptest! {
    // Security: C8, H3.
    #[test]
    fn no_text_panics(text in ".{0,200}") {
        let _ = UnverifiedClaims::decode(&text);
        let _ = UnverifiedClaims::decode(&jwt(&text));
    }
}
