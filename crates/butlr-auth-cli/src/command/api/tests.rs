use serde_json::json;

use super::fields::Fields;
use super::{for_a_terminal, headers, variables_inside};

#[test]
fn fields_beside_the_query_are_its_variables() {
    let raw = ["query=query($id: ID!) { room(id: $id) { id } }", "id=room_1"].map(str::to_owned);
    let fields = Fields::parse(&raw, &["limit=5".to_owned()]).unwrap();
    assert_eq!(
        variables_inside(fields.into_object()),
        json!({ "query": "query($id: ID!) { room(id: $id) { id } }", "variables": { "id": "room_1", "limit": 5 } })
    );
}

#[test]
fn a_query_alone_has_no_variables() {
    let fields = Fields::parse(&["query={ sites { data { id } } }".to_owned()], &[]).unwrap();
    assert_eq!(variables_inside(fields.into_object()), json!({ "query": "{ sites { data { id } } }" }));
}

#[test]
fn headers_that_carry_secrets_are_refused() {
    for line in ["Authorization: Bearer x", "cookie: a=b"] {
        assert_eq!(headers(&[line.to_owned()]).unwrap_err().exit as u8, 2);
    }
    let kept = headers(&["Accept: text/csv".to_owned()]).unwrap();
    assert_eq!(kept.get("accept").unwrap(), "text/csv");
}

#[test]
fn a_terminal_shows_a_body_and_ends_its_line() {
    let shown = |body: &str| String::from_utf8(for_a_terminal(body.as_bytes())).unwrap();
    assert_eq!(shown(r#"{"a":1}"#), "{\"a\":1}\n");
    assert_eq!(shown("a\r\nb\n"), "a\nb\n");
    assert_eq!(shown(""), "");
    assert_eq!(shown("a\u{1b}[2J\u{9b}31m\u{202e}b"), "a\\u001b[2J\\u009b31m\\u202eb\n");
    assert_eq!(for_a_terminal(b"\xff\x00"), "\u{fffd}\\u0000\n".as_bytes());
}
