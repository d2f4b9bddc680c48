use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Unauthenticated};
use serde_json::json;

use crate::world::World;

const SITES: [&str; 6] = ["-p", "robot", "api", "graphql", "-f", "query={ sites { data { id name } } }"];

#[tokio::test]
async fn graphql_and_reporting_are_called_as_documented() {
    let world = World::new().await;
    let answer = world.run(&SITES).succeeded().json();
    assert!(!answer["data"]["sites"]["data"].as_array().unwrap().is_empty());
    let variables = [
        "-p",
        "robot",
        "api",
        "graphql",
        "-f",
        "query=query($id: ID!) { room(id: $id) { id } }",
        "-f",
        "id=nowhere",
    ];
    world.run(&variables).succeeded();
    let listed = world.run(&["-p", "robot", "api", "-i", "/api/v1/client"]).succeeded().stdout;
    assert!(listed.starts_with("HTTP 200 OK\ncontent-type: application/json\n"), "{listed}");
    assert!(listed.ends_with("\n\n[]"), "{listed}");
}

#[tokio::test]
async fn a_status_of_400_or_more_is_exit_8_with_the_body_on_stdout() {
    let world = World::new().await;
    let ended = world.run(&["-p", "robot", "api", "/api/v1/client/none"]);
    assert_eq!(ended.code, 8);
    assert_eq!(ended.json()["code"], "CLIENT_NOT_FOUND");
}

#[tokio::test]
async fn a_token_that_the_server_ended_is_renewed_once_and_the_call_repeated_once() {
    for answer in [Unauthenticated::Status, Unauthenticated::GraphQlError] {
        let server = AuthorizationServer::builder()
            .access_token_lifetime(Duration::from_secs(8))
            .unauthenticated(answer);
        let world = World::with(server).await;
        world.run(&SITES).succeeded();
        world.server.advance_time(Duration::from_secs(60));
        // Sleeps because a token that is younger than a quarter of its life is not renewed for a refusal.
        tokio::time::sleep(Duration::from_millis(2100)).await;
        world.run(&SITES).succeeded();
        assert_eq!(world.server.journal().requests(Endpoint::ButlrClientLogin), 2);
        assert_eq!(world.server.journal().requests(Endpoint::GraphQl), 3);
    }
}

// Security: D10.
#[tokio::test]
async fn a_server_that_always_refuses_sees_at_most_two_calls() {
    let world = World::new().await;
    world.server.inject(Fault::status(401).on(Endpoint::GraphQl));
    assert_eq!(world.run(&SITES).code, 8);
    assert!(world.server.journal().requests(Endpoint::GraphQl) <= 2);
}

