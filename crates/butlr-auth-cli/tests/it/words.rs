//! What a token is for is part of its key: a profile whose words were changed has another session.

use std::fmt::Write as _;
use std::path::PathBuf;

use butlr_auth::cache::{Entry, Id, Party, SessionKey};
use butlr_auth::core::{ClientId, Dialect, EndpointIdentity, Provider};
use butlr_auth_testkit::Endpoint;
use serde_json::Value;

use crate::world::{Ended, World};

/// The profile `work`, as one configuration has it.
struct Work<'a> {
    username: &'a str,
    client_id: &'a str,
    token: &'a str,
    refresh: Option<&'a str>,
    issuer: Option<&'a str>,
    params: &'a [(&'a str, &'a str)],
    scopes: &'a [&'a str],
    store: &'a str,
}

impl<'a> Work<'a> {
    fn of(world: &'a World) -> Self {
        Self {
            username: "ada@example.com",
            client_id: &world.server.client().id,
            token: "/token",
            refresh: None,
            issuer: None,
            params: &[("tenant", "rooms")],
            scopes: &[],
            store: "auto",
        }
    }

    fn text(&self, world: &World) -> String {
        let base = world.server.base_url();
        let Self { username, client_id, token, scopes, store, .. } = self;
        let mut text = format!(
            "version = 1\n[profile.work]\nstore = \"{store}\"\ngrant = \"password\"\nusername = \"{username}\"\nclient_id = \"{client_id}\"\n\
             client_secret = {{ file = \"{}\" }}\nscopes = {scopes:?}\n",
            world.home.path().join("secret").display()
        );
        if let Some(issuer) = self.issuer {
            writeln!(text, "issuer = \"{base}{issuer}\"").unwrap();
        }
        writeln!(text, "[profile.work.endpoints]\ntoken = \"{base}{token}\"\nrevocation = \"{base}/revoke\"")
            .unwrap();
        if let Some(refresh) = self.refresh {
            writeln!(text, "refresh = \"{base}{refresh}\"").unwrap();
        }
        writeln!(text, "[profile.work.params]").unwrap();
        for (name, value) in self.params {
            writeln!(text, "{name} = \"{value}\"").unwrap();
        }
        text
    }
}

fn log_in(world: &World, config: &[&str]) -> String {
    let with = |rest: &[&'static str]| -> Vec<String> {
        config.iter().chain(rest).map(|word| (*word).to_owned()).collect()
    };
    let run = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        world.run_with(&words, &[], world.password()).succeeded()
    };
    run(with(&["login", "work", "--secret-stdin"]));
    run(with(&["-p", "work", "token"])).stdout
}

fn token(world: &World) -> Ended {
    world.run(&["-p", "work", "token"])
}

// Security: I14.
#[tokio::test]
async fn a_profile_whose_words_were_changed_prints_no_token_of_before_and_sends_nothing() {
    let world = World::new().await;
    let work = || Work::of(&world);
    world.configure(&work().text(&world));
    let first = log_in(&world, &[]);
    let requests = world.server.journal().token_requests();
    let public = world.server.public_client().id.as_str();
    let changes = [
        ("user name", Work { username: "bob@example.com", ..work() }),
        ("client id", Work { client_id: public, ..work() }),
        ("endpoint token", Work { token: "/token?tenant=2", ..work() }),
        ("endpoint refresh_token", Work { refresh: Some("/token?refresh"), ..work() }),
        ("issuer", Work { issuer: Some("/tenant"), ..work() }),
        ("parameter tenant", Work { params: &[("tenant", "desks")], ..work() }),
        ("parameter tenant", Work { params: &[], ..work() }),
        ("parameter organization", Work { params: &[("tenant", "rooms"), ("organization", "1")], ..work() }),
    ];
    for (word, changed) in changes {
        world.configure(&changed.text(&world));
        for arguments in [&["-p", "work", "token"][..], &["-p", "work", "token", "--offline"]] {
            let ended = world.run(arguments);
            assert_eq!((ended.code, ended.stdout.as_str()), (4, ""), "{word}: {}", ended.stderr);
            assert!(ended.stderr.contains(&format!("another {word}")), "{word}: {}", ended.stderr);
            assert!(ended.stderr.contains("butlr-auth login work"), "{word}: {}", ended.stderr);
        }
        let status = world.run(&["-p", "work", "status", "--json"]).json();
        let why = status["needs_login"].as_str().unwrap();
        assert!(why.contains(word), "{word}: {why}");
        world.run(&["-p", "work", "status", "--check"]).failed(4, word);
    }
    assert_eq!(world.server.journal().token_requests(), requests);
    // With the words of before, the session of before goes on.
    world.configure(&work().text(&world));
    assert_eq!(token(&world).succeeded().stdout, first);
    assert_eq!(world.server.journal().token_requests(), requests);
}

