//! Which of a session's tokens is handed out, and how a login is steered.

use butlr_auth::core::UnverifiedClaims;
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::world::World;

async fn approve(server: &AuthorizationServer, address: &str) -> String {
    server.approve(address).await.unwrap()
}

/// A world whose profile `work` knows its server by the issuer, with these lines besides.
async fn world(lines: &str) -> World {
    let world = World::new().await;
    let (issuer, public) = (world.server.issuer(), &world.server.public_client().id);
    world.configure(&format!(
        "[profile.work]\nissuer = \"{issuer}\"\nclient_id = \"{public}\"\nscopes = [\"openid\", \"offline_access\", \"read:rooms\"]\n{lines}\n"
    ));
    world
}

/// What the page of a login was asked with.
fn parameters(address: &str) -> Vec<(String, String)> {
    let url: url::Url = address.parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn is_id_token(token: &str) -> bool {
    UnverifiedClaims::decode(token.trim()).is_some_and(|claims| claims.text("nonce").is_some())
}

#[tokio::test]
async fn the_id_token_is_handed_out_where_it_is_asked_for_and_to_kubectl() {
    let world = world("").await;
    world.log_in_by_page(&["login", "work"], approve).await.succeeded();
    let token = |more: &[&str]| {
        let arguments: Vec<&str> = ["-p", "work", "token"].iter().chain(more).copied().collect();
        world.run(&arguments)
    };
    let id_token = token(&["--id-token"]).succeeded().stdout;
    assert!(is_id_token(&id_token), "{id_token}");
    let access_token = token(&[]).succeeded().stdout;
    assert!(!is_id_token(&access_token));
    let header = token(&["--id-token", "-f", "header"]).succeeded().stdout;
    assert_eq!(header, format!("Authorization: Bearer {id_token}"));
    let document = token(&["--id-token", "-f", "json"]).succeeded().json();
    assert_eq!(document["id_token"], id_token.trim());
    assert!(document["expires_in"].as_u64().is_some_and(|seconds| seconds > 0), "{document}");
    assert!(document.get("access_token").is_none());

    let kube = token(&["-f", "kube"]).succeeded().json();
    assert_eq!(kube["status"]["token"], id_token.trim());
    assert_eq!(kube["status"]["expirationTimestamp"], document["expires_at"]);
    let kube = token(&["-f", "kube", "--access-token"]).succeeded().json();
    assert_eq!(kube["status"]["token"], access_token.trim());
    token(&["--id-token", "-f", "env"]).failed(2, "an id_token has no variable of its own");
    token(&["--id-token", "--access-token"]).failed(2, "cannot be used with");

    let inspected = world.run(&["-p", "work", "--json", "inspect", "--id-token"]).succeeded().json();
    assert!(inspected["claims"]["nonce"].is_string(), "{inspected}");
    let again = token(&["--id-token", "--force-refresh"]).succeeded().stdout;
    assert!(is_id_token(&again) && again != id_token);
}

#[tokio::test]
async fn a_session_without_an_id_token_says_so() {
    let world = World::new().await;
    world.run(&["-p", "robot", "token", "--id-token"]).failed(4, "name a profile of a person");
    world.run(&["-p", "robot", "inspect", "--id-token"]).failed(4, "has no stored id_token");
    let access_token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let kube = world.run(&["-p", "robot", "token", "-f", "kube"]).succeeded().json();
    assert_eq!(kube["status"]["token"], access_token.trim());
}

#[tokio::test]
async fn what_steers_a_login_is_sent_with_it_and_not_configured_twice() {
    let lines = "pushed_authorization = false\nparams = { theme = \"all\" }\nauthorization_params = { prompt = \"consent\", theme = \"one\" }";
    let world = world(lines).await;
    let mut page = String::new();
    let flags = ["login", "work", "--prompt", "login", "--login-hint", "ada", "--max-age", "1h"];
    let ended = world
        .log_in_by_page(&flags, async |server, address| {
            page = address.to_owned();
            server.approve(address).await.unwrap()
        })
        .await;
    ended.succeeded();
    let asked = parameters(&page);
    let values = |name: &str| -> Vec<&str> {
        asked.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(values("prompt"), ["login"]);
    assert_eq!(values("login_hint"), ["ada"]);
    assert_eq!(values("max_age"), ["3600"]);
    assert_eq!(values("theme"), ["one"]);
    world.run(&["login", "work", "--device", "--prompt", "login"]).failed(2, "the server's own page");
    world.run(&["login", "work", "--scope", "read:rooms", "--max-age", "5m"]).failed(2, "needs an id_token");
}

#[tokio::test]
async fn a_server_that_announces_pushed_requests_and_serves_none_can_be_told_so() {
    let world = world("").await;
    world.server.inject(Fault::status(404).on(Endpoint::PushedAuthorization));
    world.run(&["login", "work"]).failed(5, "set `pushed_authorization = false` in the profile");
    let config = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    world.configure(&format!("{config}pushed_authorization = false\n"));
    world.log_in_by_page(&["login", "work"], approve).await.succeeded();
}

#[tokio::test]
async fn a_refresh_token_from_elsewhere_is_gone_on_with() {
    let world = world("").await;
    world.log_in_by_page(&["login", "work"], approve).await.succeeded();
    let folder = world.home.path().join(".local/state/butlr-auth");
    let record = walk(&folder).into_iter().find(|text| text.contains("refresh_tokens")).unwrap();
    let (_, rest) = record.split_once("\"refresh_tokens\":{").unwrap();
    let refresh_token = rest.split('"').nth(3).unwrap();
    world.run_with(&["logout", "work", "--local"], &[], "").succeeded();
    world.run(&["-p", "work", "token"]).failed(4, "login work");
    let import = ["login", "work", "--with-refresh-token"];
    world.run_with(&import, &[], &format!("{refresh_token}\n")).succeeded();
    world.run(&["-p", "work", "token", "--force-refresh"]).succeeded();
    world.run_with(&import, &[], "never-issued\n").failed(5, "invalid_grant");
    world.run(&["-p", "work", "token", "--force-refresh"]).succeeded();
}

/// Every file below a folder, as text.
fn walk(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() { walk(&path) } else { vec![std::fs::read_to_string(path).unwrap_or_default()] }
        })
        .collect()
}

#[tokio::test]
async fn a_resource_is_an_absolute_uri_and_not_for_butlr() {
    let world = World::new().await;
    world.run(&["-p", "json", "token", "--resource", "rooms"]).failed(2, "an absolute URI");
    world.run(&["-p", "me", "token", "--resource", "https://api.example.com"]).failed(2, "its one API");
}
