use super::{LONGEST, Successor};

fn read(body: &str) -> String {
    match Successor::read(body.as_bytes()) {
        Successor::Issued(token) => token.expose().to_owned(),
        Successor::Unchanged => "unchanged".into(),
        Successor::Unreadable => "unreadable".into(),
    }
}

#[test]
fn a_successor_stands_whatever_else_is_wrong() {
    for rest in [
        r#""access_token":"a","token_type":"mac""#,
        r#""access_token":7"#,
        r#""token_type":"Bearer""#,
        r#""access_token":"a","scope":{},"expires_in":true,"id_token":[]"#,
        r#""error":null"#,
        r#""error":"""#,
    ] {
        assert_eq!(read(&format!(r#"{{"refresh_token":"next",{rest}}}"#)), "next", "{rest}");
    }
}

#[test]
fn without_a_successor_what_was_sent_stays() {
    for body in
        [r#"{}"#, r#"{"refresh_token":null}"#, r#"{"refresh_token":""}"#, r#"{"error":"invalid_scope"}"#]
    {
        assert_eq!(read(body), "unchanged", "{body}");
    }
}

#[test]
fn what_cannot_be_told_may_be_spent() {
    let long = format!(r#"{{"refresh_token":"{}"}}"#, "a".repeat(LONGEST + 1));
    for body in [
        "",
        "<html></html>",
        r#"["next"]"#,
        r#"{"refresh_token":"next"} {}"#,
        r#"{"refresh_token":"one","refresh_token":"two"}"#,
        r#"{"scope":"a","scope":"b","refresh_token":"next"}"#,
        r#"{"refresh_token":7}"#,
        r#"{"refresh_token":["next"]}"#,
        r#"{"refresh_token":"next\n"}"#,
        r#"{"refresh_token":"next","error":"invalid_grant"}"#,
        &long,
    ] {
        assert_eq!(read(body), "unreadable", "{body:.60}");
    }
}
