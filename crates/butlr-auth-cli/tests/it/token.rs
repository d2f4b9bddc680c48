use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::world::World;

#[tokio::test]
async fn environment_credentials_work_without_login_and_configuration() {
    let world = World::new().await;
    world.configure("");
    let first = world.run_with(&["token"], &world.client(), "").succeeded();
    let second = world.run_with(&["token"], &world.client(), "").succeeded();
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(first.stdout.lines().count(), 1);
    assert_eq!(first.stderr, "");
    assert_eq!(world.server.journal().token_requests(), 1);
}

// Security: H7.
#[tokio::test]
async fn every_format_shows_the_same_token() {
    let world = World::new().await;
    let token = |arguments: &[&str]| {
        let arguments: Vec<&str> = ["-p", "robot", "token"].iter().chain(arguments).copied().collect();
        world.run(&arguments).succeeded()
    };
    let raw = token(&[]).stdout.trim().to_owned();
    assert_eq!(token(&["-f", "header"]).stdout, format!("Authorization: Bearer {raw}\n"));
    let document = token(&["-f", "json"]).json();
    assert_eq!(document["schema"], 2);
    assert_eq!(document["access_token"], raw.as_str());
    assert_eq!(document["token_type"], "Bearer");
    assert_eq!(document["profile"], "robot");
    assert!(document["expires_at"].as_str().unwrap().ends_with('Z'));
    assert!(document["expires_in"].as_u64().unwrap() > 900);
    assert_eq!(token(&["--json"]).json()["access_token"], raw.as_str());
    let variables = token(&["-f", "env"]).stdout;
    assert!(
        variables.starts_with(&format!("BUTLR_ACCESS_TOKEN={raw}\nBUTLR_TOKEN_EXPIRES_AT=20")),
        "{variables}"
    );
    assert!(variables.ends_with(&format!("BUTLR_BASE_URL={}\n", world.server.base_url())), "{variables}");
    assert!(token(&["--shell"]).stdout.starts_with(&format!("export BUTLR_ACCESS_TOKEN='{raw}'\n")));
}

#[tokio::test]
async fn without_a_login_it_names_the_command_and_prompts_nobody() {
    let world = World::new().await;
    world.run(&["-p", "me", "token"]).failed(4, "run `butlr-auth login me`");
    let config = world.home.path().join("config.toml");
    let config = config.to_str().unwrap();
    world
        .run(&["--config", config, "-p", "me", "token"])
        .failed(4, &format!("run `butlr-auth --config {config} login me`"));
    let document = world.run(&["-p", "me", "--json", "token"]);
    let error: serde_json::Value = serde_json::from_str(&document.stderr).unwrap();
    assert_eq!(
        (&error["schema"], &error["kind"], &error["exit"]),
        (&2.into(), &"login_required".into(), &4.into())
    );
    assert_eq!(error["help"], "run `butlr-auth login me`");
    assert_eq!(document.stdout, "");
    assert_eq!(world.server.journal().token_requests(), 0);
}

#[tokio::test]
async fn a_server_that_fails_is_temporary_and_a_refused_client_is_not() {
    let world = World::new().await;
    world.server.inject(Fault::status(503).header("Retry-After", "7").on(Endpoint::ButlrClientLogin));
    world.run(&["-p", "robot", "token"]).failed(6, "try again in 7 s");
    world.server.clear_faults();
    let mut variables = world.client();
    variables[2].1 = "wrong";
    world.run_with(&["token"], &variables, "").failed(5, "invalid_client");
}

#[tokio::test]
async fn an_unreachable_server_is_temporary() {
    let world = World::new().await;
    let mut variables = world.client().map(|(name, value)| (name, value.to_owned()));
    // A port that was free a moment ago, on an address that nothing else uses.
    variables[0].1 = "http://127.254.254.254:9".to_owned();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.run_with(&["token"], &variables, "").failed(6, "try again");
}