// Security: H11.
#[tokio::test]
async fn the_token_goes_to_its_own_origin_alone() {
    let world = World::new().await;
    for elsewhere in ["https://evil.example/", "http://127.0.0.1:9/", "https://evil@127.0.0.1/"] {
        let ended = world.run(&["-p", "robot", "api", elsewhere]);
        assert!(ended.code == 2 || ended.code == 3, "{elsewhere}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    let other = AuthorizationServer::start().await.unwrap();
    world.server.inject(Fault::status(307).header("Location", other.base_url()).on(Endpoint::GraphQl));
    world.run(&SITES);
    assert_eq!(other.journal().events().len(), 0);
    assert_eq!(other.journal().requests(Endpoint::GraphQl), 0);
}

// Security: H11.
#[tokio::test]
async fn a_configured_profile_is_not_sent_to_another_host() {
    let world = World::new().await;
    let other = AuthorizationServer::start().await.unwrap();
    world.run(&["-p", "robot", "--base-url", other.base_url(), "token"]).failed(3, "it belongs to");
    world.run_with(&["-p", "robot", "token"], &[("BUTLR_BASE_URL", other.base_url())], "").succeeded();
    assert_eq!(other.journal().token_requests(), 0);
    // The environment's own client goes where the environment says, and each host has a session of its own.
    let mut variables = world.client();
    world.run_with(&["token"], &variables, "").succeeded();
    variables[0].1 = other.base_url();
    world.run_with(&["token"], &variables, "").succeeded();
    assert_eq!(other.journal().token_requests(), 1);
}

#[tokio::test]
async fn minted_credentials_are_shown_once_and_work_at_once() {
    let world = World::new().await;
    let created =
        world.run(&["-p", "robot", "client", "create", "nightly", "--description", "cron"]).succeeded();
    let value = |name: &str| {
        let line = created.stdout.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().to_owned()
    };
    let (id, secret) = (value("BUTLR_CLIENT_ID="), value("BUTLR_CLIENT_SECRET="));
    let variables = [
        ("BUTLR_BASE_URL", world.server.base_url()),
        ("BUTLR_CLIENT_ID", &id),
        ("BUTLR_CLIENT_SECRET", &secret),
    ];
    world.run_with(&["token"], &variables, "").succeeded();
    let listed = world.run(&["-p", "robot", "--json", "client", "list"]).succeeded();
    assert_eq!(listed.json()["clients"][0]["id"], id.as_str());
    assert!(!listed.stdout.contains(&secret));
    assert!(world.run(&["-p", "robot", "client", "show", &id]).succeeded().stdout.contains("nightly"));
    world.run(&["-p", "robot", "client", "delete", &id]).succeeded();
    world.run(&["-p", "robot", "client", "delete", &id]).failed(5, "CLIENT_NOT_FOUND");
    world.run(&["-p", "robot", "client", "show", "../../v2/login"]).failed(5, "404");
}

#[tokio::test]
async fn inspect_decodes_and_says_that_it_proves_nothing() {
    let world = World::new().await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let document = world.run(&["-p", "robot", "--json", "inspect"]).succeeded().json();
    assert_eq!(document["signature"], "not checked");
    assert_eq!(document["claims"]["aud"], json!(["https://butlrauth/"]));
    assert_eq!(world.run_with(&["--json", "inspect", "-"], &[], &token).succeeded().json(), document);
    world.run_with(&["inspect", "-"], &[], "opaque\n").failed(5, "this is no JWT");
    let ended = world.run_with(&["-p", "robot", "--json", "inspect"], &[], &token).succeeded();
    assert!(ended.stderr.contains("what is piped in is not read"), "{}", ended.stderr);
    world.run(&["inspect", token.trim()]).failed(2, "a token is never an argument");
}

#[tokio::test]
async fn errors_of_graphql_are_exit_8_and_the_body_is_printed() {
    let world = World::new().await;
    let body = r#"{"data":{"sites":null},"errors":[{"message":"no such field"}]}"#;
    let answer = || Fault::status(200).header("Content-Type", "application/json").body(body);
    world.server.inject(answer().times(3).on(Endpoint::GraphQl));
    for path in ["graphql", "/api/v3/graphql"] {
        let ended = world.run(&["-p", "robot", "api", path, "-X", "POST", "-f", "query={ x }"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (8, body), "{}", ended.stderr);
        assert!(ended.stderr.contains("1 error"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_redirect_is_exit_8_names_its_target_and_is_not_followed() {
    let world = World::new().await;
    let elsewhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let target = format!("http://{}/login", elsewhere.local_addr().unwrap());
    for status in [301, 302, 303, 307, 308] {
        let answer = Fault::status(status).header("Location", format!("{target}?code=s3cret")).body("moved");
        world.server.inject(answer.times(1).on(Endpoint::ButlrClients));
        let ended = world.run(&["-p", "robot", "api", "/api/v1/client"]);
        assert_eq!((ended.code, ended.stdout.as_str()), (8, "moved"), "{}", ended.stderr);
        assert!(ended.stderr.contains(&target) && !ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
    assert!(elsewhere.accept().is_err(), "somebody came");
}
