use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Client};

use crate::support::{CHALLENGE, REDIRECT, Reply, authorization_url, get, post_form, query};
use url::Url;

const REQUEST: [(&str, &str); 5] = [
    ("response_type", "code"),
    ("redirect_uri", REDIRECT),
    ("code_challenge", CHALLENGE),
    ("code_challenge_method", "S256"),
    ("state", "s-1"),
];

async fn push(server: &AuthorizationServer, more: &[(&str, &str)]) -> Reply {
    post_form(server, "/par", &[&REQUEST, more].concat()).await
}

fn url(server: &AuthorizationServer, client: &Client, request_uri: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("client_id", client.id.as_str()), ("request_uri", request_uri)])
        .finish();
    format!("{}/authorize?{query}", server.base_url())
}

#[tokio::test]
async fn a_pushed_request_is_good_once_for_its_own_client_and_for_a_minute() {
    let server = AuthorizationServer::start().await.unwrap();
    let (public, other) = (server.public_client(), server.client());
    let client = [("client_id", public.id.as_str())];
    let answer = push(&server, &client).await;
    assert_eq!((answer.status, &answer.json()["expires_in"]), (201, &60.into()));
    let request_uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    server.approve(&url(&server, other, &request_uri)).await.unwrap_err();
    let location = server.approve(&url(&server, public, &request_uri)).await.unwrap();
    let location = Url::parse(&location).unwrap();
    assert_eq!(query(&location, "state"), "s-1");
    assert!(!query(&location, "code").is_empty());
    server.approve(&url(&server, public, &request_uri)).await.unwrap_err();

    let answer = push(&server, &client).await;
    let request_uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    server.advance_time(Duration::from_secs(60));
    server.approve(&url(&server, public, &request_uri)).await.unwrap_err();
}

#[tokio::test]
async fn a_pushed_request_is_checked_as_any_other() {
    let server = AuthorizationServer::start().await.unwrap();
    let id = ("client_id", server.public_client().id.as_str());
    for (more, error) in [
        (vec![], (401, "invalid_client")),
        (vec![("client_id", server.client().id.as_str())], (401, "invalid_client")),
        (vec![id, ("request_uri", "urn:a")], (400, "invalid_request")),
        (vec![id, ("scope", "read:everything")], (400, "invalid_scope")),
        (vec![id, ("resource", "https://elsewhere.example/")], (400, "invalid_target")),
        (vec![id, ("state", "again")], (400, "invalid_request")),
    ] {
        assert_eq!(push(&server, &more).await.error(), (error.0, error.1.to_owned()), "{more:?}");
    }
    let elsewhere = [id, ("response_type", "code"), ("redirect_uri", "https://elsewhere.example/")];
    assert_eq!(post_form(&server, "/par", &elsewhere).await.status, 400);
}

#[tokio::test]
async fn a_server_that_requires_pushed_requests_says_so_and_takes_no_other() {
    let builder = AuthorizationServer::builder().require_pushed_authorization_requests(true);
    let server = builder.start().await.unwrap();
    let metadata = get(&server, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    let direct = authorization_url(&server, server.public_client(), &REQUEST[..4]);
    let location = Url::parse(&server.approve(&direct).await.unwrap()).unwrap();
    assert_eq!(query(&location, "error"), "invalid_request");
}