#[tokio::test]
async fn force_refresh_brings_another_token_and_min_ttl_only_when_needed() {
    let world = World::new().await;
    let first = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    assert_eq!(world.run(&["-p", "robot", "token", "--min-ttl", "10m"]).succeeded().stdout, first);
    let second = world.run(&["-p", "robot", "token", "--force-refresh"]).succeeded().stdout;
    assert_ne!(second, first);
    let third = world.run(&["-p", "robot", "token", "--min-ttl", "1h"]).succeeded();
    assert_ne!(third.stdout, second);
    assert!(third.stderr.contains("live shorter than --min-ttl"), "{}", third.stderr);
}

#[tokio::test]
async fn offline_asks_nobody() {
    let world = World::new().await;
    world.run(&["-p", "robot", "token", "--offline"]).failed(6, "leave --offline out");
    world.run(&["-p", "me", "token", "--offline"]).failed(4, "butlr-auth login me");
    assert_eq!(world.server.journal().token_requests(), 0);
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    assert_eq!(world.run(&["-p", "robot", "token", "--offline"]).succeeded().stdout, token);
}

#[tokio::test]
async fn an_ended_session_is_renewed_where_it_can_be() {
    let world =
        World::with(AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(2))).await;
    world.log_in("me");
    world.log_in("json");
    let first = world.run(&["-p", "json", "token"]).succeeded().stdout;
    // Sleeps because the tokens have to end on the real clock of the processes that hold them.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    world.run(&["-p", "me", "token"]).failed(4, "run `butlr-auth login me`");
    let secret = [("THE_SECRET", world.server.client().secret.as_str())];
    let second = world.run_with(&["-p", "json", "token"], &secret, "").succeeded().stdout;
    assert_ne!(first, second);
    assert!(world.server.journal().judge().is_clean());
}

#[tokio::test]
async fn a_warm_token_fetches_no_secret_and_starts_no_connection() {
    let world = World::new().await;
    let warm = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    std::fs::remove_file(world.home.path().join("secret")).unwrap();
    let requests = world.server.journal().token_requests();
    assert_eq!(world.run(&["-p", "robot", "token"]).succeeded().stdout, warm);
    assert_eq!(world.server.journal().token_requests(), requests);
    world.run(&["-p", "robot", "token", "--force-refresh"]).failed(3, "could not read the secret");
}

#[tokio::test]
async fn a_token_that_is_too_short_is_not_said_to_have_ended() {
    let world = World::new().await;
    world.log_in("me");
    // It cannot be renewed, and lives: it is the best there is.
    let ended = world.run(&["-p", "me", "token", "--min-ttl", "5h"]).succeeded();
    assert!(ended.stderr.contains("shorter than --min-ttl"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("has ended"), "{}", ended.stderr);
    let ended = world.run(&["-p", "me", "token", "--offline", "--min-ttl", "5h"]).failed(6, "is good for ");
    assert!(!ended.stderr.contains("has ended"), "{}", ended.stderr);
    world.run(&["-p", "me", "token"]).succeeded();
}

#[tokio::test]
async fn lines_of_an_environment_hold_what_every_reader_reads_alike() {
    let world = World::new().await;
    let base = world.server.base_url();
    let odd = format!("{base}/a;b'c");
    let robot = world.server.client().id.clone();
    world.configure(&format!(
        "[profile.robot]\npreset = \"generic\"\nbase_url = \"{odd}\"\ngrant = \"client_credentials\"\nclient_id = \"{robot}\"\n\
         client_secret = {{ file = \"secret\" }}\n[profile.robot.endpoints]\ntoken = \"{base}/token\"\n"
    ));
    let ended = world.run(&["-p", "robot", "token", "-f", "env"]).failed(2, "--shell");
    assert!(ended.stderr.contains("BUTLR_BASE_URL"), "{}", ended.stderr);
    let shell = world.run(&["-p", "robot", "token", "--shell"]).succeeded().stdout;
    let mut sh = std::process::Command::new("sh");
    let said = sh.args(["-c", "eval \"$0\"; printf %s \"$BUTLR_BASE_URL\"", &shell]).output().unwrap();
    assert_eq!(String::from_utf8(said.stdout).unwrap(), odd);
}
