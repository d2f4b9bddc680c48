use std::os::unix::fs::PermissionsExt as _;

use crate::world::{Ended, World};

/// The report, and the part of it that decides.
#[derive(serde::Deserialize)]
struct Report {
    schema: u32,
    exit: i32,
    checks: Vec<Found>,
}

#[derive(serde::Deserialize)]
struct Found {
    name: String,
    state: String,
}

#[track_caller]
fn check(ended: &Ended, code: i32, expected: &[(&str, &str)]) {
    let report: Report = serde_json::from_value(ended.json()).unwrap();
    let found: Vec<(&str, &str)> =
        report.checks.iter().map(|found| (found.name.as_str(), found.state.as_str())).collect();
    assert_eq!((report.schema, report.exit, ended.code), (2, code, code), "{}", ended.stdout);
    assert_eq!(found, expected, "{}", ended.stdout);
}

const GOOD: [(&str, &str); 6] = [
    ("configuration", "ok"),
    ("secret", "ok"),
    ("storage", "ok"),
    ("network", "ok"),
    ("clock", "ok"),
    ("session", "ok"),
];

fn with(name: &str, state: &'static str) -> Vec<(&'static str, &'static str)> {
    GOOD.into_iter().map(|(known, good)| (known, if known == name { state } else { good })).collect()
}

#[tokio::test]
async fn a_good_setup_is_ok_in_every_part_and_no_token_is_asked_for() {
    let world = World::new().await;
    let ended = world.run(&["-p", "robot", "--json", "doctor"]);
    check(&ended, 0, &GOOD);
    assert_eq!(world.server.journal().token_requests(), 0);
    let text = world.run(&["-p", "robot", "doctor"]).succeeded().stdout;
    assert!(text.lines().all(|line| line.starts_with("ok    ")), "{text}");
    // A second time it finds its own probe.
    check(
        &world.run(&["-p", "robot", "--json", "doctor", "--offline"]),
        0,
        &GOOD.into_iter().filter(|(name, _)| *name != "network").collect::<Vec<_>>(),
    );
}

#[tokio::test]
async fn each_fault_is_named_with_its_help_and_its_exit_code() {
    let world = World::new().await;
    world.file("secret", "x", 0o644);
    let ended = world.run(&["-p", "robot", "--json", "doctor"]);
    check(&ended, 3, &with("secret", "FAIL"));
    assert!(ended.stdout.contains("chmod 600"), "{}", ended.stdout);
    world.file("secret", "x", 0o600);

    let elsewhere = [("BUTLR_BASE_URL", "https://elsewhere.example")];
    let ended = world.run_with(&["-p", "robot", "--json", "doctor"], &elsewhere, "");
    check(&ended, 0, &with("configuration", "warn"));

    let sessions = world.home.path().join(".local/state/butlr-auth/sessions");
    std::fs::set_permissions(&sessions, std::fs::Permissions::from_mode(0o755)).unwrap();
    let ended = world.run(&["-p", "robot", "--json", "doctor"]);
    check(&ended, 3, &with("storage", "FAIL")[..5]);
    assert!(ended.stdout.contains("chmod 700"), "{}", ended.stdout);
    std::fs::set_permissions(&sessions, std::fs::Permissions::from_mode(0o700)).unwrap();

    let ended = world.run(&["-p", "me", "doctor"]);
    assert_eq!(ended.code, 4);
    assert!(ended.stdout.contains("FAIL  session        nobody has logged in\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("help: run `butlr-auth login me`"), "{}", ended.stdout);

    world.configure("[profile.robot]\nprest = \"butlr\"\n");
    check(&world.run(&["-p", "robot", "--json", "doctor"]), 3, &[("configuration", "FAIL")]);
}

#[tokio::test]
async fn a_server_that_is_down_is_exit_6() {
    let world = World::new().await;
    let variables = [
        ("BUTLR_BASE_URL", "http://127.254.254.254:9"),
        ("BUTLR_CLIENT_ID", "id"),
        ("BUTLR_CLIENT_SECRET", "canary"),
    ];
    world.configure("");
    let ended = world.run_with(&["--json", "doctor"], &variables, "");
    check(&ended, 6, &with("network", "FAIL"));
    assert!(!ended.stdout.contains("canary"), "{}", ended.stdout);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_exit_7() {
    // Root writes everywhere but where the kernel itself says what is there.
    let world = World::new().await;
    let variables = [("BUTLR_AUTH_STATE_DIR", "/proc/state")];
    let ended = world.run_with(&["-p", "me", "doctor", "--offline"], &variables, "");
    assert_eq!(ended.code, 7, "{}", ended.stdout);
    assert!(ended.stdout.contains("FAIL  storage"), "{}", ended.stdout);
}
