//! What comes back on a redirect, in the query and in the fragment.

use butlr_auth_core::{
    AuthorizationRequest, AuthorizationResponse, ClientId, Dialect, Error, Grant, Provider, Scope,
};

use crate::check_silent;

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

/// An input may name the state that was drawn as `{state}`; without it nothing gets in.
pub(crate) fn redirect(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    for (make, mark) in [(code as Make, '?'), (token, '#')] {
        let Ok(mut request) = make() else { panic!("the request is a good one") };
        let state = request
            .parameters()
            .iter()
            .find_map(|(name, value)| (name == "state").then(|| value.clone()))
            .unwrap_or_default();
        let redirect = format!("{REDIRECT}{mark}{}", text.replace("{state}", &state));
        match request.accept(&redirect) {
            Ok(response) => {
                assert!(text.contains("{state}"), "a state was guessed: {text:?}");
                check_response(response);
                assert!(request.accept(&redirect).is_err(), "an attempt has one answer");
            }
            Err(error) => {
                let shown = format!("{error} {error:?}");
                check_silent(&shown);
                assert!(!shown.contains(&state), "{shown}");
                assert!(!shown.chars().any(char::is_control), "{shown:?}");
            }
        }
    }
}

type Make = fn() -> Result<AuthorizationRequest, Error>;

fn code() -> Result<AuthorizationRequest, Error> {
    AuthorizationRequest::code(&provider()?, &ClientId::new("cli"), REDIRECT, Scope::empty())
}

fn token() -> Result<AuthorizationRequest, Error> {
    AuthorizationRequest::implicit(&provider()?, &ClientId::new("cli"), REDIRECT, Scope::empty())
}

fn provider() -> Result<Provider, Error> {
    Provider::new("example", "https://as.example.com/token".parse()?, Dialect::form())
        .with_authorization_endpoint("https://as.example.com/authorize".parse()?)
        .with_issuer_identifier("https://as.example.com")
}

fn check_response(response: AuthorizationResponse) {
    match response {
        AuthorizationResponse::Code(Grant::AuthorizationCode { code, redirect_uri, .. }) => {
            assert!(!code.expose().is_empty());
            assert_eq!(redirect_uri, REDIRECT);
        }
        AuthorizationResponse::Token(token) => {
            assert!(token.refresh_token.is_none(), "the implicit grant brings none");
        }
        other => panic!("neither a code nor a token: {other:?}"),
    }
}
