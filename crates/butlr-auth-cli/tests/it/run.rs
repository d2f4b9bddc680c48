use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use butlr_auth_testkit::{Endpoint, Fault};

use crate::world::World;

#[tokio::test]
async fn the_command_finds_the_token_and_no_secret() {
    let world = World::new().await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let secret = world.server.client().secret.clone();
    let variables = [
        ("BUTLR_CLIENT_SECRET", secret.as_str()),
        ("BUTLR_PASSWORD", world.password()),
        ("THE_SECRET", "canary-secret"),
        ("BUTLR_BASE_URL", "https://elsewhere.example"),
        ("OTHER", "stays"),
    ];
    let ended = world
        .run_with(&["-p", "robot", "run", "--set", "AUTH=header", "--", "/usr/bin/env"], &variables, "")
        .succeeded();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let token = token.trim();
    assert!(lines.contains(&format!("BUTLR_ACCESS_TOKEN={token}").as_str()), "{}", ended.stdout);
    assert!(lines.contains(&format!("AUTH=Authorization: Bearer {token}").as_str()), "{}", ended.stdout);
    assert!(lines.contains(&format!("BUTLR_BASE_URL={}", world.server.base_url()).as_str()));
    assert!(lines.iter().any(|line| line.starts_with("BUTLR_TOKEN_EXPIRES_AT=20")));
    assert!(lines.contains(&"OTHER=stays"));
    for gone in [secret.as_str(), world.password(), "canary-secret", "elsewhere"] {
        assert!(!ended.stdout.contains(gone), "{}", ended.stdout);
    }
}

#[tokio::test]
async fn a_profile_without_an_api_hands_no_other_servers_address_on() {
    let world = World::new().await;
    let base = world.server.base_url();
    let (id, secret) = (&world.server.client().id, "client_secret = { file = \"secret\" }");
    world.configure(&format!(
        "[profile.x]\ngrant = \"client_credentials\"\nclient_id = \"{id}\"\n{secret}\n[profile.x.endpoints]\ntoken = \"{base}/token\"\n"
    ));
    let elsewhere = [("BUTLR_BASE_URL", "https://elsewhere.example")];
    let ended = world.run_with(&["-p", "x", "run", "/usr/bin/env"], &elsewhere, "").succeeded();
    assert!(!ended.stdout.contains("BUTLR_BASE_URL"), "{}", ended.stdout);
}

#[tokio::test]
async fn its_exit_code_is_the_commands_own_and_so_are_its_streams() {
    let world = World::new().await;
    let shell = |script: &str, stdin: &str| {
        world.run_with(&["-p", "robot", "run", "--", "/bin/sh", "-c", script], &[], stdin)
    };
    let ended = shell("cat; echo said >&2; exit 42", "given\n");
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (42, "given\n", "said\n"));
    // A signal's number is seen as the shell that kills itself sees it, so the process was replaced.
    assert_eq!(shell("kill -9 $$", "").code, -1);
    // Options after the command are the command's.
    assert_eq!(world.run(&["-p", "robot", "run", "/bin/sh", "-c", "exit 7"]).code, 7);
}

#[tokio::test]
async fn a_command_that_cannot_be_run_is_126_or_127() {
    let world = World::new().await;
    world
        .run(&["-p", "robot", "run", "--", "/nowhere/command"])
        .failed(127, "could not run `/nowhere/command`");
    let plain = world.file("plain", "no program", 0o644);
    world.run(&["-p", "robot", "run", plain.to_str().unwrap()]).failed(126, "Permission denied");
    let document = world.run(&["-p", "robot", "--json", "run", "/nowhere/command"]).failed(127, "not_found");
    assert!(serde_json::from_str::<serde_json::Value>(&document.stderr).is_ok());
    world.run(&["-p", "robot", "run"]).failed(2, "required");
    world.run(&["-p", "robot", "run", "--set", "A B=raw", "--", "true"]).failed(2, "letters, digits");
    world
        .run(&["-p", "robot", "run", "--set", "A=env", "--", "true"])
        .failed(2, "raw, header, json and kube");
    world.run(&["-p", "me", "run", "--", "true"]).failed(4, "butlr-auth login me");
}

#[tokio::test]
async fn a_command_has_the_limits_of_its_caller() {
    let world = World::new().await;
    let ours = std::process::Command::new("/bin/sh").args(["-c", "ulimit -c"]).output().unwrap().stdout;
    let ended = world.run(&["-p", "robot", "run", "/bin/sh", "-c", "ulimit -c"]).succeeded();
    assert_eq!(ended.stdout.as_bytes(), ours);
}

