use butlr_auth_testkit::Endpoint;

use crate::world::World;

/// Every secret that a run could leak.
fn secrets(world: &World) -> Vec<String> {
    vec![world.password().to_owned(), world.server.client().secret.clone()]
}

#[tokio::test]
async fn no_secret_is_in_the_logs_at_any_level() {
    let world = World::new().await;
    let mut logged = String::new();
    logged +=
        &world.run_with(&["-vv", "login", "me", "--secret-stdin"], &[], world.password()).succeeded().stderr;
    let ended = world.run(&["-vv", "-p", "robot", "token"]).succeeded();
    logged += &ended.stderr;
    let mut found = secrets(&world);
    found.push(ended.stdout.trim().to_owned());
    let secret = [("THE_SECRET", world.server.client().secret.as_str()), ("BUTLR_AUTH_LOG", "trace")];
    logged +=
        &world.run_with(&["login", "json", "--secret-stdin"], &secret, world.password()).succeeded().stderr;
    let ended = world.run_with(&["-p", "json", "token", "--force-refresh"], &secret, "").succeeded();
    logged += &ended.stderr;
    found.push(ended.stdout.trim().to_owned());
    logged += &world.run_with(&["logout", "json"], &secret, "").succeeded().stderr;
    assert!(logged.contains("endpoint_host="), "nothing was logged: {logged}");
    for secret in found {
        assert!(!logged.contains(&secret), "a secret is in the log");
    }
}

#[tokio::test]
async fn an_unknown_log_level_is_a_configuration_error() {
    let world = World::new().await;
    world
        .run_with(&["-p", "robot", "token"], &[("BUTLR_AUTH_LOG", "loud")], "")
        .failed(3, "error, warn, info");
}

// Security: I9.
#[tokio::test]
async fn what_is_too_long_on_stdin_is_refused_and_not_cut() {
    let world = World::new().await;
    let login = ["login", "me", "--secret-stdin"];
    let too_long = "longer than 65536 bytes";
    let canary = "canary".repeat(11_000);
    for stdin in [canary.clone(), format!("{canary}\n{}", world.password())] {
        let said = world.run_with(&login, &[], &stdin).failed(2, too_long).stderr;
        assert!(!said.contains("canary"), "{said}");
    }
    let helper = ["-p", "robot", "helper", "docker", "get"];
    world.run_with(&helper, &[], &"\n".repeat(70_000)).failed(2, too_long);
    assert_eq!(world.server.journal().requests(Endpoint::ButlrLogin), 0);
    // One line counts, whatever comes after it.
    world.run_with(&login, &[], &format!("{}\n{canary}", world.password())).succeeded();
}

// Security: H7.
#[tokio::test]
async fn a_process_cannot_dump_core() {
    // The command that fetches a secret inherits the limit of the process that runs it.
    let world = World::new().await;
    let base = world.server.base_url();
    let id = &world.server.client().id;
    world.configure(&format!(
        "[profile.x]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\nclient_secret = {{ command = [\"/bin/sh\", \"-c\", \"ulimit -c >&2; cat secret\"] }}\n"
    ));
    let mut command = world.command(&["-p", "x", "token"]);
    let output = command.current_dir(world.home.path()).env("PATH", "/bin:/usr/bin").output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "0\n");
}

// Security: A13.
#[tokio::test]
async fn the_password_is_stored_nowhere() {
    let world = World::new().await;
    world.log_in("me");
    world.log_in("json");
    let mut folders = vec![world.home.path().join(".local")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let content = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            for secret in secrets(&world) {
                assert!(!content.contains(&secret), "{}", path.display());
            }
        }
    }
    assert!(files >= 2);
}
