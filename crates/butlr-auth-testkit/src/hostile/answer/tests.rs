use super::*;

fn words() -> Words<'static> {
    let sent = Sent { client_id: "cli", client_secret: "secret", token: "refresh" };
    Words { surface: Surface::Token, sent, here: "http://here".into(), elsewhere: "http://elsewhere".into() }
}

#[track_caller]
fn check(file: &str, wire: &str) {
    assert_eq!(String::from_utf8(words().expand(file.as_bytes())).unwrap(), wire);
}

#[test]
fn placeholders_are_filled_in() {
    check("{self} {elsewhere} {token}", "http://here http://elsewhere refresh");
    check("{repeat 3 ab}", "ababab");
    check("{numbered 3 m#,}", "m0,m1,m2,");
    check(r##"[{numbered 2 {"kid":"#"},}0]"##, r#"[{"kid":"0"},{"kid":"1"},0]"#);
}

#[test]
fn other_braces_stay_as_they_are() {
    check(r#"{"a":{"b":"{token}"}}"#, r#"{"a":{"b":"refresh"}}"#);
    check(r#"{"a":{"b":"{token}""#, r#"{"a":{"b":"refresh""#);
    check("{unknown} {", "{unknown} {");
}

#[test]
fn of_a_thousand_keys_there_are_a_thousand() {
    let case = Case::all().into_iter().find(|case| case.name() == "jwks/1000-keys").unwrap();
    let bytes = case.bytes(&words()).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap().matches(r#""kty":"#).count(), 1000);
}
