use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::browser;
use crate::world::{Ended, World};

#[test]
fn the_tour_proves_every_step() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_butlr-auth"))
        .args(["demo", "--script"])
        .env_clear()
        .env("HOME", home.path())
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    assert_eq!(stdout.lines().filter(|line| line.starts_with('✓')).count(), 14, "{stdout}");
    assert!(stdout.ends_with("all 14 steps proved\n"), "{stdout}");
    assert_eq!(
        std::fs::read_dir(home.path()).unwrap().count(),
        0,
        "the tour left something in the home directory"
    );
}

#[tokio::test]
async fn serve_prints_the_environment_as_one_document() {
    let world = World::new().await;
    let mut server = world.command(&["--json", "demo", "--serve"]).stderr(Stdio::null()).spawn().unwrap();
    let line = BufReader::new(server.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    let document: serde_json::Value = serde_json::from_str(&line).unwrap();
    let variables: Vec<(&str, &str)> = document["environment"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    world.run_with(&["token"], &variables, "").succeeded();
    server.kill().unwrap();
    server.wait().unwrap();
}

#[tokio::test]
async fn serve_prints_the_environment_to_use_and_ends_on_a_signal() {
    let world = World::new().await;
    let config = world.home.path().join("demo.toml");
    let mut server = world
        .command(&["demo", "--serve", "--fail", "503:1", "--config-out", config.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines().take(5);
    let variables: Vec<(String, String)> = lines
        .map(|line| {
            let line = line.unwrap();
            let (name, value) = line.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let names: Vec<&str> = variables.iter().map(|(name, _)| name.as_str()).collect();
    let expected =
        ["BUTLR_BASE_URL", "BUTLR_CLIENT_ID", "BUTLR_CLIENT_SECRET", "BUTLR_USERNAME", "BUTLR_PASSWORD"];
    assert_eq!(names, expected);
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    world.run_with(&["token", "--no-retry"], &variables, "").failed(6, "try again in 1 s");
    let config = config.to_str().unwrap();
    let (user, password) = (variables[3].1, variables[4].1);
    // The first request at each endpoint was promised to fail.
    let patient = |arguments: &[&str], stdin: &str| loop {
        let arguments: Vec<&str> = ["--config", config].iter().chain(arguments).copied().collect();
        let ended = world.run_with(&arguments, &[], stdin);
        if ended.code != 6 {
            return ended.succeeded();
        }
    };
    for profile in
        ["password", "refreshed", "client", "json-password", "json-client", "form-password", "form-client"]
    {
        if profile.contains("password") || profile == "refreshed" {
            patient(&["login", profile, "--secret-stdin"], password);
        } else {
            patient(&["login", profile], "");
        }
        use_it(profile, &patient);
    }
    for profile in ["dashboard", "code", "discovered", "device", "implicit"] {
        let mut login = world.start(&["--config", config, "--json", "login", profile]);
        if profile == "device" {
            let page = login.member("verification_uri_complete");
            browser::allow(&page, user, password).await;
        } else {
            let page = login.member("url");
            let landed = browser::allow(&page, user, password).await.unwrap();
            login.answer(&landed);
        }
        login.end().succeeded();
        use_it(profile, &patient);
    }
    let pid = rustix::process::Pid::from_child(&server);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[tokio::test]
async fn serve_replaces_no_configuration_but_its_own() {
    let world = World::new().await;
    let before = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    let path = world.home.path().join("config.toml");
    world.run(&["demo", "--serve", "--config-out", path.to_str().unwrap()]).failed(3, "is there already");
    assert_eq!(std::fs::read_to_string(path).unwrap(), before);
}

/// Uses a profile as its user would, by every command that takes a token.
fn use_it(profile: &str, patient: &impl Fn(&[&str], &str) -> Ended) {
    let token = patient(&["-p", profile, "token"], "").stdout;
    let seen = patient(&["-p", profile, "run", "--", "/bin/sh", "-c", "echo $BUTLR_ACCESS_TOKEN"], "").stdout;
    assert_eq!(token, seen, "{profile}");
    let query = "query={ sites { data { id } } }";
    let answer = patient(&["-p", profile, "api", "graphql", "-f", query], "").json();
    assert!(answer.pointer("/data/sites/data/0/id").is_some(), "{profile}: {answer}");
}

#[tokio::test]
async fn a_habit_that_no_server_has_is_refused_with_the_known_ones() {
    let world = World::new().await;
    let ended = world.run(&["demo", "--serve", "--quirk", "good-manners"]);
    ended.failed(2, "scope-array");
}
