//! How a session ends: each token is told of, also where nothing can be written, and an old one after a new login.

use std::process::{Command, Stdio};

use butlr_auth_testkit::{Endpoint, Fault};

use crate::users;
use crate::world::{Ended, World, end};

fn secret(world: &World) -> [(&str, &str); 1] {
    [("THE_SECRET", &world.server.client().secret)]
}

fn log_out(world: &World) -> Ended {
    world.run_with(&["logout", "json"], &secret(world), "")
}

fn revocations(world: &World) -> u64 {
    world.server.journal().requests(Endpoint::Revoke)
}

#[tokio::test]
async fn any_success_of_a_revocation_is_one() {
    for status in [200, 202, 204] {
        let world = World::new().await;
        world.log_in("json");
        world.server.inject(Fault::status(status).on(Endpoint::Revoke));
        let said = log_out(&world).succeeded().stderr;
        assert!(said.contains("revoked at the server: refresh token, access token of `json`"), "{said}");
        assert!(!said.contains("warning"), "{said}");
    }
}

#[tokio::test]
async fn what_was_revoked_and_what_not_is_said_for_each_token() {
    let world = World::new().await;
    world.log_in("json");
    world.server.inject(Fault::error("unsupported_token_type").skip(1).on(Endpoint::Revoke));
    let said = log_out(&world).succeeded().stderr;
    assert!(said.contains("revoked at the server: refresh token of `json`"), "{said}");
    assert!(said.contains("not revoked, and good until it expires: access token of `json`"), "{said}");

    world.log_in("json");
    world.server.clear_faults();
    world.server.inject(Fault::error("invalid_client").times(1).on(Endpoint::Revoke));
    let ended = world.run_with(&["--json", "logout", "json"], &secret(&world), "").succeeded();
    let document = ended.json();
    assert_eq!(document["revoked"], false);
    assert_eq!(document["access_tokens"][0], "revoked");
    assert!(document["refresh_token"].as_str().unwrap().contains("invalid_client"), "{document}");
}

/// Runs a script in a mount namespace of its own, with the program as `$1` and the folder of its state as `$2`; `None`
/// where there can be none.
fn with_mounts(world: &World, script: &str) -> Option<Ended> {
    let unshared = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
    if !unshared.is_ok_and(|status| status.success()) {
        // In a chroot whose root is no mount, for one: the same machine runs it outside.
        users::say("SKIPPED: no mount can be made here");
        return None;
    }
    let state = world.home.path().join("state");
    std::fs::create_dir_all(&state).unwrap();
    let mut command = world.configured(Command::new("unshare"), &["--mount", "sh", "-ec", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_butlr-auth")).arg(&state).envs(secret(world));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("BUTLR_AUTH_STATE_DIR", &state);
    Some(end(command, &format!("{}\n", world.password())))
}

const FULL: &str = r#"
mount -t tmpfs -o size=256k,mode=0700 tmpfs "$2"
"$1" login json --secret-stdin 2> /dev/null
cat /dev/zero > "$2/filler" 2> /dev/null || true
exec "$1" logout json
"#;

const READ_ONLY: &str = r#"
mount -t tmpfs -o size=1m,mode=0700 tmpfs "$2"
"$1" login json --secret-stdin 2> /dev/null
mount -o remount,ro "$2"
exec "$1" logout json
"#;

#[tokio::test]
async fn a_session_that_cannot_be_removed_is_revoked_all_the_same() {
    for script in [FULL, READ_ONLY] {
        let world = World::new().await;
        let Some(ended) = with_mounts(&world, script) else { return };
        let said = ended.failed(7, "the session of `json` stays in").stderr;
        assert!(said.contains("revoked at the server: refresh token, access token of `json`"), "{said}");
        assert_eq!(revocations(&world), 2);
    }
}

#[tokio::test]
async fn a_login_over_a_living_session_says_that_the_old_one_lives() {
    let world = World::new().await;
    let login = ["login", "json", "--secret-stdin"];
    let said = world.run_with(&login, &secret(&world), world.password()).succeeded().stderr;
    assert!(!said.contains("revoke_replaced"), "{said}");
    let said = world.run_with(&login, &secret(&world), world.password()).succeeded().stderr;
    assert!(said.contains("lives on at the server until it expires; `revoke_replaced = true`"), "{said}");
    assert_eq!(revocations(&world), 0);
    log_out(&world).succeeded();
    let said = world.run_with(&login, &secret(&world), world.password()).succeeded().stderr;
    assert!(!said.contains("revoke_replaced"), "{said}");
}

#[tokio::test]
async fn a_profile_may_have_a_login_revoke_what_it_replaces() {
    let world = World::new().await;
    let path = world.home.path().join("config.toml");
    let text = std::fs::read_to_string(path).unwrap();
    world.configure(&text.replace("body = \"json\"", "body = \"json\"\n            revoke_replaced = true"));
    world.log_in("json");
    let login = ["login", "json", "--secret-stdin"];
    let said = world.run_with(&login, &secret(&world), world.password()).succeeded().stderr;
    assert!(said.contains("the session before was revoked"), "{said}");
    assert_eq!(revocations(&world), 2);
    world.run_with(&["-p", "json", "token", "--force-refresh"], &secret(&world), "").succeeded();
    assert!(world.server.journal().judge().is_clean());

    world.server.inject(Fault::error("invalid_client").on(Endpoint::Revoke));
    let said = world.run_with(&login, &secret(&world), world.password()).succeeded().stderr;
    assert!(said.contains("the session before could not be revoked"), "{said}");
}
