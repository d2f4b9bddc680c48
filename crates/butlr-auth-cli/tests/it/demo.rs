use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use crate::world::World;

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
    world.run_with(&["token"], &variables, "").failed(6, "try again in 1 s");
    let config = config.to_str().unwrap();
    let password = variables[4].1;
    for profile in ["refreshed", "json-password", "form-password"] {
        let login = ["--config", config, "login", profile, "--secret-stdin"];
        // The first request at each endpoint was promised to fail.
        while world.run_with(&login, &[], password).code == 6 {}
        let forced = ["--config", config, "-p", profile, "token", "--force-refresh"];
        while world.run(&forced).code == 6 {}
        world.run(&["--config", config, "-p", profile, "token"]).succeeded();
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
