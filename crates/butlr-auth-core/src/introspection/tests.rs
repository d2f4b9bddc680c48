use super::*;
use crate::ErrorKind;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn g6_only_the_boolean_true_is_active() {
    assert!(Introspection::from_json(br#"{"active":true}"#).unwrap().active);
    let inactive = Introspection::from_json(br#"{"active":false,"sub":"ada","exp":"later"}"#).unwrap();
    assert_eq!(inactive, Introspection::default());
    for active in [r#""true""#, "1", "null", "[true]", r#"{"true":true}"#, "\"\"", "0"] {
        let error = Introspection::from_json(format!(r#"{{"active":{active}}}"#).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{active}");
    }
    for body in ["", "{}", "true", "[]", r#"{"active":true,"active":false}"#, r#"{"active":true}x"#] {
        assert!(Introspection::from_json(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn the_members_of_an_active_token_are_typed() {
    let body =
        br#"{"active":true,"scope":"read:rooms","client_id":"cli","username":"a\u001b[31mda","sub":"auth0|1",
        "aud":["api","b"],"iss":"https://as.example.com","exp":1767268800.5,"extra":{"a":1}}"#;
    let answer = Introspection::from_json(body).unwrap();
    assert_eq!(answer.audience, ["api", "b"]);
    assert_eq!(answer.expires_at, Some(at(1_767_268_800)));
    assert_eq!(answer.username.as_deref(), Some(r"a\u{1b}[31mda"));
    assert_eq!(answer.scope, Some("read:rooms".parse().unwrap()));
    for member in [
        r#""exp":"1767268800""#,
        r#""exp":-1"#,
        r#""exp":[1]"#,
        r#""exp":1e400"#,
        r#""sub":7"#,
        r#""aud":7"#,
        r#""aud":["api",7]"#,
        r#""scope":[]"#,
        r#""scope":[7]"#,
        r#""exp":"""#,
        r#""scope":"a\"b""#,
        r#""client_id":{}"#,
    ] {
        let body = format!(r#"{{"active":true,{member}}}"#);
        let error = Introspection::from_json(body.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{member}");
    }
}

#[test]
fn an_optional_member_that_is_null_or_empty_is_absent() {
    for nothing in ["null", "\"\""] {
        let body = format!(
            r#"{{"active":true,"scope":{nothing},"client_id":{nothing},"username":{nothing},"sub":{nothing},
                "aud":{nothing},"iss":{nothing}}}"#
        );
        let nothing = Introspection { active: true, ..Introspection::default() };
        assert_eq!(Introspection::from_json(body.as_bytes()).unwrap(), nothing);
    }
}

#[test]
fn g6_an_answer_is_never_reusable_past_the_tokens_end() {
    let answer =
        |exp: u64| Introspection::from_json(format!(r#"{{"active":true,"exp":{exp}}}"#).as_bytes()).unwrap();
    let minute = Duration::from_secs(60);
    assert_eq!(answer(1000).reusable_for(at(990), minute), Duration::from_secs(10));
    assert_eq!(answer(1000).reusable_for(at(1000), minute), Duration::ZERO);
    assert_eq!(answer(1000).reusable_for(at(5000), minute), Duration::ZERO);
    assert_eq!(answer(1000).reusable_for(at(100), minute), minute);
    assert_eq!(answer(u64::MAX).reusable_for(at(100), minute), minute);
    assert_eq!(Introspection::default().reusable_for(at(100), minute), minute);
}
