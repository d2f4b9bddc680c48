use crate::world::World;

fn description(world: &World, password: &str) -> String {
    let host = world.server.base_url().trim_start_matches("http://");
    let password = if password.is_empty() { String::new() } else { format!("password={password}\n") };
    format!("protocol=http\nhost={host}\npath=a.git\nwwwauth[]=Basic\n{password}\n")
}

const GIT: [&str; 4] = ["-p", "robot", "helper", "git"];
const DOCKER: [&str; 4] = ["-p", "robot", "helper", "docker"];

fn asked<'a>(helper: [&'a str; 4], more: &[&'a str]) -> Vec<&'a str> {
    helper.iter().chain(more).copied().collect()
}

// Security: H12.
#[tokio::test]
async fn git_gets_the_token_for_the_profiles_host_alone() {
    let world = World::new().await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let token = token.trim();
    let answer = world.run_with(&asked(GIT, &["get"]), &[], &description(&world, "")).succeeded().stdout;
    let lines: Vec<&str> = answer.lines().collect();
    assert_eq!(lines[..2], ["username=oauth2", &format!("password={token}")]);
    assert!(lines[2].starts_with("password_expiry_utc=1") && lines.len() == 3, "{answer}");
    let answer =
        world.run_with(&asked(GIT, &["--username", "x-token", "get"]), &[], &description(&world, ""));
    assert!(answer.stdout.starts_with("username=x-token\n"), "{}", answer.stdout);

    let host = world.server.base_url().trim_start_matches("http://");
    for other in [
        "protocol=https\nhost=evil.example\n\n".to_owned(),
        format!("protocol=https\nhost={host}\n\n"),
        format!("protocol=http\nhost={host}.evil.example\n\n"),
        format!("protocol=http\nhost={host}@evil.example\n\n"),
        format!("protocol=http\nhost=evil.example/{host}\n\n"),
        format!("protocol=http\nhost={host}/.evil.example\n\n"),
        format!("protocol=http\nhost={host}/\n\n"),
        format!("protocol=http\nhost={host}?.evil.example\n\n"),
        format!("protocol=http\nhost={host}#.evil.example\n\n"),
        format!("protocol=http\nhost={host}\\.evil.example\n\n"),
        format!("protocol=http\nhost=/{host}\n\n"),
        format!("protocol=http\nhost=//{host}\n\n"),
        format!("protocol=http\nhost=@{host}\n\n"),
        format!("protocol=http\nhost= {host}\n\n"),
        format!("protocol=http\nhost={host}\t\n\n"),
        format!("protocol=http\nhost={host}:\n\n"),
        format!("protocol=http\nhost={}\n\n", host.replace("127.0.0.1", "127.1")),
        format!("protocol=http\nhost={}\n\n", host.replace("127.0.0.1", "0x7f.0.0.1")),
        format!("protocol=http\nhost={}\n\n", host.replace("127.0.0.1", "2130706433")),
        format!("protocol=http\nhost={}\n\n", host.replace("127.0.0.1", "１27.0.0.1")),
        format!("protocol=http\nhost={}\n\n", host.replace("127.0.0.1", "%3127.0.0.1")),
        format!("protocol=http\nhost={}\n\n", host.replace("127.0.0.1", "127.0.0.1.")),
        format!("protocol=http\nhost={}\n\n", host.replace(':', ":0")),
        format!("protocol=http\nhost={}\n\n", host.replace(':', ":+")),
        format!("protocol=HTTP\nhost={host}\n\n"),
        format!("protocol=http:\nhost={host}\n\n"),
        "\n".to_owned(),
        String::new(),
    ] {
        let ended = world.run_with(&asked(GIT, &["get"]), &[], &other).succeeded();
        assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""), "{other}");
    }
}

