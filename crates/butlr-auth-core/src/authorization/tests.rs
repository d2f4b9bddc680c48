use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::{AuthorizationRequest, AuthorizationResponse};
use crate::{ClientId, Dialect, ErrorKind, Grant, Provider, Scope};

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

fn provider() -> Provider {
    Provider::new("example", "https://as.example.com/token".parse().unwrap(), Dialect::form())
        .with_authorization_endpoint(
            "https://as.example.com/authorize?tenant=a&state=theirs".parse().unwrap(),
        )
        .with_authorization_parameter("audience", "https://butlrauth/")
        .with_issuer_identifier("https://as.example.com")
        .unwrap()
}

fn code_request() -> AuthorizationRequest {
    AuthorizationRequest::code(&provider(), &ClientId::new("cli"), REDIRECT, Scope::empty()).unwrap()
}

fn implicit_request() -> AuthorizationRequest {
    AuthorizationRequest::implicit(&provider(), &ClientId::new("spa"), REDIRECT, Scope::empty()).unwrap()
}

fn sent(request: &AuthorizationRequest) -> BTreeMap<String, String> {
    request.url().query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn state(request: &AuthorizationRequest) -> String {
    sent(request)["state"].clone()
}

//= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
//= type=test
//# Request and response parameters MUST NOT be included more than once.
// Security: A19.
#[test]
fn a_provider_cannot_repeat_what_the_request_says_itself() {
    for name in ["state", "code_challenge_method", "redirect_uri"] {
        let provider = provider().with_authorization_parameter(name, "plain");
        let error = AuthorizationRequest::code(&provider, &ClientId::new("cli"), REDIRECT, Scope::empty());
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);
    }
    let provider = provider()
        .with_authorization_parameter("resource", "https://a.example.com")
        .with_authorization_parameter("resource", "https://b.example.com");
    AuthorizationRequest::code(&provider, &ClientId::new("cli"), REDIRECT, Scope::empty()).unwrap();
}

/// The `prompt` of a request for `scope` at a server that announces these values.
fn prompt(provider: &Provider, scope: &str, announced: &[&str]) -> Option<String> {
    let provider = provider.clone().with_prompt_values(announced.iter().copied());
    let request =
        AuthorizationRequest::code(&provider, &ClientId::new("cli"), REDIRECT, scope.parse().unwrap());
    sent(&request.unwrap()).remove("prompt")
}

//= https://openid.net/specs/openid-connect-core-1_0.html#section-11
//= type=test
//# the prompt parameter value MUST contain consent unless other conditions for processing the request permitting
//# offline access to the requested resources are in place;
#[test]
fn consent_is_asked_for_unasked_only_for_offline_access_and_where_it_is_announced() {
    let announced = ["none", "login", "consent"];
    assert_eq!(prompt(&provider(), "openid offline_access", &announced).as_deref(), Some("consent"));
    assert_eq!(prompt(&provider(), "openid", &announced), None);
    assert_eq!(prompt(&provider(), "openid offline_access", &["none", "login"]), None);
    assert_eq!(prompt(&provider(), "openid offline_access", &[]), None);
    let configured = provider().with_authorization_parameter("prompt", "login");
    assert_eq!(prompt(&configured, "openid offline_access", &announced).as_deref(), Some("login"));
}

