//! Servers and their habits: what the program makes of each, and which line of the configuration helps.

use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Quirk};

use crate::world::{Ended, World};

/// A world whose server has this habit, with a profile for each way to ask it.
async fn with(quirk: Quirk) -> World {
    let server = AuthorizationServer::builder().quirk(quirk).device_poll_interval(Duration::from_secs(1));
    let world = World::with(server).await;
    configure(&world, "");
    world
}

/// Adds a line to the profiles of the generic server.
fn configure(world: &World, line: &str) {
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    let public = &world.server.public_client().id;
    let secret = format!("client_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n{line}");
    world.configure(&format!(
        "[profile.robot]\ngrant = \"client_credentials\"\n{secret}\n[profile.robot.endpoints]\ntoken = \"{base}/token\"\n\
         [profile.found]\ngrant = \"client_credentials\"\nissuer = \"{base}\"\n{secret}\n\
         [profile.device]\ngrant = \"device_code\"\nissuer = \"{base}\"\nclient_id = \"{public}\"\n\
         [profile.butlr]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"wrong\" }}\n\
         [profile.me]\npreset = \"butlr\"\nbase_url = \"{base}\"\nusername = \"ada@example.com\"\n"
    ));
    world.file("wrong", "not-the-secret", 0o600);
}

fn token(world: &World, profile: &str) -> Ended {
    world.run(&["-p", profile, "token"])
}

#[tokio::test]
async fn what_is_harmless_needs_no_line() {
    for quirk in [
        Quirk::CreatedStatus,
        Quirk::TokenTypeMissing,
        Quirk::ScopeArray,
        Quirk::ExpiresInString,
        Quirk::ExpiresInFloat,
        Quirk::ExpiresInNegative,
        Quirk::NullMembers,
        Quirk::EmptyMembers,
    ] {
        let world = with(quirk).await;
        for profile in ["robot", "found"] {
            let ended = token(&world, profile);
            assert_eq!(ended.code, 0, "{quirk}: {}", ended.stderr);
        }
    }
}

#[tokio::test]
async fn a_token_that_stands_is_the_answer_to_a_renewal() {
    for quirk in [Quirk::SameTokenRemaining, Quirk::SameTokenFull, Quirk::SameTokenSliding] {
        let world = with(quirk).await;
        let first = token(&world, "robot").succeeded().stdout;
        for arguments in [&["--force-refresh"][..], &["--min-ttl", "2d"]] {
            let before = world.server.journal().token_requests();
            let arguments = [&["-p", "robot", "token"], arguments].concat();
            let ended = world.run(&arguments).succeeded();
            assert_eq!(ended.stdout, first, "{quirk}: {arguments:?}");
            assert!(world.server.journal().token_requests() <= before + 1, "{quirk}: {arguments:?}");
        }
        assert_eq!(token(&world, "robot").succeeded().stdout, first, "{quirk}");
    }
}

#[tokio::test]
async fn a_token_that_is_over_on_arrival_is_printed_with_a_warning() {
    let world = with(Quirk::ExpiresInZero).await;
    let mut printed = Vec::new();
    for asked in 1..=2 {
        let ended = token(&world, "robot");
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(ended.stderr.starts_with("warning:"), "{}", ended.stderr);
        assert_eq!(world.server.journal().token_requests(), asked);
        printed.push(ended.stdout);
    }
    assert_ne!(printed[0], printed[1], "nobody else gets it");
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    world.configure(&format!(
        "[profile.robot]\ngrant = \"client_credentials\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\n\
         client_secret = {{ file = \"secret\" }}\n[profile.robot.endpoints]\ntoken = \"{base}/token\"\n"
    ));
    let called = world.run(&["-p", "robot", "api", "graphql", "-f", "query={ __typename }"]).succeeded();
    assert!(called.stderr.starts_with("warning:"), "{}", called.stderr);
}

#[tokio::test]
async fn a_token_type_of_the_servers_own_is_a_setting_that_the_error_names() {
    let world = with(Quirk::BotTokenType).await;
    token(&world, "robot").failed(5, "`bearer_types`");
    token(&world, "robot").failed(5, "add `bearer_types = [\"bot\"]` to the profile");
    configure(&world, "bearer_types = [\"bot\", \"user\"]");
    token(&world, "robot").succeeded();
    token(&world, "found").succeeded();
    configure(&world, "bearer_types = [\"DPoP\"]");
    token(&world, "robot")
        .failed(3, "`bearer_types`: a token of type `DPoP` is never sent as a bearer token");
}

#[tokio::test]
async fn a_device_learns_its_page_by_googles_name_for_it() {
    let world = with(Quirk::VerificationUrl).await;
    let mut login = world.start(&["--json", "login", "device"]);
    let code = login.member("user_code");
    world.server.approve_device(&code).await.unwrap();
    login.end().succeeded();
}

// Security: C6.
#[tokio::test]
async fn the_reason_of_a_refusal_is_told_whatever_its_shape() {
    for quirk in [
        Quirk::ErrorSummary,
        Quirk::ErrorObject,
        Quirk::ErrorList,
        Quirk::ErrorMessage,
        Quirk::ErrorProblem,
        Quirk::ErrorPage,
        Quirk::ErrorStatusOk,
    ] {
        let world = with(quirk).await;
        world.file("secret", "not-the-secret", 0o600);
        let ended = token(&world, "robot").failed(5, "the client is unknown, or its authentication failed");
        assert!(
            ended.stderr.contains("help: check the client's id, its secret"),
            "{quirk}: {}",
            ended.stderr
        );
        let detailed = world.run(&["-p", "robot", "-vv", "token"]);
        let url = format!("url=\"{}/token\"", world.server.base_url());
        assert!(detailed.stderr.contains(&url) && detailed.stderr.contains("status="), "{}", detailed.stderr);
        assert!(!detailed.stderr.contains("not-the-secret"), "{}", detailed.stderr);
    }
    let world = with(Quirk::ErrorEmpty).await;
    world.file("secret", "not-the-secret", 0o600);
    token(&world, "robot").failed(5, "help: check the client's id, its secret");
}

