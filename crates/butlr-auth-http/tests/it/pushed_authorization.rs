//! Authorization requests pushed beforehand, RFC 9126.

use std::time::Duration;

use butlr_auth_core::{
    AuthorizationRequest, AuthorizationResponse, ClientId, ClientSecret, Dialect, Error, ErrorKind,
    ManualClock, Provider, PushedAuthorization, Scope, TokenEndpoint,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::{AuthorizationServer, Endpoint};
use url::Url;

use crate::capture::{Capture, Play, response};

const REDIRECT_URI: &str = "http://127.0.0.1:8910/callback";
const ANSWER: &str =
    r#"{"request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c","expires_in":60}"#;

fn request(provider: &Provider, client_id: &str) -> AuthorizationRequest {
    let scope: Scope = "openid read:rooms".parse().unwrap();
    AuthorizationRequest::code(provider, &ClientId::new(client_id), REDIRECT_URI, scope).unwrap()
}

async fn discovered(server: &AuthorizationServer, clock: ManualClock) -> HttpTokenEndpoint {
    let builder = HttpTokenEndpoint::discover(server.issuer()).await.unwrap();
    let client = server.client();
    let secret = ClientSecret::new(client.secret.as_str()).unwrap();
    builder.client_secret(client.id.as_str(), secret).clock(clock).build().unwrap()
}

fn names(url: &Url) -> Vec<String> {
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

async fn pushed(play: Play, endpoint_query: &str) -> Result<PushedAuthorization, Error> {
    let capture = Capture::start(play).await;
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), Dialect::form())
        .with_authorization_endpoint(capture.url(&format!("/authorize{endpoint_query}")).parse().unwrap())
        .with_pushed_authorization_request_endpoint(capture.url("/par").parse().unwrap());
    let secret = ClientSecret::new("canary-secret").unwrap();
    let clock = ManualClock::new();
    let builder = HttpTokenEndpoint::builder(provider).client_secret("cli", secret).clock(clock);
    let endpoint = builder.build().unwrap();
    let request = request(endpoint.provider(), "cli");
    let result = endpoint.push(&request).await;
    let state = request.parameters().iter().find(|(name, _)| name == "state").unwrap().1.clone();
    let shown = format!("{result:?}");
    assert!(!shown.contains("canary") && !shown.contains(&state), "{shown}");
    capture.only_request();
    result
}

#[tokio::test]
async fn f6_the_browser_sees_the_client_and_the_request_uri_alone() {
    for required in [false, true] {
        let builder = AuthorizationServer::builder().require_pushed_authorization_requests(required);
        let server = builder.start().await.unwrap();
        let endpoint = discovered(&server, ManualClock::new()).await;
        assert_eq!(endpoint.provider().requires_pushed_authorization(), required);
        let mut request = request(endpoint.provider(), &server.client().id);
        let url = endpoint.authorization_url(&request).await.unwrap();
        assert_eq!(names(&url), ["client_id", "request_uri"]);
        let redirect = server.approve(url.as_str()).await.unwrap();
        let AuthorizationResponse::Code(grant) = request.accept(&redirect).unwrap() else {
            panic!("a code was asked for");
        };
        let token = endpoint.exchange(&grant).await.unwrap();
        assert!(token.id_token.is_some());
        assert_eq!(server.journal().requests(Endpoint::PushedAuthorization), 1);
    }
}