#[track_caller]
fn check_refused(request: &mut AuthorizationRequest, redirect: &str, kind: ErrorKind, says: &str) {
    let error = request.accept(redirect).unwrap_err();
    assert_eq!(error.kind(), kind, "{redirect}: {error}");
    assert!(error.to_string().contains(says), "{error}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    assert!(!format!("{error:?}").contains(request.state.expose()), "{error:?}");
}

// Security: A2, A19.
#[test]
fn a_code_request_asks_with_pkce_and_keeps_the_endpoints_query() {
    let request = code_request();
    let sent = sent(&request);
    assert_eq!(sent["response_type"], "code");
    assert_eq!(sent["client_id"], "cli");
    assert_eq!(sent["redirect_uri"], REDIRECT);
    assert_eq!(sent["code_challenge_method"], "S256");
    assert_eq!(sent["code_challenge"].len(), 43);
    assert_eq!(sent["audience"], "https://butlrauth/");
    assert_eq!(sent["tenant"], "a");
    assert_ne!(sent["state"], "theirs");
    assert_eq!(request.url().query_pairs().filter(|(name, _)| name == "state").count(), 1);
}

// Security: A1.
#[test]
fn ten_thousand_requests_share_nothing() {
    let mut seen = HashSet::new();
    for _ in 0..10_000 {
        let sent = sent(&code_request());
        assert!(seen.insert(sent["state"].clone()) && seen.insert(sent["code_challenge"].clone()));
    }
}

// Security: A10.
#[test]
fn the_right_answer_becomes_a_grant_with_everything_the_token_request_needs() {
    let mut request = code_request();
    let redirect =
        format!("{REDIRECT}?code=abc%253D&state={}&iss=https%3A%2F%2Fas.example.com", state(&request));
    let Ok(AuthorizationResponse::Code(Grant::AuthorizationCode {
        code, redirect_uri, code_verifier, ..
    })) = request.accept(&redirect)
    else {
        panic!("a code grant was expected");
    };
    assert_eq!(code.expose(), "abc%3D", "decoded once");
    assert_eq!(redirect_uri, REDIRECT);
    assert_eq!(code_verifier.challenge(), sent(&request)["code_challenge"]);
}

// Security: A4, H9.
#[test]
fn a_strange_answer_leaves_the_attempt_waiting_and_the_right_one_ends_it() {
    let mut request = code_request();
    let other = state(&code_request());
    let own = state(&request);
    for bad in ["", &other, &own[1..], &own.to_lowercase(), &format!("{own}x")] {
        check_refused(
            &mut request,
            &format!("{REDIRECT}?code=canary&state={bad}"),
            ErrorKind::InvalidCallback,
            "`state`",
        );
    }
    check_refused(&mut request, &format!("{REDIRECT}?code=canary"), ErrorKind::InvalidCallback, "`state`");
    assert!(request.accept(&format!("{REDIRECT}?code=good&state={own}")).is_ok());
    let again = format!("{REDIRECT}?code=canary&state={own}");
    check_refused(&mut request, &again, ErrorKind::InvalidCallback, "second time");
}

#[test]
//= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
//= type=test
//# Request and response parameters MUST NOT be included more than once.
fn a_parameter_given_twice_is_refused() {
    for twice in
        ["code=canary&code=canary", "code=canary&state=x", "code=canary&x=1&x=1", "code=canary&iss=a&iss=a"]
    {
        let mut request = code_request();
        let redirect = format!("{REDIRECT}?state={}&{twice}", state(&request));
        check_refused(&mut request, &redirect, ErrorKind::InvalidCallback, "twice");
    }
}

// Security: A6.
#[test]
fn malformed_answers_are_refused() {
    for (parameters, says) in [
        ("code=", "no `code`"),
        ("x=1", "no `code`"),
        ("code=canary%0d%0a", "malformed"),
        ("code=canary%00", "encoded"),
        ("code=canary%zz", "encoded"),
        ("code=canary%2", "encoded"),
        ("code=canary%ff", "encoded"),
        ("code=canary&error=access_denied", "both"),
    ] {
        let mut request = code_request();
        let redirect = format!("{REDIRECT}?state={}&{parameters}", state(&request));
        check_refused(&mut request, &redirect, ErrorKind::InvalidCallback, says);
    }
    let long = format!("{REDIRECT}?code={}", "c".repeat(1_000_000));
    check_refused(&mut code_request(), &long, ErrorKind::InvalidCallback, "64 KiB");
    check_refused(&mut code_request(), REDIRECT, ErrorKind::InvalidCallback, "no parameters");
}

// Security: A5.
#[test]
fn an_error_is_typed_only_with_the_right_state() {
    let mut request = code_request();
    let error = "error=access_denied&error_description=no%1b%5b31m";
    check_refused(&mut request, &format!("{REDIRECT}?{error}"), ErrorKind::InvalidCallback, "`state`");
    let redirect = format!("{REDIRECT}?{error}&state={}", state(&request));
    check_refused(&mut request, &redirect, ErrorKind::Refused, "access_denied (no\\u{1b}[31m)");
}

// Security: H1.
#[test]
fn what_an_answer_repeats_of_the_attempt_is_not_shown() {
    for answer in
        ["error={}", "error=x&error_description=a {} b", "error=x&error_uri={}", "code=canary&iss=a{}canary"]
    {
        let mut request = code_request();
        let own = state(&request);
        let redirect = format!("{REDIRECT}?{}&state={own}", answer.replace("{}", &own));
        let error = request.accept(&redirect).unwrap_err();
        let shown = format!("{error} {error:?} {:?}", error.error_response());
        assert!(
            shown.contains("[redacted]") && !shown.contains(&own) && !shown.contains("canary"),
            "{shown}"
        );
    }
}

#[test]
//= https://www.rfc-editor.org/rfc/rfc9207#section-2.4
//= type=test
//# If the value does not match the expected issuer identifier, clients MUST reject the authorization
//# response and MUST NOT proceed with the authorization grant.
fn another_issuer_is_refused() {
    for iss in ["https://as.example.com/", "https://AS.example.com", "https://evil.test", ""] {
        let mut request = code_request();
        let redirect = format!("{REDIRECT}?code=canary&state={}&iss={iss}", state(&request));
        check_refused(&mut request, &redirect, ErrorKind::InvalidCallback, "issuer");
    }
}

// Security: A7.
#[test]
fn a_promised_issuer_that_is_missing_is_refused_with_both_facts() {
    let provider = provider().with_authorization_response_iss();
    let mut request =
        AuthorizationRequest::code(&provider, &ClientId::new("cli"), REDIRECT, Scope::empty()).unwrap();
    let redirect = format!("{REDIRECT}?error=access_denied&state={}", state(&request));
    check_refused(&mut request, &redirect, ErrorKind::InvalidCallback, "names no issuer");
    check_refused(&mut request, &redirect, ErrorKind::InvalidCallback, "access_denied");
}

// Security: A12.
#[test]
fn an_implicit_answer_is_read_from_the_fragment_alone() {
    let mut request = implicit_request();
    assert!(!sent(&request).contains_key("code_challenge"));
    assert_eq!(sent(&request)["response_type"], "token");
    let answer = format!("access_token=mF_9&token_type=bearer&expires_in=60&state={}", state(&request));
    check_refused(
        &mut request,
        &format!("{REDIRECT}?{answer}"),
        ErrorKind::InvalidCallback,
        "where they belong",
    );
    let Ok(AuthorizationResponse::Token(response)) = request.accept(&format!("{REDIRECT}#{answer}")) else {
        panic!("a token was expected");
    };
    assert_eq!(response.access_token.expose(), "mF_9");
    assert_eq!(response.expires_in.unwrap().as_secs(), 60);
}

// Security: A12.
#[test]
fn an_implicit_answer_is_as_strict_as_a_token_response() {
    for (parameters, says) in [
        ("access_token=canary&token_type=mac", "token_type"),
        ("access_token=canary", "token_type"),
        ("access_token=canary&token_type=bearer&expires_in=never", "expires_in"),
        ("access_token=canary&token_type=bearer&refresh_token=canary", "refresh token"),
        ("access_token=canary&token_type=bearer&id_token=canary", "not a JWT"),
        ("access_token=&token_type=bearer", "access_token"),
    ] {
        let mut request = implicit_request();
        let redirect = format!("{REDIRECT}#{parameters}&state={}", state(&request));
        check_refused(&mut request, &redirect, ErrorKind::InvalidCallback, says);
    }
}

proptest! {
    // Security: H3.
    #[test]
    fn no_redirect_panics(text in ".{0,200}") {
        let _ = code_request().accept(&text);
        let _ = implicit_request().accept(&format!("{REDIRECT}#{text}"));
    }
}

// Security: A4.
#[test]
fn only_an_answer_with_the_state_of_the_attempt_is_its_own() {
    let code = code_request();
    let own = format!("{REDIRECT}?error=server_error&state={}", state(&code));
    assert!(code.is_answered_by(&own));
    assert!(code.is_answered_by(&format!("{REDIRECT}?state=other&state={}", state(&code))));
    for other in [
        REDIRECT.to_owned(),
        format!("{REDIRECT}?state="),
        format!("{REDIRECT}?state={}x", state(&code)),
        format!("{REDIRECT}?code={}", state(&code)),
        format!("{REDIRECT}#state={}", state(&code)),
        format!("{own}&{}", "a".repeat(64 * 1024)),
    ] {
        assert!(!code.is_answered_by(&other), "{other}");
    }
    let implicit = implicit_request();
    assert!(implicit.is_answered_by(&format!("{REDIRECT}#state={}", state(&implicit))));
    assert!(!implicit.is_answered_by(&format!("{REDIRECT}?state={}", state(&implicit))));
}
