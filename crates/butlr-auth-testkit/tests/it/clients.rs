use butlr_auth_testkit::AuthorizationServer;
use serde_json::json;

use crate::support::{butlr_login, http, post_json, redacted, send};

#[tokio::test]
async fn minted_credentials_work_at_once_and_die_with_their_client() {
    let server = AuthorizationServer::start().await.unwrap();
    let token = butlr_login(&server).await.member("access_token");
    let url = format!("{}/api/v1/client", server.base_url());
    let created = send(
        http().post(&url).bearer_auth(&token).json(&json!({ "name": "Robot", "description": "Night job" })),
    )
    .await;
    assert_eq!(created.status, 201);
    json_snapshot!("client_created", redacted(created.json()));
    let (id, secret) = (created.json()["client_id"].clone(), created.json()["client_secret"].clone());
    let login = json!({ "client_id": id, "client_secret": secret, "audience": server.audience(), "grant_type": "client_credentials" });
    assert_eq!(post_json(&server, "/api/v2/clients/login", &login).await.status, 200);
    let list = send(http().get(&url).bearer_auth(&token)).await;
    assert_eq!(list.status, 200);
    assert_eq!(list.json()[0]["client_id"], id);
    assert!(!list.text.contains(secret.as_str().unwrap()));
    let one = format!("{url}/{}", id.as_str().unwrap());
    assert_eq!(send(http().get(&one).bearer_auth(&token)).await.json()["name"], "Robot");
    let deleted = send(http().delete(&one).bearer_auth(&token)).await;
    assert_eq!((deleted.status, deleted.text.as_str()), (204, ""));
    assert_eq!(send(http().get(&one).bearer_auth(&token)).await.json()["code"], "CLIENT_NOT_FOUND");
    assert_eq!(
        post_json(&server, "/api/v2/clients/login", &login).await.error(),
        (401, "invalid_client".to_owned())
    );
}

#[tokio::test]
async fn minting_needs_a_name_and_a_token() {
    let server = AuthorizationServer::start().await.unwrap();
    let token = butlr_login(&server).await.member("access_token");
    let url = format!("{}/api/v1/client", server.base_url());
    let nameless = send(http().post(&url).bearer_auth(&token).json(&json!({ "description": "x" }))).await;
    assert_eq!((nameless.status, nameless.json()["code"].as_str()), (400, Some("INVALID_REQUEST")));
    assert_eq!(send(http().get(&url)).await.status, 401);
    // A pre-registered client is not one that was minted here, so it cannot be deleted.
    let own = send(http().delete(format!("{url}/{}", server.client().id)).bearer_auth(&token)).await;
    assert_eq!(own.status, 404);
}
