use super::object;

#[test]
fn members_given_twice_are_refused_at_every_depth() {
    assert!(object(br#"{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}"#).is_some());
    for document in [r#"{"a":1,"a":1}"#, r#"{"b":{"a":1,"a":1}}"#, r#"{"c":[{"a":1,"\u0061":1}]}"#] {
        assert!(object(document.as_bytes()).is_none(), "{document}");
    }
}

#[test]
fn only_one_object_is_a_document() {
    for document in
        ["", "[]", "null", "1", "\"a\"", "{}{}", "{} x", "{\"a\":1e400}", "{\"a\":NaN}", "{\"a\":1,}"]
    {
        assert!(object(document.as_bytes()).is_none(), "{document}");
    }
}

#[test]
fn deep_nesting_ends() {
    let deep = |levels| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(object(deep(100).as_bytes()).is_some());
    assert!(object(deep(100_000).as_bytes()).is_none());
}
