use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Builder, EventKind};

use crate::support::{Reply, get, graphql, post_form, token};

const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn codes(server: &AuthorizationServer) -> Reply {
    let form = [("client_id", server.public_client().id.as_str()), ("scope", "openid read:spaces")];
    post_form(server, "/device_authorization", &form).await
}

async fn poll(server: &AuthorizationServer, device_code: &str) -> Reply {
    let form = [("grant_type", DEVICE_CODE), ("device_code", device_code)];
    token(server, server.public_client(), &form).await
}

async fn start(builder: Builder) -> (AuthorizationServer, String, String) {
    let server = builder.start().await.unwrap();
    let answer = codes(&server).await;
    let (device_code, user_code) = (answer.member("device_code"), answer.member("user_code"));
    (server, device_code, user_code)
}

#[tokio::test]
async fn a_device_shows_a_code_that_a_person_can_read_aloud() {
    let server = AuthorizationServer::start().await.unwrap();
    let answer = codes(&server).await;
    let user_code = answer.member("user_code");
    assert!(user_code.len() == 9 && user_code.chars().nth(4) == Some('-'), "{user_code}");
    assert!(user_code.chars().all(|letter| "BCDFGHJKLMNPQRSTVWXZ-".contains(letter)), "{user_code}");
    let page = format!("{}/device", server.base_url());
    assert_eq!(answer.member("verification_uri"), page);
    assert_eq!(answer.member("verification_uri_complete"), format!("{page}?user_code={user_code}"));
    assert_eq!((&answer.json()["expires_in"], &answer.json()["interval"]), (&600.into(), &5.into()));
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_person_allows_the_device_and_its_token_is_good() {
    let (server, device_code, user_code) = start(AuthorizationServer::builder()).await;
    server.advance_time(Duration::from_secs(5));
    assert_eq!(poll(&server, &device_code).await.error(), (400, "authorization_pending".to_owned()));
    server.approve_device(&format!(" {} ", user_code.to_lowercase())).await.unwrap();
    let answer = poll(&server, &device_code).await;
    assert_eq!(
        graphql(&server, &answer.member("access_token"), "{ sites { data { name } } }").await.status,
        200
    );
    assert!(!answer.member("id_token").is_empty() && !answer.member("refresh_token").is_empty());
    assert_eq!(poll(&server, &device_code).await.error(), (400, "invalid_grant".to_owned()));
    server.approve_device(&user_code).await.unwrap_err();
}

#[tokio::test]
async fn a_device_that_polls_too_often_is_told_and_must_wait_longer_from_then_on() {
    let (server, device_code, _) = start(AuthorizationServer::builder()).await;
    for (seconds, answer) in [
        (4, "slow_down"),
        (9, "slow_down"),
        (15, "authorization_pending"),
        (14, "slow_down"),
        (20, "authorization_pending"),
    ] {
        server.advance_time(Duration::from_secs(seconds));
        assert_eq!(poll(&server, &device_code).await.error(), (400, answer.to_owned()), "{seconds}");
    }
}

#[tokio::test]
async fn denial_expiry_and_other_clients_are_told_apart() {
    let builder = AuthorizationServer::builder().device_code_lifetime(Duration::from_secs(60));
    let (server, device_code, user_code) = start(builder).await;
    let form = [("grant_type", DEVICE_CODE), ("device_code", &device_code)];
    assert_eq!(token(&server, server.client(), &form).await.error(), (400, "invalid_grant".to_owned()));
    server.deny_device(&user_code).await.unwrap();
    assert_eq!(poll(&server, &device_code).await.error(), (400, "access_denied".to_owned()));

    let late = codes(&server).await;
    server.advance_time(Duration::from_secs(60));
    assert_eq!(poll(&server, &late.member("device_code")).await.error(), (400, "expired_token".to_owned()));
    server.approve_device(&late.member("user_code")).await.unwrap_err();
    assert_eq!(poll(&server, "unknown").await.error(), (400, "invalid_grant".to_owned()));
    let outcomes: Vec<_> = server
        .journal()
        .events()
        .iter()
        .filter(|event| event.kind == EventKind::Authorization)
        .map(|event| event.outcome.clone())
        .collect();
    assert_eq!(outcomes, ["access_denied"]);
}

#[tokio::test]
async fn the_page_asks_for_the_code_shows_it_and_gives_nothing_away() {
    let (server, _, user_code) = start(AuthorizationServer::builder()).await;
    let empty = get(&server, "/device").await;
    assert_eq!(empty.status, 200);
    assert!(empty.text.contains(r#"name="user_code""#));
    let wrong = get(&server, "/device?user_code=%3Cscript%3E").await;
    assert_eq!(wrong.status, 404);
    assert!(!wrong.text.contains("<script>") && wrong.text.contains(r#"role="alert""#));
    let page = get(&server, &format!("/device?user_code={user_code}")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains(&user_code) && page.text.contains("read:spaces"));
    for reply in [&empty, &wrong, &page] {
        assert!(reply.header("content-security-policy").starts_with("default-src 'none'"));
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        assert_eq!(reply.header("cache-control"), "no-store");
    }
    // Another browser's form, and one without a ticket, decide nothing.
    let ticket = page.text.split(r#"name="ticket" value=""#).nth(1).unwrap().split('"').next().unwrap();
    for form in [vec![("ticket", ticket), ("decision", "deny")], vec![("decision", "deny")]] {
        assert_eq!(post_form(&server, "/device", &form).await.status, 400);
    }
    server.approve_device(&user_code).await.unwrap();
}

#[tokio::test]
async fn an_unknown_client_or_scope_gets_no_codes() {
    let server = AuthorizationServer::start().await.unwrap();
    let unknown = post_form(&server, "/device_authorization", &[("client_id", "nobody")]).await;
    assert_eq!(unknown.error(), (401, "invalid_client".to_owned()));
    let client = server.public_client().id.as_str();
    let form = [("client_id", client), ("scope", "read:everything")];
    let scope = post_form(&server, "/device_authorization", &form).await;
    assert_eq!(scope.error(), (400, "invalid_scope".to_owned()));
}
