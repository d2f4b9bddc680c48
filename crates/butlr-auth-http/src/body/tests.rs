use butlr_auth_core::{BodyEncoding, Dialect};

use super::Body;

#[track_caller]
fn check(form: &str, dialect: &Dialect, body: &str) {
    let encoded = Body::new(form.as_bytes(), dialect).encode(dialect.body);
    assert_eq!(std::str::from_utf8(&encoded).unwrap(), body);
}

#[test]
fn a_form_stays_as_it_was() {
    let form = "grant_type=refresh_token&refresh_token=a%25b%2Fc+d";
    check(form, &Dialect::form(), form);
}

#[test]
fn json_holds_each_value_as_it_is_and_the_client_first() {
    check(
        "grant_type=refresh_token&refresh_token=8x%253d%22%5C%0A%C3%A9&client_id=A&client_secret=b",
        &Dialect::json().with_parameter("audience", "https://butlrauth/"),
        r#"{"client_id":"A","client_secret":"b","audience":"https://butlrauth/","grant_type":"refresh_token","refresh_token":"8x%3d\"\\\né"}"#,
    );
}

#[test]
fn what_the_dialect_omits_is_gone() {
    let dialect = Dialect::json().without_parameter("grant_type").without_parameter("scope");
    check(
        "grant_type=password&username=u&password=p&scope=s",
        &dialect,
        r#"{"username":"u","password":"p"}"#,
    );
}

#[test]
fn a_name_never_stands_twice_unless_the_dialect_says_so() {
    let dialect = Dialect::form().with_parameter("scope", "own");
    check("grant_type=password&scope=a", &dialect, "grant_type=password&scope=own");
    let dialect = Dialect::form().with_parameter("resource", "a").with_parameter("resource", "b");
    check("grant_type=password&resource=c", &dialect, "grant_type=password&resource=a&resource=b");
}

#[test]
fn a_parameter_that_is_omitted_and_added_is_added() {
    let dialect = Dialect::form().without_parameter("scope").with_parameter("scope", "own");
    check("scope=a", &dialect, "scope=own");
}

#[test]
fn the_buffer_never_moves_while_it_is_filled() {
    let value = "\u{1}\"%".repeat(1000);
    let form: String =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("code", &value).finish();
    for (encoding, dialect) in [(BodyEncoding::Form, Dialect::form()), (BodyEncoding::Json, Dialect::json())]
    {
        let encoded = Body::new(form.as_bytes(), &dialect).encode(encoding);
        assert_eq!(encoded.capacity(), 16 + 6 * ("code".len() + value.len()) + 8);
    }
}

#[test]
fn several_values_of_one_name_are_a_list_in_json() {
    let dialect = Dialect::json().with_parameter("resource", "a").with_parameter("resource", "b");
    check("grant_type=password", &dialect, r#"{"resource":["a","b"],"grant_type":"password"}"#);
}
