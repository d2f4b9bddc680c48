//! RFC 7662: whether a token is good, by the server's word.

use std::time::{Duration, SystemTime};

use butlr_auth_core::{
    AccessToken, ClientSecret, Dialect, Error, ErrorKind, Grant, Introspection, Provider, Revocation,
    TokenEndpoint,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::AuthorizationServer;

use crate::capture::{Capture, Play, response};

async fn asked(play: Play) -> Result<Introspection, Error> {
    let capture = Capture::start(play).await;
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), Dialect::json())
        .with_introspection_endpoint(capture.url("/introspect").parse().unwrap());
    let secret = ClientSecret::new("canary-secret").unwrap();
    let endpoint = HttpTokenEndpoint::builder(provider).client_secret("cli", secret).build().unwrap();
    let result = endpoint.introspect(&AccessToken::new("canary-token").unwrap()).await;
    assert!(!format!("{result:?}").contains("canary"), "{result:?}");
    capture.only_request();
    result
}

async fn said(body: &str) -> Result<Introspection, Error> {
    asked(Play::Bytes(response("200 OK", "application/json", body))).await
}

#[tokio::test]
async fn g6_only_the_boolean_true_is_active() {
    assert!(said(r#"{"active":true}"#).await.unwrap().active);
    assert!(!said(r#"{"active":false}"#).await.unwrap().active);
    for body in [
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        r#"{"sub":"ada"}"#,
        r#"{"active":true,"active":true}"#,
        r#"{"active":true,"exp":"canary-token"}"#,
        "true",
        "",
        "eyJhbGciOiJub25lIn0.eyJhY3RpdmUiOnRydWV9.",
    ] {
        assert_eq!(said(body).await.unwrap_err().kind(), ErrorKind::InvalidResponse, "{body}");
    }
    // A signed answer (RFC 9701) was not asked for.
    let signed = response("200 OK", "application/token-introspection+jwt", "eyJhbGciOiJub25lIn0.e30.");
    assert_eq!(asked(Play::Bytes(signed)).await.unwrap_err().kind(), ErrorKind::InvalidResponse);
}

#[tokio::test]
async fn g6_a_client_that_may_not_ask_is_told_so() {
    let json = |status, body| Play::Bytes(response(status, "application/json", body));
    for (play, kind) in [
        (json("401 Unauthorized", r#"{"error":"invalid_client"}"#), ErrorKind::Refused),
        (json("401 Unauthorized", ""), ErrorKind::Refused),
        (json("403 Forbidden", r#"{"active":true}"#), ErrorKind::Refused),
        (json("201 Created", r#"{"active":true}"#), ErrorKind::InvalidResponse),
        (json("302 Found", r#"{"active":true}"#), ErrorKind::InvalidResponse),
        (json("503 Down", r#"{"active":true}"#), ErrorKind::ServerFailed),
        (json("200 OK", r#"{"error":"invalid_request"}"#), ErrorKind::Refused),
    ] {
        let error = asked(play).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    let server = AuthorizationServer::start().await.unwrap();
    let token = AccessToken::new("at").unwrap();
    let builder = HttpTokenEndpoint::discover(server.issuer()).await.unwrap();
    let public = builder.client_id(server.public_client().id.as_str()).build().unwrap();
    assert_eq!(public.introspect(&token).await.unwrap_err().status(), Some(401));
    let without = HttpTokenEndpoint::builder(Provider::butlr()).client_id("cli").build().unwrap();
    assert_eq!(without.introspect(&token).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn g6_what_the_server_says_follows_the_tokens_life() {
    let server = AuthorizationServer::start().await.unwrap();
    let builder = HttpTokenEndpoint::discover(server.issuer()).await.unwrap();
    let client = server.client();
    let secret = ClientSecret::new(client.secret.as_str()).unwrap();
    let endpoint = builder.client_secret(client.id.as_str(), secret).build().unwrap();
    let grant = Grant::client_credentials().with_scope("read:rooms".parse().unwrap());
    let token = endpoint.exchange(&grant).await.unwrap().access_token;

    let answer = endpoint.introspect(&token).await.unwrap();
    assert!(answer.active);
    assert_eq!(answer.client_id.as_deref(), Some(client.id.as_str()));
    assert_eq!(answer.issuer.as_deref(), Some(server.issuer()));
    assert_eq!(answer.audience, [server.audience()]);
    assert_eq!(answer.scope, Some("read:rooms".parse().unwrap()));
    let end = answer.expires_at.unwrap();
    assert!(end > SystemTime::UNIX_EPOCH);
    assert_eq!(answer.reusable_for(end, Duration::from_secs(60)), Duration::ZERO);

    endpoint.revoke(Revocation::AccessToken(&token)).await.unwrap();
    assert_eq!(endpoint.introspect(&token).await.unwrap(), Introspection::default());
    let token = endpoint.exchange(&grant).await.unwrap().access_token;
    server.advance_time(Duration::from_secs(1001));
    assert!(!endpoint.introspect(&token).await.unwrap().active);
    let unknown = AccessToken::new("never-issued").unwrap();
    assert!(!endpoint.introspect(&unknown).await.unwrap().active);
}
