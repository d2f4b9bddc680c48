//! Every flow ends with an API call that the server authorises.

use std::time::Duration;

use butlr_auth::{
    AuthorizationRequest, AuthorizationResponse, ClientId, Dialect, ErrorKind, Grant, HttpTokenEndpoint,
    MemoryStore, Provider, Scope, Session, Token,
};
use butlr_auth_testkit::AuthorizationServer;

use crate::{endpoint, generic, password, session};

const REDIRECT: &str = "http://127.0.0.1:8910/callback";

/// Calls the API as any program would.
async fn authorised(server: &AuthorizationServer, token: &Token) -> bool {
    let url = format!("{}/api/v3/graphql", server.base_url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client.post(url).bearer_auth(token.access_token().expose());
    let request = request.header("content-type", "application/json").body(r#"{"query":"{ __typename }"}"#);
    request.send().await.unwrap().status().is_success()
}

#[tokio::test]
async fn butlr_client_credentials_are_renewed_by_themselves() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = Provider::butlr_at(&server.base_url().parse().unwrap());
    let session =
        Session::builder(endpoint(&server, provider)).grant(Grant::client_credentials()).open().unwrap();
    let first = session.token().await.unwrap();
    assert!(authorised(&server, &first).await);
    // The server's clock goes on, ours does not: the token is refused, and a report of that brings another one.
    server.advance_time(Duration::from_secs(100_000));
    assert!(!authorised(&server, &first).await);
    let second = session.renew().await.unwrap();
    assert!(authorised(&server, &second).await);
    assert_eq!(server.journal().token_requests(), 2);
}

#[tokio::test]
async fn butlr_password_sessions_end_without_a_refresh_endpoint_and_go_on_with_one() {
    let server = AuthorizationServer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let base = server.base_url().parse().unwrap();
    let without = session(endpoint(&server, Provider::butlr_at(&base)), &folder);
    let token = without.login(&password(&server)).await.unwrap();
    assert!(authorised(&server, &token).await);
    assert_eq!(without.renew().await.unwrap_err().kind(), ErrorKind::LoginRequired);

    let refresh = base.join_path("/api/v2/refresh");
    let with =
        session(endpoint(&server, Provider::butlr_at(&base).with_butlr_refresh_endpoint(refresh)), &folder);
    // At another endpoint it is another session: no refresh token goes where it was not issued for.
    assert_eq!(with.token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
    let token = with.login(&password(&server)).await.unwrap();
    let renewed = with.renew().await.unwrap();
    assert_ne!(renewed.fingerprint(), token.fingerprint());
    assert!(authorised(&server, &renewed).await);
    assert!(server.journal().judge().is_clean());
}

#[tokio::test]
async fn an_authorization_code_is_exchanged_and_its_session_refreshed_and_revoked() {
    for dialect in [Dialect::form(), Dialect::json()] {
        let server = AuthorizationServer::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let provider = generic(&server, dialect);
        let client_id = ClientId::new(server.client().id.clone());
        let scope: Scope = "openid offline_access read:spaces".parse().unwrap();
        let mut request = AuthorizationRequest::code(&provider, &client_id, REDIRECT, scope).unwrap();
        let redirect = server.approve(request.url().as_str()).await.unwrap();
        let AuthorizationResponse::Code(grant) = request.accept(&redirect).unwrap() else { panic!("a code") };

        let session = session(endpoint(&server, provider), &folder);
        let token = session.login(&grant).await.unwrap();
        assert!(authorised(&server, &token).await);
        let renewed = session.renew().await.unwrap();
        assert!(authorised(&server, &renewed).await);
        assert_eq!(session.status().await.unwrap().subject.as_deref(), Some(server.user().subject.as_str()));

        let logout = session.logout().await.unwrap();
        assert!(logout.not_revoked.is_none());
        assert!(!authorised(&server, &renewed).await, "the server has forgotten it too");
        assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
        assert!(server.journal().judge().is_clean());
    }
}

#[tokio::test]
async fn the_dashboard_way_asks_for_the_audience_on_the_authorization_request() {
    let server = AuthorizationServer::builder().default_audience("https://elsewhere/").start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let provider =
        Provider::butlr_at(&server.base_url().parse().unwrap()).with_issuer(server.issuer()).unwrap();
    let client_id = ClientId::new(server.public_client().id.clone());
    let mut request = AuthorizationRequest::code(&provider, &client_id, REDIRECT, Scope::empty()).unwrap();
    let redirect = server.approve(request.url().as_str()).await.unwrap();
    let AuthorizationResponse::Code(grant) = request.accept(&redirect).unwrap() else { panic!("a code") };
    let endpoint = butlr_auth::HttpTokenEndpoint::builder(provider).client_id(client_id).build().unwrap();
    let token = session(endpoint, &folder).login(&grant).await.unwrap();
    assert!(authorised(&server, &token).await, "the audience is the API's");
}

// Security: A12.
#[tokio::test]
async fn an_implicit_token_comes_from_the_fragment() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = generic(&server, Dialect::form());
    let client_id = ClientId::new(server.public_client().id.clone());
    let mut request =
        AuthorizationRequest::implicit(&provider, &client_id, REDIRECT, Scope::empty()).unwrap();
    let redirect = server.approve(request.url().as_str()).await.unwrap();
    let AuthorizationResponse::Token(response) = request.accept(&redirect).unwrap() else {
        panic!("a token")
    };
    assert!(response.refresh_token.is_none());
    let session = Session::builder(endpoint(&server, provider)).store(MemoryStore::new()).open().unwrap();
    let token = session.login_with(response).await.unwrap();
    assert!(authorised(&server, &token).await);
    assert_eq!(session.renew().await.unwrap_err().kind(), ErrorKind::LoginRequired);
}

#[tokio::test]
async fn password_and_client_credentials_and_refresh_work_as_json_and_as_a_form() {
    for dialect in [Dialect::form(), Dialect::json()] {
        let server = AuthorizationServer::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let user = session(endpoint(&server, generic(&server, dialect.clone())), &folder);
        assert!(authorised(&server, &user.login(&password(&server)).await.unwrap()).await);
        assert!(authorised(&server, &user.renew().await.unwrap()).await);

        let client = Session::builder(endpoint(&server, generic(&server, dialect)))
            .grant(Grant::client_credentials())
            .open()
            .unwrap();
        assert!(authorised(&server, &client.token().await.unwrap()).await);
        assert!(server.journal().judge().is_clean());
    }
}

#[tokio::test]
async fn a_revoked_refresh_token_is_one_typed_login_required() {
    let server = AuthorizationServer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let user = session(endpoint(&server, generic(&server, Dialect::form())), &folder);
    user.login(&password(&server)).await.unwrap();
    user.clone().logout().await.unwrap();
    let error = user.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    assert_eq!(server.journal().token_requests(), 1, "a session that needs a login asks nobody");
}

#[tokio::test]
async fn a_device_that_knows_the_issuer_alone_logs_in_and_its_session_is_renewed_and_ended() {
    let server =
        AuthorizationServer::builder().device_poll_interval(Duration::from_secs(1)).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let builder = HttpTokenEndpoint::discover(server.issuer()).await.unwrap();
    let endpoint = builder.client_id(server.public_client().id.as_str()).build().unwrap();
    let session = session(endpoint.clone(), &folder);
    let device = endpoint.authorize_device("openid read:rooms".parse().unwrap()).await.unwrap();
    server.approve_device(device.user_code()).await.unwrap();
    let grant = device.grant();
    let token = endpoint.poll_device(&device, || session.login(&grant)).await.unwrap();
    assert!(authorised(&server, &token).await);
    assert!(token.scope().contains("read:rooms"));
    let renewed = session.renew().await.unwrap();
    assert_ne!(renewed.fingerprint(), token.fingerprint());
    assert!(session.logout().await.unwrap().not_revoked.is_none());
    assert!(!authorised(&server, &renewed).await);
    assert!(server.journal().judge().is_clean());
}