#[tokio::test]
async fn a_line_end_in_a_value_is_refused() {
    let world = World::new().await;
    let carriage = description(&world, "").replace("path=a.git", "path=a\rhost=evil.example");
    world.run_with(&asked(GIT, &["get"]), &[], &carriage).failed(2, "line end");
    world.run_with(&asked(GIT, &["get"]), &[], "no line of git's\n").failed(2, "`name=value` lines");
    world.run_with(&asked(GIT, &["--username", "a\nhost=b", "get"]), &[], "").failed(2, "control characters");
    world.run_with(&asked(DOCKER, &["get"]), &[], "https://a\nhttps://b").failed(2, "line end");
    let twice = format!("host=evil.example\n{}", description(&world, ""));
    world.run_with(&asked(GIT, &["get"]), &[], &twice).failed(2, "names `host` twice");
}

#[tokio::test]
async fn a_password_that_git_reports_as_refused_is_renewed() {
    let world = World::with(
        butlr_auth_testkit::AuthorizationServer::builder()
            .access_token_lifetime(std::time::Duration::from_secs(8)),
    )
    .await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    world.run_with(&asked(GIT, &["erase"]), &[], &description(&world, "another-password")).succeeded();
    assert_eq!(world.run(&["-p", "robot", "token"]).succeeded().stdout, token);
    // Sleeps because a token that is younger than a quarter of its life is not renewed for a refusal.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    world.run_with(&asked(GIT, &["erase"]), &[], &description(&world, token.trim())).succeeded();
    assert_ne!(world.run(&["-p", "robot", "token"]).succeeded().stdout, token);
    // What git learnt elsewhere is not taken, and what is not known is not answered.
    for operation in ["store", "capability"] {
        let ended = world.run_with(&asked(GIT, &[operation]), &[], &description(&world, "x")).succeeded();
        assert_eq!(ended.stdout, "");
    }
}

#[tokio::test]
async fn without_a_login_git_is_told_so_on_stderr() {
    let world = World::new().await;
    world
        .run_with(&["-p", "me", "helper", "git", "get"], &[], &description(&world, ""))
        .failed(4, "butlr-auth login me");
}

// Security: H12.
#[tokio::test]
async fn docker_gets_the_token_in_its_own_form() {
    let world = World::new().await;
    let base = world.server.base_url();
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let answer = world.run_with(&asked(DOCKER, &["get"]), &[], base).succeeded().json();
    let expected = serde_json::json!({ "ServerURL": base, "Username": "oauth2", "Secret": token.trim() });
    assert_eq!(answer, expected);
    let ended = world.run_with(&asked(DOCKER, &["get"]), &[], "https://index.docker.io/v1/");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, "credentials not found in native keychain\n"));
    let host = base.trim_start_matches("http://");
    for other in [
        format!("{base}/.evil.example"),
        format!("{base}/v1/"),
        format!("{base}@evil.example"),
        format!("http://evil.example@{host}"),
        format!("http:/{host}"),
        format!("http:\\\\{host}"),
        format!("HTTP://{host}"),
        host.to_owned(),
        base.replace("127.0.0.1", "127.1"),
    ] {
        let ended = world.run_with(&asked(DOCKER, &["get"]), &[], &other);
        let expected = (1, "credentials not found in native keychain\n");
        assert_eq!((ended.code, ended.stdout.as_str()), expected, "{other}");
    }
    let listed = world.run(&asked(DOCKER, &["list"])).succeeded().json();
    assert_eq!(listed, serde_json::json!({ base: "oauth2" }));
    world.run_with(&asked(DOCKER, &["store"]), &[], "{}").failed(2, "`store` is not possible");
    world.run_with(&asked(DOCKER, &["erase"]), &[], base).succeeded();
}

#[tokio::test]
async fn a_real_git_asks_and_is_answered() {
    let world = World::new().await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let binary = env!("CARGO_BIN_EXE_butlr-auth");
    let helper = format!("credential.{}.helper=!{binary} -p robot helper git", world.server.base_url());
    let mut command = std::process::Command::new("git");
    command
        .args(["-c", "credential.helper=", "-c", &helper, "credential", "fill"])
        .env("HOME", world.home.path())
        .env("BUTLR_AUTH_CONFIG", world.home.path().join("config.toml"))
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    use std::io::Write as _;
    child.stdin.take().unwrap().write_all(description(&world, "").as_bytes()).unwrap();
    let filled = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(filled.contains(&format!("password={}\n", token.trim())), "{filled}");
}
