use reqwest::header::{HeaderValue, WWW_AUTHENTICATE};

use super::*;

fn refuses(status: StatusCode, challenge: Option<&'static str>, body: &str) -> bool {
    let challenge = challenge.map(|challenge| (WWW_AUTHENTICATE, HeaderValue::from_static(challenge)));
    let headers = HeaderMap::from_iter(challenge);
    Answer { status, headers, body: body.as_bytes().to_vec() }.refuses_token()
}

// Security: D10.
#[test]
fn only_a_refusal_of_the_token_itself_renews_it() {
    let unauthorized = |challenge| refuses(StatusCode::UNAUTHORIZED, challenge, "");
    assert!(unauthorized(None));
    for of_the_token in [
        "Bearer",
        r#"Bearer realm="error=1""#,
        r#"bearer ERROR="invalid_token", error_description="it ended""#,
        r#"Basic realm="x", Bearer error="invalid_token""#,
    ] {
        assert!(unauthorized(Some(of_the_token)), "{of_the_token}");
    }
    for of_another in [
        r#"Bearer error="insufficient_scope", error_description="this is no invalid_token""#,
        r#"Bearer error="invalid_request", error_uri="https://example.com/#error=invalid_token""#,
        r#"Basic realm="error=invalid_token""#,
    ] {
        assert!(!unauthorized(Some(of_another)), "{of_another}");
    }
    assert!(!refuses(StatusCode::FORBIDDEN, Some(r#"Bearer error="invalid_token""#), ""));
}

#[test]
fn graphql_refuses_with_status_200() {
    let ok = |body| refuses(StatusCode::OK, None, body);
    assert!(ok(r#"{"errors":[{"message":"?"},{"extensions":{"code":"UNAUTHENTICATED"}}]}"#));
    assert!(!ok(r#"{"errors":[{"extensions":{"code":"FORBIDDEN"}}]}"#));
    assert!(!ok(r#"{"data":{"code":"UNAUTHENTICATED"}}"#));
    assert!(!ok("UNAUTHENTICATED"));
}

fn answered(body: &str) -> Answer {
    Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.as_bytes().to_vec() }
}

#[test]
fn errors_of_graphql_are_counted_beside_data_too() {
    for (body, errors) in [
        (r#"{"data":{"a":1}}"#, 0),
        (r#"{"data":null,"errors":[]}"#, 0),
        (r#"{"data":{"a":1},"errors":null}"#, 0),
        (r#"{"data":{"a":null},"errors":[{"message":"no"}]}"#, 1),
        (r#"{"errors":[{},{}]}"#, 2),
        (r#"{"errors":"no"}"#, 1),
        ("errors", 0),
    ] {
        assert_eq!(answered(body).graphql_errors(), errors, "{body}");
    }
}

#[test]
fn a_redirects_target_is_shown_without_what_may_be_a_secret() {
    for (location, shown) in [
        ("https://login.example/a?code=s3cret#t", Some("https://login.example/a")),
        ("/elsewhere", Some("/elsewhere")),
        ("https://user:pw@evil.example/a", Some("evil.example/a")),
        ("", None),
    ] {
        let mut answer = answered("");
        answer.headers.insert(LOCATION, HeaderValue::from_static(location));
        assert_eq!(answer.target().as_deref(), shown);
    }
    let mut answer = answered("");
    answer.headers.insert(LOCATION, HeaderValue::from_bytes("/a\u{202e}\u{9b}b".as_bytes()).unwrap());
    assert_eq!(answer.target().unwrap(), "/a\\u{202e}\\u{9b}b");
}
