//! How long a token is good where the server does not say it, and logins that cannot be renewed.

use butlr_auth_testkit::{AuthorizationServer, Quirk};
use serde_json::Value;

use crate::terminal::Terminal;
use crate::world::{Ended, World};

/// A client that is known by hand, so that only its tokens are odd.
async fn world(quirk: Quirk, more: &str) -> World {
    let world = World::with(AuthorizationServer::builder().quirk(quirk)).await;
    let (base, public, id) =
        (world.server.base_url(), &world.server.public_client().id, &world.server.client().id);
    world.configure(&format!(
        r#"
        [profile.code]
        base_url = "{base}"
        client_id = "{public}"
        {more}
        [profile.code.endpoints]
        token = "{base}/token"
        authorization = "{base}/authorize"
        [profile.known]
        issuer = "{base}"
        client_id = "{public}"
        {more}
        [profile.robot]
        grant = "client_credentials"
        client_id = "{id}"
        client_secret = {{ file = "secret" }}
        {more}
        [profile.robot.endpoints]
        token = "{base}/token"
        "#
    ));
    world
}

async fn log_in(world: &World, profile: &str) -> Ended {
    let arguments = ["login", profile, "--no-browser"];
    let login = world.log_in_by_page(&arguments, async |server, url| server.approve(url).await.unwrap());
    login.await.succeeded()
}

/// What is told of the token that a profile has, as JSON.
#[track_caller]
fn told(world: &World, profile: &str) -> Value {
    world.run(&["-p", profile, "--json", "token"]).succeeded().json()
}

#[tokio::test]
async fn a_token_that_nobody_knows_the_end_of_is_used_until_the_api_refuses_it() {
    let world = world(Quirk::EndlessTokens, "").await;
    let login = log_in(&world, "code").await;
    assert!(
        login.stderr.contains("end unknown") && login.stderr.contains("`assumed_lifetime`"),
        "{}",
        login.stderr
    );
    assert!(login.stderr.contains("cannot be renewed"), "{}", login.stderr);
    let status = world.run(&["-p", "code", "status"]).succeeded().stdout;
    assert!(status.contains("end unknown") && status.contains("`assumed_lifetime`"), "{status}");

    let first = world.run(&["-p", "code", "token"]).succeeded();
    assert!(first.stderr.contains("end unknown"), "{}", first.stderr);
    assert_eq!(world.run(&["-p", "code", "token"]).succeeded().stderr, "", "it is said once a day");
    let document = told(&world, "code");
    assert_eq!((&document["expires_at"], &document["expires_in"]), (&Value::Null, &Value::Null));
    let kube = world.run(&["-p", "code", "token", "-f", "kube"]).succeeded().json();
    assert!(
        kube["status"]["token"].is_string() && kube["status"].get("expirationTimestamp").is_none(),
        "{kube}"
    );
    let run = world.run(&["-p", "code", "run", "--", "sh", "-c", "echo ${BUTLR_TOKEN_EXPIRES_AT-none}"]);
    assert_eq!(run.succeeded().stdout, "none\n");

    // What the server knows and tells nobody: the token ends.
    world.server.advance_time(std::time::Duration::from_secs(2000));
    world.run(&["-p", "code", "api", "/api/v1/client"]).failed(4, "its token was refused");
    world.run(&["-p", "code", "token"]).failed(4, "its token was refused");
    world.run(&["-p", "code", "status", "--check"]).failed(4, "its token was refused");
    log_in(&world, "code").await;
    world.run(&["-p", "code", "token"]).succeeded();
}

#[tokio::test]
async fn git_gets_no_end_that_nobody_knows_and_its_erase_is_a_refusal() {
    let world = world(Quirk::EndlessTokens, "").await;
    log_in(&world, "code").await;
    let host = world.server.base_url().trim_start_matches("http://").to_owned();
    let asked = format!("protocol=http\nhost={host}\n\n");
    let given = world.run_with(&["-p", "code", "helper", "git", "get"], &[], &asked).succeeded().stdout;
    assert!(given.contains("password=") && !given.contains("password_expiry_utc"), "{given}");
    let password = given.lines().find(|line| line.starts_with("password=")).unwrap();
    let erased = format!("protocol=http\nhost={host}\n{password}\n\n");
    world.run_with(&["-p", "code", "helper", "git", "erase"], &[], &erased);
    world.run(&["-p", "code", "token"]).failed(4, "its token was refused");
}

#[tokio::test]
async fn an_assumed_lifetime_ends_a_token_that_nothing_renews_and_the_message_names_it() {
    let world = world(Quirk::EndlessTokens, "assumed_lifetime = \"2s\"").await;
    log_in(&world, "code").await;
    assert_eq!(told(&world, "code")["expires_at"], Value::Null);
    // Sleeps because the token has to end on the real clock.
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    world.run(&["-p", "code", "token"]).failed(4, "`assumed_lifetime`");
}