#[tokio::test]
async fn f6_a_server_that_requires_pushed_requests_takes_no_other() {
    let builder = AuthorizationServer::builder().require_pushed_authorization_requests(true);
    let server = builder.start().await.unwrap();
    let endpoint = discovered(&server, ManualClock::new()).await;
    let mut request = request(endpoint.provider(), &server.client().id);
    let redirect = server.approve(request.url().as_str()).await.unwrap();
    assert_eq!(request.accept(&redirect).unwrap_err().kind(), ErrorKind::Refused);

    let provider = Provider::new("example", "https://as.example.com/token".parse().unwrap(), Dialect::form())
        .with_authorization_endpoint("https://as.example.com/authorize".parse().unwrap());
    let plain = HttpTokenEndpoint::builder(provider.clone()).client_id("cli").build().unwrap();
    let direct = self::request(&provider, "cli");
    assert_eq!(plain.authorization_url(&direct).await.unwrap(), *direct.url());
    let demanding = provider.with_required_pushed_authorization();
    let demanding = HttpTokenEndpoint::builder(demanding).client_id("cli").build().unwrap();
    assert_eq!(demanding.authorization_url(&direct).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn f6_a_request_uri_is_used_once_and_not_after_its_end() {
    let server = AuthorizationServer::start().await.unwrap();
    let clock = ManualClock::new();
    let endpoint = discovered(&server, clock.clone()).await;
    let request = request(endpoint.provider(), &server.client().id);
    let url = endpoint.authorization_url(&request).await.unwrap();
    server.approve(url.as_str()).await.unwrap();
    server.approve(url.as_str()).await.unwrap_err();

    let pushed = endpoint.push(&request).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let error = pushed.into_url(butlr_auth_core::Clock::now(&clock)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);

    let url = endpoint.authorization_url(&request).await.unwrap();
    server.advance_time(Duration::from_secs(60));
    server.approve(url.as_str()).await.unwrap_err();
}

#[tokio::test]
async fn f6_status_201_or_200_and_what_the_endpoints_url_held_is_kept() {
    let now = butlr_auth_core::Clock::now(&ManualClock::new());
    for status in ["201 Created", "200 OK"] {
        let answer = response(status, "application/json", ANSWER);
        let url =
            pushed(Play::Bytes(answer), "?tenant=1&client_id=old").await.unwrap().into_url(now).unwrap();
        let query = "tenant=1&client_id=cli&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c";
        assert_eq!(url.query(), Some(query));
    }
}

#[tokio::test]
async fn f6_failures_are_typed() {
    let json = |status, body| Play::Bytes(response(status, "application/json", body));
    for (play, kind) in [
        (json("400 Bad Request", r#"{"error":"invalid_request"}"#), ErrorKind::Refused),
        (json("400 Bad Request", ""), ErrorKind::Refused),
        (
            json("401 Unauthorized", r#"{"error":"invalid_client","error_description":"canary-secret"}"#),
            ErrorKind::Refused,
        ),
        (json("405 Not Allowed", ""), ErrorKind::Refused),
        (json("413 Too Large", ""), ErrorKind::Refused),
        (json("429 Too Many", ""), ErrorKind::Throttled),
        (json("503 Down", ""), ErrorKind::ServerFailed),
        (json("202 Accepted", ANSWER), ErrorKind::InvalidResponse),
        (json("307 Temporary", ANSWER), ErrorKind::InvalidResponse),
        (json("201 Created", ""), ErrorKind::InvalidResponse),
        (json("201 Created", r#"{"expires_in":60}"#), ErrorKind::InvalidResponse),
        (json("201 Created", r#"{"request_uri":"urn:a"}"#), ErrorKind::InvalidResponse),
        (json("201 Created", r#"{"request_uri":"","expires_in":60}"#), ErrorKind::InvalidResponse),
        (json("201 Created", r#"{"request_uri":7,"expires_in":60}"#), ErrorKind::InvalidResponse),
        (json("201 Created", r#"{"request_uri":"urn:a\nb","expires_in":60}"#), ErrorKind::InvalidResponse),
        (json("201 Created", r#"{"request_uri":"urn:a","expires_in":-1}"#), ErrorKind::InvalidResponse),
        (
            json("201 Created", r#"{"request_uri":"urn:a","request_uri":"urn:b","expires_in":60}"#),
            ErrorKind::InvalidResponse,
        ),
    ] {
        let error = pushed(play, "").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
}

#[tokio::test]
async fn a_request_for_another_provider_is_not_pushed() {
    let server = AuthorizationServer::start().await.unwrap();
    let endpoint = discovered(&server, ManualClock::new()).await;
    let other =
        Provider::empty("other").with_authorization_endpoint("https://as.example.com/a".parse().unwrap());
    let error = endpoint.push(&request(&other, "cli")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(server.journal().requests(Endpoint::PushedAuthorization), 0);
}