// Security: I14.
#[tokio::test]
async fn what_only_steers_the_dialogue_changes_no_session() {
    let world = World::new().await;
    world.configure(&Work::of(&world).text(&world));
    let first = log_in(&world, &[]);
    let steered = [
        ("tenant", "rooms"),
        ("prompt", "consent"),
        ("login_hint", "ada"),
        ("max_age", "60"),
        ("acr_values", "2"),
        ("display", "page"),
        ("ui_locales", "de"),
    ];
    world.configure(&Work { params: &steered, ..Work::of(&world) }.text(&world));
    assert_eq!(token(&world).succeeded().stdout, first);
}

// Security: I14.
#[tokio::test]
async fn another_scope_or_resource_is_refreshed_for_and_never_gets_the_token_of_before() {
    let world = World::new().await;
    let login = Work { scopes: &["read:rooms", "write:rooms"], ..Work::of(&world) };
    world.configure(&login.text(&world));
    let first = log_in(&world, &[]);
    let before = world.server.journal().token_requests();
    world.configure(&Work { scopes: &["read:rooms"], ..Work::of(&world) }.text(&world));
    let narrower = token(&world).succeeded().stdout;
    assert_ne!(narrower, first);
    let resource = [("tenant", "rooms"), ("resource", world.server.audience())];
    world.configure(&Work { params: &resource, ..login }.text(&world));
    let other = token(&world).succeeded().stdout;
    assert!(other != first && other != narrower);
    assert_eq!(world.server.journal().token_requests(), before + 2);
}

// Security: I14.
#[tokio::test]
async fn two_configurations_with_one_profile_name_have_a_session_each() {
    let world = World::new().await;
    let paths = [
        world.file("one.toml", &Work::of(&world).text(&world), 0o600),
        world.file(
            "two.toml",
            &Work { params: &[("tenant", "desks")], ..Work::of(&world) }.text(&world),
            0o600,
        ),
    ];
    let configs = paths.each_ref().map(|path| ["--config", path.to_str().unwrap()]);
    let logged_in = configs.each_ref().map(|config| log_in(&world, config));
    assert_eq!(world.server.journal().token_requests(), 2);
    let get =
        |config: &[&str; 2]| world.run(&[config[0], config[1], "-p", "work", "token"]).succeeded().stdout;
    for (config, token) in configs.iter().zip(&logged_in).cycle().take(20) {
        assert_eq!(get(config), *token);
    }
    assert_eq!(world.server.journal().token_requests(), 2);
    // A login in one of them leaves the other one alone, for its next renewal too.
    let again = log_in(&world, &configs[0]);
    assert_ne!(again, logged_in[0]);
    assert_eq!(get(&configs[1]), logged_in[1]);
    for (config, before) in configs.iter().zip([&again, &logged_in[1]]) {
        let renewed = world.run(&[config[0], config[1], "-p", "work", "token", "--force-refresh"]);
        assert_ne!(renewed.succeeded().stdout, *before);
    }
    let judgement = world.server.journal().judge();
    assert_eq!(world.server.journal().token_requests(), 5, "{judgement:?}");
}

// Security: I14.
#[tokio::test]
async fn two_configurations_of_one_client_make_two_exchanges_in_twenty_calls() {
    let world = World::new().await;
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    let secret = world.home.path().join("secret");
    let text = |organization: &str| {
        format!(
            "version = 1\n[profile.robot]\ngrant = \"client_credentials\"\nclient_id = \"{id}\"\n\
             client_secret = {{ file = \"{}\" }}\n[profile.robot.endpoints]\ntoken = \"{base}/token\"\n\
             [profile.robot.params]\norganization = \"{organization}\"\n",
            secret.display()
        )
    };
    let paths = ["acme", "umbrella"].map(|name| world.file(name, &text(name), 0o600));
    let get = |path: &PathBuf| {
        world.run(&["--config", path.to_str().unwrap(), "-p", "robot", "token"]).succeeded().stdout
    };
    let first = paths.each_ref().map(get);
    assert_ne!(first[0], first[1]);
    for (path, token) in paths.iter().zip(&first).cycle().take(18) {
        assert_eq!(get(path), *token);
    }
    assert_eq!(world.server.journal().token_requests(), 2);
}

fn earlier(world: &World) -> Vec<Value> {
    let all = world.run(&["status", "--all", "--json"]).succeeded().json();
    let profiles = all.get("profiles").and_then(Value::as_array).unwrap().clone();
    profiles.into_iter().filter(|profile| !profile["earlier"].is_null()).collect()
}

