use butlr_auth_testkit::AuthorizationServer;
use serde_json::json;

use crate::support::post_json;

#[tokio::test]
async fn password_login_answers_the_documented_members() {
    let server = AuthorizationServer::start().await.unwrap();
    let body = json!({ "username": server.user().username, "password": server.user().password });
    let reply = post_json(&server, "/api/v2/login", &body).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let members: Vec<String> = reply.json().as_object().unwrap().keys().cloned().collect();
    assert_eq!(members.len(), 6, "{members:?}");
    assert!(reply.json()["refresh_token"].as_str().unwrap().ends_with("%3d"));
    assert_eq!(server.journal().token_requests(), 1);
}
