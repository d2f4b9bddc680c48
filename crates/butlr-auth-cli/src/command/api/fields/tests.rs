use serde_json::{Value, json};

use super::Fields;

#[track_caller]
fn check(raw: &[&str], typed: &[&str], expected: Value) {
    let owned = |fields: &[&str]| fields.iter().map(|field| (*field).to_owned()).collect::<Vec<_>>();
    let fields = Fields::parse(&owned(raw), &owned(typed)).unwrap();
    assert_eq!(Value::Object(fields.into_object()), expected);
}

#[test]
fn raw_fields_are_text_and_typed_ones_are_json() {
    check(&["a=1", "b=true"], &[], json!({ "a": "1", "b": "true" }));
    check(
        &[],
        &["a=1", "b=true", "c=null", "d=x", "e=1.5"],
        json!({ "a": 1, "b": true, "c": null, "d": "x", "e": 1.5 }),
    );
}

#[test]
fn brackets_nest() {
    check(&["a[b]=1", "a[c]=2"], &[], json!({ "a": { "b": "1", "c": "2" } }));
    check(&["a[]=1", "a[]=2"], &[], json!({ "a": ["1", "2"] }));
    check(&["a[b][]=1", "a[b][]=2"], &[], json!({ "a": { "b": ["1", "2"] } }));
}

#[test]
fn malformed_names_are_refused() {
    for field in ["a", "=1", "a[b=1", "[b]=1"] {
        assert!(Fields::parse(&[field.to_owned()], &[]).is_err(), "{field}");
    }
    assert!(Fields::parse(&["a=1".to_owned(), "a[b]=2".to_owned()], &[]).is_err());
}

#[test]
fn what_lies_deeper_than_the_stack_is_refused() {
    let deep = |depth| format!("a{}=1", "[b]".repeat(depth));
    assert!(Fields::parse(&[deep(100)], &[]).is_ok());
    for depth in [101, 40_000] {
        assert!(Fields::parse(&[deep(depth)], &[]).is_err(), "{depth}");
    }
}

#[test]
fn a_query_has_flat_names() {
    let fields = Fields::parse(&["a[]=1".to_owned(), "b[c]=2".to_owned()], &["d=3".to_owned()]).unwrap();
    let pairs = [("a[]", "1"), ("b[c]", "2"), ("d", "3")];
    assert_eq!(fields.flat(), pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
