use butlr_auth_testkit::AuthorizationServer;
use serde_json::json;

use crate::support::{butlr_login, butlr_refresh, claims, graphql, post_json, redacted};

#[tokio::test]
async fn password_login_answers_the_documented_members() {
    let server = AuthorizationServer::start().await.unwrap();
    let reply = butlr_login(&server).await;
    json_snapshot!(redacted(reply.json()));
    assert!(reply.member("refresh_token").ends_with("%3d"));
    assert_eq!(reply.header("cache-control"), "no-store");
    let id_token = claims(&reply.member("id_token"));
    assert_eq!(id_token["iss"], server.issuer());
    assert_eq!(id_token["email"], server.user().username);
}

#[tokio::test]
async fn client_login_answers_the_documented_members() {
    let server = AuthorizationServer::start().await.unwrap();
    let client = server.client();
    let body = json!({
        "client_id": client.id, "client_secret": client.secret,
        "audience": "https://butlrauth/", "grant_type": "client_credentials",
    });
    let reply = post_json(&server, "/api/v2/clients/login", &body).await;
    json_snapshot!(redacted(reply.json()));
    assert_eq!(
        graphql(&server, &reply.member("access_token"), "{ sites { data { id } } }").await.status,
        200
    );
}

#[tokio::test]
async fn the_documents_own_commands_work() {
    let server = AuthorizationServer::start().await.unwrap();
    let login = json!({ "username": "your@email.com", "password": "your_password" });
    assert_eq!(post_json(&server, "/api/v2/login", &login).await.status, 200);
    let login = json!({
        "client_id": "your_client_id", "client_secret": "your_client_secret",
        "audience": "https://butlrauth/", "grant_type": "client_credentials",
    });
    assert_eq!(post_json(&server, "/api/v2/clients/login", &login).await.status, 200);
    let login = json!({
        "grant_type": "password", "client_id": "BA779C49-4D93-4785-9596-25805A24C5DC",
        "client_secret": "4AD3CE00-8ED5-4F0A-A979-ACE64A15207C", "username": "jsmith", "password": "password123",
    });
    assert!(post_json(&server, "/token", &login).await.member("refresh_token").ends_with("%3d"));
}

#[tokio::test]
async fn a_body_with_anything_else_in_it_is_refused() {
    let server = AuthorizationServer::start().await.unwrap();
    let user = server.user();
    let more = json!({ "grant_type": "password", "username": user.username, "password": user.password });
    assert_eq!(post_json(&server, "/api/v2/login", &more).await.error(), (400, "invalid_request".to_owned()));
    let wrong = json!({ "username": user.username, "password": "no" });
    assert_eq!(post_json(&server, "/api/v2/login", &wrong).await.error(), (401, "invalid_grant".to_owned()));
}

#[tokio::test]
async fn password_sessions_are_refreshed_without_a_client() {
    let server = AuthorizationServer::start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    let reply = butlr_refresh(&server, &first).await;
    let second = reply.member("refresh_token");
    assert_ne!(first, second);
    assert!(reply.json()["id_token"].is_string());
    let journal = server.journal();
    assert!(journal.judge().is_clean());
    assert_eq!(journal.token_requests(), 2);
}
