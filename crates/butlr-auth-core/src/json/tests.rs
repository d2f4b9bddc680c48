use super::Object;

#[track_caller]
fn check(document: &str, reason: Option<&str>) {
    match (Object::parse(document.as_bytes()), reason) {
        (Ok(_), None) => {}
        (Err(malformed), Some(reason)) => {
            assert!(malformed.0.starts_with(reason), "{document}: {}", malformed.0);
            assert!(!malformed.0.contains("canary"), "{}", malformed.0);
        }
        (parsed, expected) => panic!("{document}: accepted {}, expected {expected:?}", parsed.is_ok()),
    }
}

// Security: C9.
#[test]
fn only_one_whole_object_is_accepted() {
    check(r#"{"a":"canary","b":[1,{"c":null}]}"#, None);
    check(" {} \n", None);
    check(r#"{"a":"canary"} x"#, Some("is not JSON"));
    check(r#"{"a":1}{"a":2}"#, Some("is not JSON"));
    check(r#"{"a":"canary","a":"canary"}"#, Some("gives a member twice"));
    check(r#"["canary"]"#, Some("is not a JSON object"));
    check(r#""canary""#, Some("is not a JSON object"));
    check("null", Some("is not a JSON object"));
    check("", Some("ends too early"));
    check(r#"{"a":"canary"#, Some("ends too early"));
    check("{\"a\":NaN}", Some("is not JSON"));
    check("\u{feff}{}", Some("is not JSON"));
}

// Security: C9.
#[test]
fn depth_is_bounded() {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    check(&deep, Some("is not JSON"));
}
