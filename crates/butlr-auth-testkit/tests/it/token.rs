use base64::Engine as _;
use butlr_auth_testkit::{API_SCOPES, AuthorizationServer, Client, Endpoint};
use serde_json::json;
use url::form_urlencoded;

use crate::support::{
    REDIRECT, VERIFIER, call, claims, code, get, graphql, http, post_form, post_json, redacted, send, token,
};

fn basic(client: &Client) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(&client.id), encode(&client.secret));
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

#[tokio::test]
async fn every_grant_answers_as_a_form_and_as_json() {
    let server = AuthorizationServer::start().await.unwrap();
    let (client, user) = (server.client(), server.user());
    let password = json!({ "grant_type": "password", "client_id": client.id, "client_secret": client.secret,
                "username": user.username, "password": user.password });
    let reply = post_json(&server, "/token", &password).await;
    json_snapshot!("token_password", redacted(reply.json()));
    let refresh = json!({ "grant_type": "refresh_token", "client_id": client.id, "client_secret": client.secret,
                          "refresh_token": reply.member("refresh_token") });
    json_snapshot!("token_refresh", redacted(post_json(&server, "/token", &refresh).await.json()));
    let reply = token(&server, client, &[("grant_type", "client_credentials")]).await;
    json_snapshot!("token_client_credentials", redacted(reply.json()));
    let (code, _) = code(&server, client, &[("scope", "openid read:rooms"), ("nonce", "n-1")]).await;
    assert!(code.ends_with("%3D"));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let reply = token(&server, client, &form).await;
    json_snapshot!("token_authorization_code", redacted(reply.json()));
    assert_eq!(claims(&reply.member("id_token"))["nonce"], "n-1");
    assert!(server.journal().judge().is_clean());
}

#[tokio::test]
async fn basic_authentication_is_form_urlencoded_first() {
    let server = AuthorizationServer::start().await.unwrap();
    let odd = server.odd_client();
    let ask = |header: String| {
        let form = [("grant_type", "client_credentials")];
        send(http().post(format!("{}/token", server.base_url())).header("Authorization", header).form(&form))
    };
    assert_eq!(ask(basic(odd)).await.status, 200);
    let raw = base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", odd.id, odd.secret));
    let refused = ask(format!("Basic {raw}")).await;
    assert_eq!(refused.error(), (401, "invalid_client".to_owned()));
    assert!(refused.header("www-authenticate").starts_with("Basic"));
}

#[tokio::test]
async fn bad_requests_are_refused_by_their_codes() {
    let server = AuthorizationServer::start().await.unwrap();
    let client = server.client();
    let error = async |form: &[(&str, &str)]| token(&server, client, form).await.error();
    assert_eq!(error(&[]).await, (400, "invalid_request".to_owned()));
    assert_eq!(error(&[("grant_type", "magic")]).await, (400, "unsupported_grant_type".to_owned()));
    assert_eq!(error(&[("grant_type", "client_credentials"), ("scope", "fly")]).await.1, "invalid_scope");
    assert_eq!(
        error(&[("grant_type", "client_credentials"), ("audience", "https://no/")]).await.1,
        "invalid_target"
    );
    assert_eq!(
        error(&[("grant_type", "password"), ("username", "x"), ("password", "y")]).await.1,
        "invalid_grant"
    );
    let twice = [("grant_type", "client_credentials"), ("grant_type", "client_credentials")];
    assert_eq!(post_form(&server, "/token", &twice).await.error().1, "invalid_request");
    let wrong = Client::confidential(&client.id, "no");
    assert_eq!(
        token(&server, &wrong, &[("grant_type", "client_credentials")]).await.error(),
        (401, "invalid_client".to_owned())
    );
    let public = server.public_client();
    assert_eq!(
        token(&server, public, &[("grant_type", "client_credentials")]).await.error().1,
        "unauthorized_client"
    );
}

