use serde_json::Value;

use crate::world::World;

#[tokio::test]
async fn a_password_comes_from_stdin_a_file_or_the_environment() {
    let world = World::new().await;
    world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).succeeded();
    let file = world.file("password", world.password(), 0o600);
    world.run(&["login", "me", "--secret-file", file.to_str().unwrap()]).succeeded();
    world.run_with(&["login", "me"], &[("BUTLR_PASSWORD", world.password())], "").succeeded();
    world.run_with(&["login", "me"], &[("BUTLR_PASSWORD_FILE", file.to_str().unwrap())], "").succeeded();
    let ended = world.run(&["-p", "me", "token"]).succeeded();
    assert!(!ended.stdout.is_empty());
}

#[tokio::test]
async fn without_a_terminal_it_fails_and_names_the_alternatives() {
    let world = World::new().await;
    world
        .run(&["login", "me"])
        .failed(4, "use --secret-stdin, --secret-file, BUTLR_PASSWORD or BUTLR_PASSWORD_FILE");
    world.run(&["login", "me", "--no-input"]).failed(4, "--no-input forbids to ask");
}

#[tokio::test]
async fn the_built_in_profile_takes_everything_from_the_environment() {
    let world = World::new().await;
    world.configure("");
    let variables = [
        ("BUTLR_BASE_URL", world.server.base_url()),
        ("BUTLR_USERNAME", "ada@example.com"),
        ("BUTLR_PASSWORD", world.password()),
    ];
    world.run_with(&["login"], &variables, "").succeeded();
    world.run_with(&["token"], &variables[..1], "").succeeded();
    // Without the variable this is Butlr's own host, where nobody has logged in.
    world.run(&["token"]).failed(4, "run `butlr-auth login`");
}

#[tokio::test]
async fn another_users_password_is_not_taken_for_a_profile() {
    let world = World::new().await;
    let variables = [("BUTLR_USERNAME", "eve@example.com"), ("BUTLR_PASSWORD", world.password())];
    world.run_with(&["login", "me"], &variables, "").failed(4, "a password is needed");
    assert_eq!(world.server.journal().token_requests(), 0);
}