#[tokio::test]
async fn butlr_behind_auth0_is_told_in_auth0s_words_with_help_of_its_own() {
    let world = with(Quirk::AccessDenied).await;
    token(&world, "butlr").failed(5, "help: check the client's id, its secret");
    let login = ["-p", "me", "login", "--secret-stdin"];
    world.run_with(&login, &[], "wrong\n").failed(5, "help: check the user name and the password");
    let blocked = with(Quirk::TooManyAttempts).await;
    let ended = blocked.run_with(&login, &[], "wrong\n").failed(5, "Your account has been blocked");
    assert!(!ended.stderr.contains("in a moment"), "{}", ended.stderr);
    assert_eq!(blocked.server.journal().token_requests(), 1, "it is not tried again");
}

#[tokio::test]
async fn an_issuer_that_is_not_quite_the_servers_is_told_with_the_line_to_write() {
    let world = with(Quirk::IssuerSlash).await;
    let issuer = world.server.issuer().to_owned();
    let ended = token(&world, "found").failed(5, &format!("help: write `issuer = \"{issuer}/\"`"));
    assert!(ended.stderr.contains(&format!("{issuer}/.well-known/")), "{}", ended.stderr);
    let world = with(Quirk::IssuerTemplate).await;
    token(&world, "found").failed(5, "help: name one tenant in `issuer`");
    let world = World::new().await;
    let issuer = world.server.issuer();
    let found = |issuer: &str| {
        format!("[profile.found]\ngrant = \"client_credentials\"\nissuer = \"{issuer}\"\nclient_id = \"x\"\n")
    };
    for pasted in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
        world.configure(&found(&format!("{issuer}{pasted}")));
        token(&world, "found")
            .failed(3, &format!("help: write `issuer = \"{issuer}\"`, without `/.well-known/`"));
    }
}

// Security: B6.
#[tokio::test]
async fn where_a_redirect_leads_is_told_and_not_gone_to() {
    let world = with(Quirk::MetadataRedirect).await;
    let elsewhere = format!("{}/elsewhere", world.server.base_url());
    token(&world, "found").failed(5, &format!("with a redirect to {elsewhere}"));
    let world = with(Quirk::TokenRedirect).await;
    let to = format!("{}/token/", world.server.base_url());
    token(&world, "robot").failed(5, &format!("write `token = \"{to}\"` in the profile's `endpoints`"));
}

#[tokio::test]
async fn a_token_that_is_never_active_for_this_client_is_said_to_be_that() {
    let world = with(Quirk::NeverActive).await;
    token(&world, "found").succeeded();
    let text = world.run(&["-p", "found", "status", "--online"]).succeeded().stdout;
    assert!(text.contains("not active for this client") && !text.contains("good"), "{text}");
    world.run(&["-p", "found", "status", "--online", "--check"]).failed(4, "not active for this client");
}

#[tokio::test]
async fn an_id_token_signed_with_the_clients_secret_is_a_choice_to_make() {
    let world = with(Quirk::IdTokenHs256).await;
    let (issuer, id) = (world.server.issuer(), &world.server.client().id);
    let person = |line: &str| {
        format!(
            "[profile.p]\nissuer = \"{issuer}\"\ngrant = \"password\"\nusername = \"{}\"\nscopes = [\"openid\"]\nclient_id = \"{id}\"\n{line}\n",
            world.server.user().username
        )
    };
    let secret = "client_secret = { file = \"secret\" }";
    let login = ["login", "p", "--secret-stdin"];
    let password = format!("{}\n", world.server.user().password);
    world.configure(&person(secret));
    world.run_with(&login, &[], &password).failed(5, "the algorithm");
    world.configure(&person(&format!("{secret}\nid_token_hs256 = true")));
    world.run_with(&login, &[], &password).succeeded();
    world.configure(&person("id_token_hs256 = true"));
    world.run_with(&login, &[], &password).failed(3, "needs the `client_secret`");
}

#[tokio::test]
async fn a_grant_that_the_server_does_not_offer_is_a_matter_of_the_configuration() {
    let world = with(Quirk::CreatedStatus).await;
    let refusal = || Fault::error("unsupported_grant_type").on(Endpoint::Token);
    world.server.inject(refusal());
    token(&world, "robot").failed(3, "unsupported_grant_type");
    token(&world, "robot").failed(3, "use a `grant` that the server offers");
}

#[tokio::test]
async fn keys_that_are_not_served_at_once_do_not_cost_a_login_its_code() {
    let world = with(Quirk::CreatedStatus).await;
    let base = world.server.base_url();
    let public = &world.server.public_client().id;
    world.configure(&format!(
        "[profile.device]\ngrant = \"device_code\"\nissuer = \"{base}\"\nclient_id = \"{public}\"\nscopes = [\"openid\"]\n"
    ));
    world.server.inject(Fault::status(503).times(2).on(Endpoint::Jwks));
    let mut login = world.start(&["--json", "login", "device"]);
    let code = login.member("user_code");
    world.server.approve_device(&code).await.unwrap();
    login.end().succeeded();
    assert!(world.server.journal().requests(Endpoint::Jwks) >= 3);
}