// Security: I14.
#[tokio::test]
async fn sessions_of_earlier_words_are_shown_and_ended_with_all_others() {
    for store in ["file", "sqlite"] {
        check_earlier_sessions_in(store).await;
    }
}

async fn check_earlier_sessions_in(store: &str) {
    let world = World::new().await;
    let work = || Work { store, ..Work::of(&world) };
    world.configure(&work().text(&world));
    log_in(&world, &[]);
    world.configure(&Work { username: "bob@example.com", ..work() }.text(&world));
    let found = earlier(&world);
    assert_eq!(found.len(), 1);
    let found = found.first().unwrap();
    assert_eq!(found["profile"], "work");
    assert_eq!(found["earlier"], serde_json::json!(["user name"]));
    assert_eq!(found["username"], "ada@example.com");
    assert_eq!(found["logged_in"], true);
    let listed: Vec<_> = std::fs::read_dir(world.home.path().join(".local/state/butlr-auth/words"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    let secret = world.server.client().secret.as_str();
    assert!(listed.iter().all(|text| !text.contains(secret) && !text.contains(world.password())));
    // The logout of the profile as it is now is not theirs.
    world.run(&["logout", "work"]).succeeded();
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 0);
    assert_eq!(earlier(&world).len(), 1);
    let ended = world.run(&["logout", "--all"]).succeeded();
    assert!(ended.stderr.contains("work for another user name"), "{}", ended.stderr);
    assert!(world.server.journal().requests(Endpoint::Revoke) > 0);
    assert_eq!(earlier(&world), Vec::<Value>::new());
    world.configure(&work().text(&world));
    token(&world).failed(4, "it was logged out");
}

#[tokio::test]
async fn a_profile_that_is_removed_takes_its_earlier_sessions_with_it() {
    let world = World::new().await;
    world.configure(&Work::of(&world).text(&world));
    log_in(&world, &[]);
    world.configure(&Work { params: &[("tenant", "desks")], ..Work::of(&world) }.text(&world));
    let removed = world.run(&["profile", "remove", "work"]).succeeded();
    assert!(removed.stderr.contains("parameter tenant"), "{}", removed.stderr);
    assert!(world.server.journal().requests(Endpoint::Revoke) > 0);
    world.configure(&Work::of(&world).text(&world));
    token(&world).failed(4, "log");
}

#[tokio::test]
async fn a_profile_that_is_removed_by_force_is_logged_out_and_another_configurations_session_lives() {
    let world = World::new().await;
    let other = world.file("other.toml", &Work { params: &[], ..Work::of(&world) }.text(&world), 0o600);
    let other = ["--config", other.to_str().unwrap()];
    let of_other = log_in(&world, &other);
    world.configure(&Work::of(&world).text(&world));
    let first = log_in(&world, &[]);
    world.run(&["profile", "remove", "work"]).failed(3, "is logged in");
    assert_eq!(token(&world).succeeded().stdout, first);
    world.run(&["profile", "remove", "work", "--force"]).succeeded();
    world.configure(&Work::of(&world).text(&world));
    token(&world).failed(4, "it was logged out");
    let lives = world.run(&[other[0], other[1], "-p", "work", "token"]).succeeded();
    assert_eq!(lives.stdout, of_other);
}

#[tokio::test]
async fn a_session_of_the_format_before_is_not_used_and_named() {
    let world = World::new().await;
    world.configure(&Work::of(&world).text(&world));
    token(&world).failed(4, "nobody has logged in");
    let base = world.server.base_url();
    let provider = Provider::new("work", format!("{base}/token").parse().unwrap(), Dialect::form());
    let identity = EndpointIdentity::new(&provider, ClientId::new(world.server.client().id.as_str()));
    let session = format!("work@{}", base.strip_prefix("http://").unwrap());
    let key = SessionKey::new(&identity, Party::User, session).without_purpose();
    let entry = Entry::new(Id::random(), r#"{"refresh_token":"canary"}"#).to_bytes(&key).unwrap();
    let text = String::from_utf8(entry.to_vec()).unwrap().replacen("\"format\":2", "\"format\":1", 1);
    let file = format!(".local/state/butlr-auth/sessions/{}.json", key.digest());
    world.file(&file, &text, 0o600);
    token(&world).failed(4, "an earlier version");
    let report = world.run(&["-p", "work", "doctor", "--offline"]).stdout;
    assert!(report.contains("left behind") && report.contains(&key.digest()), "{report}");
    assert!(!report.contains("canary"), "{report}");
    log_in(&world, &[]);
    assert_eq!(std::fs::read_to_string(world.home.path().join(&file)).unwrap(), text, "it stays as it was");
}
