use butlr_auth_testkit::{AuthorizationServer, Client};
use url::{Url, form_urlencoded};

use crate::support::{
    CHALLENGE, REDIRECT, VERIFIER, authorization_url, claims, code, graphql, http, query, send, token,
};

#[tokio::test]
async fn a_public_client_logs_in_with_pkce() {
    let server = AuthorizationServer::start().await.unwrap();
    let client = server.public_client();
    let (code, location) = code(&server, client, &[]).await;
    assert_eq!(query(&location, "state"), "a state/+&");
    assert_eq!(query(&location, "iss"), server.issuer());
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    let access = token(&server, client, &form).await.member("access_token");
    assert_eq!(graphql(&server, &access, "{ sites { data { name } } }").await.status, 200);
}

#[tokio::test]
async fn the_dashboards_way_in_names_the_audience() {
    let server =
        AuthorizationServer::builder().default_audience("https://elsewhere.example/").start().await.unwrap();
    let client = server.public_client();
    for (more, status) in [
        (vec![], 401),
        (vec![("audience", "https://butlrauth/")], 200),
        (vec![("resource", "https://butlrauth/")], 200),
    ] {
        let (code, _) = code(&server, client, &more).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let access = token(&server, client, &form).await.member("access_token");
        assert_eq!(graphql(&server, &access, "{ sites { data { name } } }").await.status, status);
    }
    assert_eq!(server.journal().judge().wrong_served, 1);
}

#[tokio::test]
async fn implicit_answers_in_the_fragment_without_a_refresh_token() {
    let server = AuthorizationServer::start().await.unwrap();
    let more = [
        ("response_type", "id_token token"),
        ("redirect_uri", REDIRECT),
        ("scope", "openid read:spaces"),
        ("nonce", "n-2"),
    ];
    let location = server.approve(&authorization_url(&server, server.public_client(), &more)).await.unwrap();
    let location = Url::parse(&location).unwrap();
    assert_eq!(location.query(), None);
    let members: Vec<(String, String)> =
        form_urlencoded::parse(location.fragment().unwrap().as_bytes()).into_owned().collect();
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id_token", "token_type", "expires_in", "scope", "access_token", "state", "iss"]);
    let id_token = claims(&members[0].1);
    assert_eq!(id_token["nonce"], "n-2");
    assert_eq!(id_token["azp"], server.public_client().id.as_str());
    assert!(id_token["at_hash"].is_string());
    assert_eq!(graphql(&server, &members[4].1, "{ sites { data { name } } }").await.status, 200);
}

#[tokio::test]
async fn errors_go_to_the_redirect_or_to_the_person() {
    let server = AuthorizationServer::start().await.unwrap();
    let client = server.public_client();
    let error = async |more: &[(&str, &str)]| {
        let location = server.approve(&authorization_url(&server, client, more)).await.unwrap();
        let url = Url::parse(&location).unwrap();
        assert_eq!(query(&url, "state"), "a state/+&");
        query(&url, "error")
    };
    let redirect = ("redirect_uri", REDIRECT);
    assert_eq!(error(&[redirect]).await, "invalid_request");
    assert_eq!(error(&[redirect, ("response_type", "magic")]).await, "unsupported_response_type");
    assert_eq!(error(&[redirect, ("response_type", "code")]).await, "invalid_request");
    let plain = [
        redirect,
        ("response_type", "code"),
        ("code_challenge", VERIFIER),
        ("code_challenge_method", "plain"),
    ];
    assert_eq!(error(&plain).await, "invalid_request");
    let scope = [
        redirect,
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "fly"),
    ];
    assert_eq!(error(&scope).await, "invalid_scope");

    let shown = async |client: &Client, more: &[(&str, &str)]| {
        send(http().get(authorization_url(&server, client, more))).await
    };
    assert_eq!(shown(&Client::public("nobody"), &[]).await.status, 400);
    for uri in [
        "https://evil.example/callback",
        "http://127.0.0.1:1/other",
        "https://client.example.com:444/callback",
    ] {
        assert_eq!(shown(client, &[("redirect_uri", uri)]).await.status, 400, "{uri}");
    }
    let denied = [
        redirect,
        ("response_type", "code"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let location = server.deny(&authorization_url(&server, client, &denied)).await.unwrap();
    assert_eq!(query(&Url::parse(&location).unwrap(), "error"), "access_denied");
}

#[tokio::test]
async fn the_page_is_sealed_and_its_form_is_bound_to_the_browser() {
    let server = AuthorizationServer::start().await.unwrap();
    let more = [("response_type", "token"), ("redirect_uri", REDIRECT)];
    let evil = Client::public("evil").name("<script>alert(1)</script>");
    let page = send(http().get(authorization_url(&server, server.public_client(), &more))).await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'nonce-"));
    assert!(page.header("content-security-policy").contains("form-action 'self' http://127.0.0.1:53682;"));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.header("set-cookie").ends_with("HttpOnly; SameSite=Lax"));
    let ticket = page.text.split_once(r#"name="ticket" value=""#).unwrap().1.split_once('"').unwrap().0;
    let user = server.user();
    let form = [
        ("ticket", ticket),
        ("username", &user.username),
        ("password", &user.password),
        ("decision", "allow"),
    ];
    let url = format!("{}/authorize", server.base_url());
    // Without this browser's cookie the ticket opens nothing.
    assert_eq!(send(http().post(&url).form(&form)).await.status, 400);
    let cookie = page.header("set-cookie").split(';').next().unwrap();
    let wrong = [("ticket", ticket), ("username", "x\"><b>"), ("password", "y"), ("decision", "allow")];
    let again = send(http().post(&url).header("Cookie", cookie).form(&wrong)).await;
    assert_eq!(again.status, 403);
    assert!(!again.text.contains("x\"><b>"));
    // A ticket is good once.
    assert_eq!(send(http().post(&url).header("Cookie", cookie).form(&form)).await.status, 400);

    let server = AuthorizationServer::builder().client(evil.clone()).start().await.unwrap();
    let page = send(http().get(authorization_url(&server, &evil, &more))).await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script>"));
}