#[tokio::test]
async fn days_are_a_unit_and_a_client_renews_by_itself_whatever_is_assumed() {
    let world = world(Quirk::EndlessTokens, "assumed_lifetime = \"365d\"").await;
    let token = world.run(&["-p", "robot", "token"]).succeeded();
    assert_eq!(token.stderr, "", "nothing is asked of the person");
    let status = world.run(&["-p", "robot", "status"]).succeeded().stdout;
    assert!(status.contains("end unknown: renewed within 364 d"), "{status}");
    let longer = world.run(&["-p", "robot", "token", "--min-ttl", "400d"]).succeeded();
    assert!(longer.stderr.contains("--min-ttl"), "{}", longer.stderr);
}

// Security: C3, L6.
#[tokio::test]
async fn a_wrong_clock_does_not_shorten_a_jwt_that_was_just_issued() {
    if !butlr_auth_testkit::servers::is_there("faketime", "faketime") {
        return;
    }
    for when in ["+1h", "-1h"] {
        let world = world(Quirk::ExpiresInMissing, "").await;
        for _ in 0..3 {
            let told = world.run_when(when, &["-p", "robot", "--json", "token"]).succeeded().json();
            assert!(told["expires_in"].as_u64().is_some_and(|left| left > 900), "{when}: {told}");
        }
        assert_eq!(world.server.journal().token_requests(), 1, "{when}");
    }
}

#[tokio::test]
async fn an_imported_jwt_is_good_until_its_exp_and_refused_after_it() {
    let world = world(Quirk::ExpiresInMissing, "").await;
    let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    let import = ["login", "code", "--with-token"];
    let login = world.run_with(&import, &[], &token).succeeded();
    assert!(login.stderr.contains("imported"), "{}", login.stderr);
    assert!(told(&world, "code")["expires_in"].as_u64().is_some_and(|left| left <= 1001));
    // A JWT whose `exp` is in 1970.
    let over = "eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjEwMCwiZXhwIjoxNjB9.c2ln";
    world.run_with(&import, &[], over).failed(4, "the token has ended");
}

#[tokio::test]
async fn offline_access_that_was_not_granted_names_consent() {
    let world = world(Quirk::RefreshNeedsConsent, "scopes = [\"openid\", \"offline_access\"]").await;
    let login = log_in(&world, "known").await;
    assert!(login.stderr.contains("prompt = \"consent\""), "{}", login.stderr);
    let status = world.run(&["-p", "known", "--json", "status"]).succeeded().json();
    assert_eq!(status["renewable"], false);
}

#[tokio::test]
async fn consent_is_asked_for_unasked_where_the_server_announces_it() {
    let world = world(Quirk::AnnouncedConsent, "scopes = [\"openid\", \"offline_access\"]").await;
    let login = log_in(&world, "known").await;
    assert!(!login.stderr.contains("cannot be renewed"), "{}", login.stderr);
    let status = world.run(&["-p", "known", "--json", "status"]).succeeded().json();
    assert_eq!(status["renewable"], true);
}

#[tokio::test]
async fn a_login_at_butlr_says_that_its_documents_name_no_refresh_endpoint() {
    let world = World::new().await;
    let login = world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).succeeded();
    assert!(
        login.stderr.contains("Butlr's documents") && login.stderr.contains("`endpoints.refresh`"),
        "{}",
        login.stderr
    );
}

/// The address to log in at that comes after `from` on the screen.
async fn address(terminal: &mut Terminal, from: usize) -> String {
    loop {
        let shown = terminal.seen().get(from..).unwrap_or_default();
        if let Some((_, rest)) = shown.split_once("http://")
            && let Some((address, _)) = rest.split_once(char::is_whitespace)
        {
            return format!("http://{address}");
        }
        terminal.looks();
    }
}

#[tokio::test]
async fn a_person_at_a_terminal_is_offered_to_log_in_once_more_with_consent() {
    let world = world(Quirk::RefreshNeedsConsent, "scopes = [\"openid\", \"offline_access\"]").await;
    let mut login = Terminal::start(&world, (1000, 50), &["login", "known", "--no-browser"]);
    let first = address(&mut login, 0).await;
    login.types(&format!("{}\n", world.server.approve(&first).await.unwrap()));
    login.sees("Log in once more, and let the server ask for your consent to stay logged in? [y/N] ");
    let from = login.seen().len();
    login.types("y\n");
    let second = address(&mut login, from).await;
    login.types(&format!("{}\n", world.server.approve(&second).await.unwrap()));
    login.end().succeeded();
    let status = world.run(&["-p", "known", "--json", "status"]).succeeded().json();
    assert_eq!(status["renewable"], true);
}