#[tokio::test]
async fn a_login_says_that_a_configured_profile_stays_with_its_host() {
    let world = World::new().await;
    let elsewhere = [("BUTLR_BASE_URL", "https://elsewhere.example")];
    let ended = world.run_with(&["login", "me", "--secret-stdin"], &elsewhere, world.password()).succeeded();
    let said = format!("BUTLR_BASE_URL is not used: profile `me` belongs to {}", world.server.base_url());
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
    // The same server, however it is written, is no other one.
    let base = world.server.base_url();
    for same in [base.to_owned(), format!("{base}/"), format!("{base}/v3")] {
        let variables = [("BUTLR_BASE_URL", same.as_str())];
        let ended =
            world.run_with(&["login", "me", "--secret-stdin"], &variables, world.password()).succeeded();
        assert!(!ended.stderr.contains("BUTLR_BASE_URL"), "{}", ended.stderr);
        let status = world.run_with(&["-p", "me", "status", "--json"], &variables, "").succeeded().json();
        assert_eq!(status["hidden"], serde_json::json!([]));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_changes_nothing() {
    let world = World::new().await;
    world.log_in("me");
    let before = world.run(&["-p", "me", "token"]).succeeded().stdout;
    let ended =
        world.run_with(&["login", "me", "--secret-stdin"], &[], "canary-password").failed(5, "invalid_grant");
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    assert_eq!(world.run(&["-p", "me", "token"]).succeeded().stdout, before);
}

#[tokio::test]
async fn a_code_comes_back_with_the_pasted_address() {
    let world = World::new().await;
    let ended = world
        .log_in_by_page(&["login", "code"], async |server, address| server.approve(address).await.unwrap())
        .await
        .succeeded();
    assert!(ended.stderr.contains("code_challenge_method=S256"));
    world.run(&["-p", "code", "token"]).succeeded();
    let status = world.run(&["-p", "code", "status", "--json"]).succeeded().json();
    assert_eq!((&status["logged_in"], &status["renewable"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(status["subject"].as_str().unwrap().starts_with("auth0|"));
}

#[tokio::test]
async fn implicit_reads_the_fragment_and_cannot_be_renewed() {
    let world = World::new().await;
    world
        .log_in_by_page(&["login", "code", "--implicit"], async |server, address| {
            server.approve(address).await.unwrap()
        })
        .await
        .succeeded();
    world.run(&["-p", "code", "token"]).succeeded();
    world.run(&["-p", "code", "token", "--force-refresh"]).failed(4, "butlr-auth login code");
    assert_eq!(world.server.journal().token_requests(), 0);
}

// Security: A4, A5.
#[tokio::test]
async fn a_forged_or_denied_answer_is_refused() {
    let world = World::new().await;
    let forged = |redirect: &'static str| async move |_: &_, _: &str| redirect.to_owned();
    for redirect in [
        "http://127.0.0.1/callback?code=canary&state=forged",
        "http://127.0.0.1/callback?code=canary",
        "http://127.0.0.1/callback?code=canary&code=canary&state=x&state=x",
    ] {
        let ended =
            world.log_in_by_page(&["login", "code"], forged(redirect)).await.failed(5, "help: start again");
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    world.log_in_by_page(&["login", "code"], forged("")).await.failed(4, "no address came back");
    // The address of some other page is called that, and is no forgery.
    let elsewhere =
        world.log_in_by_page(&["login", "code"], forged("https://example.com/?code=canary")).await;
    let ended = elsewhere.failed(
        5,
        "this is an address at https://example.com, and this login ends at http://127.0.0.1/callback",
    );
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    let unchanged = async |_: &_, address: &str| address.to_owned();
    world
        .log_in_by_page(&["login", "code"], unchanged)
        .await
        .failed(5, "the address of the login page itself");
    world
        .log_in_by_page(&["login", "code"], async |server, address| server.deny(address).await.unwrap())
        .await
        .failed(5, "access_denied");
    assert_eq!(world.server.journal().token_requests(), 0);
}

#[tokio::test]
async fn a_redirect_that_is_no_text_is_a_usage_error() {
    let world = World::new().await;
    let mut child = world.command(&["login", "code"]).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"http://127.0.0.1/callback?code=\xff\n")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(output.stderr).unwrap().contains("not valid UTF-8"));
}

#[tokio::test]
async fn a_token_is_imported_from_stdin() {
    let world = World::new().await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    world.run_with(&["login", "me", "--with-token"], &[], &token).succeeded();
    assert_eq!(world.run(&["-p", "me", "token"]).succeeded().stdout, token);
    world.run_with(&["login", "robot", "--with-token"], &[], &token).failed(3, "name a profile of a person");
}

// Security: D11.
#[tokio::test]
async fn logout_forgets_and_revokes_or_says_that_it_could_not() {
    let world = World::new().await;
    world.log_in("me");
    let ended = world.run(&["logout", "me"]).succeeded();
    assert!(ended.stderr.contains("the server has no revocation endpoint"), "{}", ended.stderr);
    world.run(&["-p", "me", "token"]).failed(4, "it was logged out");

    world.log_in("json");
    let secret = [("THE_SECRET", world.server.client().secret.as_str())];
    let ended = world.run_with(&["--json", "logout", "json"], &secret, "").succeeded();
    assert_eq!(ended.json()["revoked"], true);
    let journal = world.server.journal();
    assert!(journal.events().iter().any(|event| event.outcome == "revoked"));
}

#[tokio::test]
async fn status_says_who_from_where_and_what_it_hides() {
    let world = World::new().await;
    world.log_in("me");
    let status = world.run_with(&["-p", "me", "status", "--json"], &world.client(), "").succeeded().json();
    assert_eq!(status["profile"], "me");
    assert_eq!(status["source"], "command line");
    assert_eq!(status["hidden"], serde_json::json!(["environment: BUTLR_CLIENT_ID"]));
    assert_eq!(status["username"], "ada@example.com");
    assert_eq!(status["server"], world.server.base_url());
    let text = world.run(&["-p", "me", "whoami"]).succeeded().stdout;
    assert!(text.contains("user name      ada@example.com"), "{text}");
    let all = world.run(&["status", "--all", "--json"]).succeeded().json();
    assert_eq!(all["profiles"].as_array().unwrap().len(), 5);
    world.run(&["-p", "code", "status", "--check"]).failed(4, "butlr-auth login code");
    world.run(&["-p", "me", "status", "--check"]).succeeded();
}

#[tokio::test]
async fn a_program_goes_on_with_the_session_of_the_command_line() {
    use butlr_auth::{FileStore, HttpTokenEndpoint, Provider, Session};
    let world = World::new().await;
    world.log_in("me");
    let printed = world.run(&["-p", "me", "token"]).succeeded().stdout;
    let base_url = world.server.base_url().parse().unwrap();
    let endpoint = HttpTokenEndpoint::builder(Provider::butlr_at(&base_url)).client_id("butlr");
    let endpoint = endpoint.username("ada@example.com").build().unwrap();
    let store = FileStore::open(world.home.path().join(".local/state/butlr-auth/sessions")).unwrap();
    let session =
        Session::builder(endpoint).store(store).name(format!("me@{}", base_url.host())).open().unwrap();
    assert_eq!(session.token().await.unwrap().access_token().expose(), printed.trim());
}
