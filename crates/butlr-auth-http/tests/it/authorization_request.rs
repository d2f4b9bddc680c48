//! The URLs that a person's browser is sent to. What is fresh in each one is shown by its name.

use butlr_auth_core::{
    AuthorizationRequest, ClientId, Dialect, Error, ErrorKind, Grant, Provider, Scope, Secret,
    TokenEndpoint as _,
};
use butlr_auth_http::HttpTokenEndpoint;
use url::Url;

use crate::capture::Capture;

type Ask = fn(&Provider, &ClientId, String, Scope) -> Result<AuthorizationRequest, Error>;

fn example() -> Provider {
    Provider::new("example", "https://as.example.com/token".parse().unwrap(), Dialect::form())
        .with_authorization_endpoint("https://as.example.com/authorize?tenant=a%20b".parse().unwrap())
}

/// One line per parameter.
fn show(url: &Url) -> String {
    let mut bare = url.clone();
    bare.set_query(None);
    let parameters = url.query_pairs().map(|(name, value)| match &*name {
        "state" | "nonce" | "code_challenge" => format!("\n{name}=[{name}, {} characters]", value.len()),
        _ => format!("\n{name}={value}"),
    });
    parameters.fold(bare.to_string(), |shown, line| shown + &line)
}

#[track_caller]
fn check(name: &str, ask: Ask, provider: &Provider, scope: &str) {
    let client = ClientId::new("BA779C49: odd id");
    let redirect_uri = "http://127.0.0.1:8910/callback?a=b%20c".to_owned();
    let urls = [(); 2].map(|()| {
        let scope = scope.parse().unwrap();
        ask(provider, &client, redirect_uri.clone(), scope).unwrap().url().clone()
    });
    let [one, other] = &urls;
    for fresh in ["state", "nonce", "code_challenge"] {
        let value = |url: &Url| {
            url.query_pairs().find(|(name, _)| name == fresh).map(|(_, value)| value.into_owned())
        };
        assert!(value(one).is_none() || value(one) != value(other), "{fresh} is used twice");
    }
    insta::assert_snapshot!(name.to_owned(), show(one));
}

// Security: A2.
#[test]
fn a_code_is_asked_for_with_state_nonce_and_challenge() {
    check("authorization_code", AuthorizationRequest::code, &example(), "openid read:rooms");
    check("authorization_code-no-scope", AuthorizationRequest::code, &example(), "");
}

#[test]
fn a_token_is_asked_for_without_a_challenge() {
    check("implicit", AuthorizationRequest::implicit, &example(), "read:rooms");
    check("implicit-openid", AuthorizationRequest::implicit, &example(), "openid read:rooms");
}

#[test]
fn butlrs_dashboard_is_asked_for_butlrs_audience() {
    let provider = Provider::butlr().with_issuer("https://tenant.auth0.example/").unwrap();
    check("butlr-dashboard", AuthorizationRequest::code, &provider, "openid offline_access read:rooms");
}

// Security: A20.
#[tokio::test]
async fn resources_are_named_one_by_one_in_both_requests() {
    let resources = ["https://api.example.com/rooms", "urn:example:reports"];
    let capture = Capture::json(r#"{"access_token":"at","token_type":"Bearer"}"#).await;
    let mut provider = Provider::new("example", capture.url("/token").parse().unwrap(), Dialect::form())
        .with_authorization_endpoint("https://as.example.com/authorize".parse().unwrap());
    for resource in resources {
        provider = provider.with_resource(resource).unwrap();
    }
    let named = |query: &str| -> Vec<String> {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.filter(|(name, _)| name == "resource").map(|(_, value)| value.into_owned()).collect()
    };
    let client = ClientId::new("cli");
    let request =
        AuthorizationRequest::code(&provider, &client, "http://127.0.0.1:1/", Scope::empty()).unwrap();
    assert_eq!(named(request.url().query().unwrap()), resources);
    let endpoint = HttpTokenEndpoint::builder(provider.clone()).client_id("cli").build().unwrap();
    endpoint.exchange(&Grant::refresh_token(Secret::new("rt").unwrap())).await.unwrap();
    assert_eq!(named(&capture.only_request().body), resources);
    for wrong in ["", "/rooms", "api.example.com", "https://api.example.com/#rooms", "https://a b/"] {
        let error = provider.clone().with_resource(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{wrong}");
    }
}