#[tokio::test]
async fn a_code_is_good_once_for_its_client_redirect_and_verifier() {
    let server = AuthorizationServer::start().await.unwrap();
    let client = server.client();
    let (code, _) = code(&server, client, &[]).await;
    let form = |redirect: &'static str, verifier: &'static str| {
        [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ]
    };
    let other = server.odd_client();
    assert_eq!(token(&server, other, &form(REDIRECT, VERIFIER)).await.error().1, "invalid_grant");
    assert_eq!(
        token(&server, client, &form("http://127.0.0.1:53682/", VERIFIER)).await.error().1,
        "invalid_grant"
    );
    let wrong = "0123456789012345678901234567890123456789012";
    assert_eq!(token(&server, client, &form(REDIRECT, wrong)).await.error().1, "invalid_grant");
    let access_token = token(&server, client, &form(REDIRECT, VERIFIER)).await.member("access_token");
    assert_eq!(token(&server, client, &form(REDIRECT, VERIFIER)).await.error().1, "invalid_grant");
    // The second use took with it what the first one gave.
    assert_eq!(graphql(&server, &access_token, "{ sites { data { id } } }").await.status, 401);
}

#[tokio::test]
async fn codes_expire_after_five_minutes() {
    let server = AuthorizationServer::start().await.unwrap();
    let (code, _) = code(&server, server.client(), &[]).await;
    server.advance_time(std::time::Duration::from_secs(301));
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(token(&server, server.client(), &form).await.error().1, "invalid_grant");
}

#[tokio::test]
async fn revoked_tokens_are_dead_and_introspection_says_so() {
    let server = AuthorizationServer::start().await.unwrap();
    let (client, user) = (server.client(), server.user());
    let form = [
        ("grant_type", "password"),
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
    ];
    let reply = token(&server, client, &form).await;
    let (access, refresh) = (reply.member("access_token"), reply.member("refresh_token"));
    let post = async |path: &str, value: &str| {
        let form =
            [("client_id", client.id.as_str()), ("client_secret", client.secret.as_str()), ("token", value)];
        post_form(&server, path, &form).await
    };
    assert_eq!(post("/introspect", &access).await.json()["active"], true);
    assert_eq!(post("/introspect", &refresh).await.json()["username"], user.username);
    let revoked = post("/revoke", &refresh).await;
    assert_eq!((revoked.status, revoked.text.as_str()), (200, ""));
    assert_eq!(post("/introspect", &access).await.json(), json!({ "active": false }));
    assert_eq!(post("/introspect", &refresh).await.json(), json!({ "active": false }));
    assert_eq!(post("/revoke", "unknown").await.status, 200);
    let refused =
        token(&server, client, &[("grant_type", "refresh_token"), ("refresh_token", &refresh)]).await;
    assert_eq!(refused.error().1, "invalid_grant");
    assert_eq!(
        call(&server, &access, "/api/v3/graphql", &json!({ "query": "{ __typename }" })).await.status,
        401
    );
}

#[tokio::test]
async fn metadata_and_keys_are_published() {
    let server = AuthorizationServer::start().await.unwrap();
    let document = get(&server, "/.well-known/oauth-authorization-server").await.json();
    assert_eq!(document["issuer"], server.issuer());
    let openid = get(&server, "/.well-known/openid-configuration").await.json();
    insta::with_settings!({ filters => vec![(r"http://127\.0\.0\.1:\d+", "[base]")] }, {
        json_snapshot!("openid_configuration", openid);
    });
    server.rotate_keys().unwrap();
    assert_eq!(get(&server, "/jwks").await.json()["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn every_scope_can_be_asked_for() {
    let server = AuthorizationServer::start().await.unwrap();
    for scope in API_SCOPES {
        let reply =
            token(&server, server.client(), &[("grant_type", "client_credentials"), ("scope", scope)]).await;
        assert_eq!(claims(&reply.member("access_token"))["scope"], scope);
    }
}

#[tokio::test]
async fn the_endpoints_are_also_where_auth0_has_them() {
    let server = AuthorizationServer::start().await.unwrap();
    let (client, user) = (server.client(), server.user());
    let form = [
        ("grant_type", "password"),
        ("client_id", client.id.as_str()),
        ("client_secret", client.secret.as_str()),
        ("username", user.username.as_str()),
        ("password", user.password.as_str()),
    ];
    let refresh_token = post_form(&server, "/oauth/token", &form).await.member("refresh_token");
    let form = [
        ("token", refresh_token.as_str()),
        ("client_id", client.id.as_str()),
        ("client_secret", client.secret.as_str()),
    ];
    assert_eq!(post_form(&server, "/oauth/revoke", &form).await.status, 200);
    let journal = server.journal();
    assert_eq!((journal.requests(Endpoint::Token), journal.requests(Endpoint::Revoke)), (1, 1));
    assert!(journal.events().iter().any(|event| event.outcome == "revoked"));
}