#[tokio::test]
async fn a_renewal_under_way_is_kept_before_the_command_takes_over() {
    let world = World::with(
        butlr_auth_testkit::AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(8)),
    )
    .await;
    world.log_in("json");
    let secret = [("THE_SECRET", world.server.client().secret.as_str())];
    // Sleeps because the token has to become stale, not expired, on the real clock: between 0.5 and 0.75 of its life.
    tokio::time::sleep(Duration::from_millis(5900)).await;
    world.server.inject(Fault::delay(Duration::from_millis(200)).on(Endpoint::Token));
    world.run_with(&["-p", "json", "run", "/bin/true"], &secret, "").succeeded();
    world.server.clear_faults();
    let requests = world.server.journal().token_requests();
    assert_eq!(requests, 2, "the token was not renewed");
    world.run_with(&["-p", "json", "token", "--min-ttl", "4s"], &secret, "").succeeded();
    assert_eq!(world.server.journal().token_requests(), requests, "what the server issued was lost");
    assert!(world.server.journal().judge().is_clean());
}

#[tokio::test]
async fn a_token_file_is_private_and_whole_in_every_form() {
    let world = World::new().await;
    let path = world.file("token", "an older and much longer content than a token", 0o644);
    let name = path.to_str().unwrap();
    let raw = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let ended = world.run(&["-p", "robot", "token", "-o", name]).succeeded();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), raw);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    world.run(&["-p", "robot", "token", "-f", "kube", "-o", name]).succeeded();
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(document["status"]["token"], raw.trim());
    world
        .run(&["-p", "robot", "token", "-o", "/dev/null/token"])
        .failed(7, "could not write /dev/null/token");
    world.run(&["-p", "robot", "token", "-o", "/dev/stdout"]).failed(7, "not a regular file");
    world.run(&["-p", "robot", "token", "--watch"]).failed(2, "--output");
}

#[tokio::test]
async fn kubectl_reads_its_own_form() {
    let world = World::new().await;
    let asked = r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{}}"#;
    let arguments = ["-p", "robot", "token", "-f", "kube"];
    let document = world.run_with(&arguments, &[("KUBERNETES_EXEC_INFO", asked)], "").succeeded().json();
    assert_eq!(document["apiVersion"], "client.authentication.k8s.io/v1beta1");
    let document = world.run(&arguments).succeeded().json();
    assert_eq!(document["apiVersion"], "client.authentication.k8s.io/v1");
    assert_eq!(document["kind"], "ExecCredential");
    assert!(document["status"]["expirationTimestamp"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_watched_file_always_holds_a_good_token_and_the_end_is_clean() {
    let world = World::with(
        butlr_auth_testkit::AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(3)),
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let watch = ["-p", "robot", "token", "--watch", "-o", path.to_str().unwrap()];
    let mut watching = world.command(&watch).spawn().unwrap();
    let mut seen: Vec<String> = Vec::new();
    let watched = async {
        while seen.len() < 3 {
            if let Ok(token) = std::fs::read_to_string(&path)
                && seen.last() != Some(&token)
            {
                assert!(token.ends_with('\n'), "a part of a token was seen");
                seen.push(token);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), watched).await.unwrap();
    // A server that fails for a while costs nothing.
    world.server.inject(Fault::status(503).on(Endpoint::ButlrClientLogin));
    let failed = world.server.journal().token_requests() + 1;
    while world.server.journal().token_requests() < failed {
        tokio::task::yield_now().await;
    }
    world.server.clear_faults();
    while std::fs::read_to_string(&path).unwrap() == seen[2] {
        tokio::task::yield_now().await;
    }
    let pid = rustix::process::Pid::from_child(&watching);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file stayed");
    // An hour is more than this server gives: it is asked once more, and not every second.
    let requests = world.server.journal().token_requests();
    let mut arguments = watch.to_vec();
    arguments.extend(["--min-ttl", "1h"]);
    let mut watching = world.command(&arguments).spawn().unwrap();
    // Sleeps because what is shown is that nothing happens for a while.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    rustix::process::kill_process(rustix::process::Pid::from_child(&watching), rustix::process::Signal::INT)
        .unwrap();
    assert_eq!(watching.wait().unwrap().code(), Some(0));
    let asked = world.server.journal().token_requests() - requests;
    assert!((1..=3).contains(&asked), "{asked} requests");
}

#[tokio::test]
async fn a_watch_that_cannot_begin_fails_as_a_token_does() {
    let world = World::new().await;
    let path = world.home.path().join("token");
    let path = path.to_str().unwrap();
    world.run(&["-p", "me", "token", "-o", path, "--watch"]).failed(4, "butlr-auth login me");
    assert!(!std::path::Path::new(path).exists());
    world.run(&["-p", "robot", "token", "-o", "/dev/null/token", "--watch"]).failed(7, "/dev/null/token");
}
