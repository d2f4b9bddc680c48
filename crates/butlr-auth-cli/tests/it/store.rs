//! The places for sessions, each the real one: what is recorded at login, who decides, and what a broken one says.

use std::time::Duration;

use butlr_auth::{Clock as _, SystemClock};
use butlr_auth_testkit::servers::{self, PostgresServer, RedisServer, SecretService};
use serde_json::Value;

use crate::world::{Ended, World};

/// A world whose sessions are where `store` says, with `settings` below it.
async fn world(store: &str, settings: &str) -> World {
    let world = World::new().await;
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    let profile = format!("preset = \"butlr\"\nbase_url = \"{base}\"\n");
    world.configure(&format!(
        "{store}\n{settings}\n[profile.me]\n{profile}username = \"ada@example.com\"\n[profile.robot]\n{profile}client_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n"
    ));
    world
}

/// One member of `status`.
fn status(world: &World, member: &str, variables: &[(&str, &str)]) -> String {
    let status = world.run_with(&["-p", "me", "status", "--json"], variables, "").succeeded().json();
    status.get(member).and_then(Value::as_str).unwrap().to_owned()
}

/// Every command on a session in one place, and no file with the token in the other.
fn a_life_in(world: &World, name: &str, variables: &[(&str, &str)], secret: &str) {
    let password = world.password();
    world.run_with(&["login", "me", "--secret-stdin"], variables, password).succeeded();
    let token = world.run_with(&["-p", "me", "token"], variables, "").succeeded().stdout;
    let seen = ["-p", "me", "run", "--", "/bin/sh", "-c", "echo $BUTLR_ACCESS_TOKEN; env"];
    let seen = world.run_with(&seen, variables, "").succeeded().stdout;
    assert!(seen.starts_with(&token) && (secret.is_empty() || !seen.contains(secret)), "{seen}");
    world.run_with(&["-p", "robot", "token"], variables, "").succeeded();
    assert_eq!(status(world, "store", variables), name);
    let report = world.run_with(&["-p", "robot", "doctor"], variables, "").succeeded().stdout;
    assert!(report.contains(&format!("({name}): written and read")), "{report}");
    for said in [status(world, "kept_in", variables), report] {
        assert!(secret.is_empty() || !said.contains(secret), "{said}");
    }
    assert!(
        !world.home.path().join(".local/state/butlr-auth/sessions").exists(),
        "{name} fell back to files"
    );
    world.run_with(&["logout", "me"], variables, "").succeeded();
    world.run_with(&["-p", "me", "token"], variables, "").failed(4, "it was logged out");
}

#[tokio::test]
async fn sqlite_is_one_database_where_it_is_asked_to_be() {
    let world = world("store = \"sqlite\"", "[stores.sqlite]\npath = \"kept/here.sqlite3\"").await;
    a_life_in(&world, "sqlite", &[], "");
    let path = world.home.path().join("kept/here.sqlite3");
    assert!(path.exists());
    assert_eq!(status(&world, "kept_in", &[]), path.display().to_string());
}

#[tokio::test]
async fn redis_keeps_sessions_and_its_password_is_shown_nowhere() {
    let started = RedisServer::builder().password("canary-of-redis").start();
    let Some(redis) = servers::or_skip(started) else { return };
    let settings = "[stores.redis]\nurl = { env = \"THE_URL\" }\nkey_prefix = \"test:\"\nsynced = true";
    let world = world("store = \"redis\"", settings).await;
    let url = redis.url();
    a_life_in(&world, "redis", &[("THE_URL", &url)], "canary-of-redis");
    world.run(&["-p", "robot", "token"]).failed(3, "the URL of redis is configured to be in THE_URL");
}

#[tokio::test]
async fn a_redis_that_drops_sessions_is_told_at_login_and_by_doctor() {
    let evicting =
        RedisServer::builder().setting("maxmemory", "100mb").setting("maxmemory-policy", "allkeys-lru");
    let Some(redis) = servers::or_skip(evicting.start()) else { return };
    let world = world("store = \"redis\"", &format!("[stores.redis]\nurl = \"{}\"", redis.url())).await;
    let ended = world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).succeeded();
    assert!(ended.stderr.contains("maxmemory-policy noeviction"), "{}", ended.stderr);
    let ended = world.run(&["-p", "me", "doctor", "--offline"]).succeeded();
    assert!(
        ended.stdout.contains("warn  storage") && ended.stdout.contains("allkeys-lru"),
        "{}",
        ended.stdout
    );
}

#[tokio::test]
async fn a_redis_that_is_away_is_exit_6_and_no_file_takes_its_place() {
    let Some(mut redis) = servers::or_skip(RedisServer::start()) else { return };
    let world = world("store = \"redis\"", &format!("[stores.redis]\nurl = \"{}\"", redis.url())).await;
    world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).succeeded();
    let requests = world.server.journal().token_requests();
    redis.kill().unwrap();
    world.run(&["-p", "me", "token"]).failed(6, "redis");
    world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).failed(6, "redis");
    assert_eq!(world.server.journal().token_requests(), requests, "a password was spent for nothing");
    let ended = world.run(&["-p", "me", "doctor", "--offline"]);
    assert_eq!(ended.code, 6, "{}", ended.stdout);
    assert!(ended.stdout.contains("FAIL  storage        redis at 127.0.0.1 (redis): "), "{}", ended.stdout);
    assert!(!world.home.path().join(".local/state/butlr-auth/sessions").exists());
    redis.restart().unwrap();
    world.run(&["-p", "me", "token"]).succeeded();
}

#[tokio::test]
async fn postgres_keeps_sessions_in_a_table_that_a_login_makes() {
    let Some(postgres) = servers::or_skip(PostgresServer::start()) else { return };
    let world =
        world("store = \"postgres\"", "[stores.postgres]\nurl = { file = \"url\" }\ntable = \"kept\"").await;
    world.file("url", &postgres.url(), 0o600);
    let ended = world.run(&["-p", "robot", "doctor", "--offline"]);
    assert_eq!(ended.code, 3, "{}", ended.stdout);
    assert!(ended.stdout.contains("help: run `butlr-auth login robot`"), "{}", ended.stdout);
    a_life_in(&world, "postgres", &[], postgres.password());
    world.file("url", &postgres.url(), 0o644);
    world.run(&["-p", "me", "token"]).failed(3, "chmod 600");
}

#[tokio::test]
async fn what_login_is_asked_for_is_recorded_and_the_next_login_decides_anew() {
    let world = world("", "").await;
    let login = |more: &[&str]| {
        let arguments: Vec<&str> = ["login", "me", "--secret-stdin"].iter().chain(more).copied().collect();
        world.run_with(&arguments, &[], world.password()).succeeded();
    };
    login(&[]);
    assert_eq!(status(&world, "kept_there_by", &[]), "decided at login");
    let first = world.run(&["-p", "me", "token"]).succeeded().stdout;
    login(&["--store", "sqlite"]);
    assert_eq!(status(&world, "store", &[]), "sqlite");
    assert_eq!(status(&world, "kept_there_by", &[]), "login --store");
    assert_ne!(world.run(&["-p", "me", "token"]).succeeded().stdout, first);
    // A session that stayed behind would be renewed by whoever still has it open.
    login(&["--store", "file"]);
    login(&["--store", "sqlite"]);
    let token = world.run(&["-p", "me", "token"]).succeeded().stdout;
    std::fs::remove_dir_all(world.home.path().join(".local/state/butlr-auth/stores")).unwrap();
    world.run(&["-p", "me", "token"]).failed(4, "it was logged out");
    login(&["--store", "sqlite"]);
    assert_ne!(world.run(&["-p", "me", "token"]).succeeded().stdout, token);
    login(&["--store", "auto"]);
    assert_eq!(status(&world, "store", &[]), "file");
}

#[tokio::test]
async fn a_profile_says_where_before_the_whole_configuration_and_a_flag_before_both() {
    let world = World::new().await;
    let base = world.server.base_url();
    world.configure(&format!(
        "store = \"redis\"\n[profile.me]\npreset = \"butlr\"\nbase_url = \"{base}\"\nusername = \"ada@example.com\"\nstore = \"sqlite\"\n"
    ));
    assert_eq!(status(&world, "kept_there_by", &[]), "configuration: store of the profile");
    world.run_with(&["login", "me", "--secret-stdin", "--store", "file"], &[], world.password()).succeeded();
    assert_eq!(status(&world, "store", &[]), "file");
    world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).succeeded();
    assert_eq!(status(&world, "store", &[]), "sqlite");
    // The client of the environment has no profile, and goes where everything goes.
    world.run_with(&["token"], &world.client(), "").failed(3, "set `url` in `[stores.redis]`");
}

#[tokio::test]
async fn what_cannot_be_believed_of_a_sessions_place_is_an_error_and_no_other_place() {
    let world = world("", "").await;
    world
        .run_with(&["login", "me", "--secret-stdin", "--store", "sqlite"], &[], world.password())
        .succeeded();
    let folder = world.home.path().join(".local/state/butlr-auth/stores");
    let path = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let good = std::fs::read_to_string(&path).unwrap();
    for bad in [
        "",
        "{}",
        "{\"schema\":0,\"store\":\"file\",\"asked\":true}",
        "{\"schema\":1,\"store\":\"auto\",\"asked\":true}",
    ] {
        std::fs::write(&path, bad).unwrap();
        world.run(&["-p", "me", "token"]).failed(7, "help: run `butlr-auth login me`");
        assert_eq!(world.run(&["-p", "me", "doctor", "--offline"]).code, 7);
    }
    std::fs::write(&path, "{\"schema\":2,\"store\":\"elsewhere\"}").unwrap();
    world.run(&["-p", "me", "token"]).failed(7, "update this program");
    world
        .run_with(&["login", "me", "--secret-stdin", "--store", "sqlite"], &[], world.password())
        .succeeded();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    world.run(&["-p", "me", "token"]).failed(3, "chmod 600");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    world.run(&["-p", "me", "token"]).succeeded();
}

#[tokio::test]
async fn a_password_in_the_address_of_a_store_is_refused_and_not_repeated() {
    for (kind, url) in [
        ("redis", "redis://:canary@127.0.0.1"),
        ("redis", "unix:///run/redis?pass=canary"),
        ("postgres", "postgres://app:canary@127.0.0.1/app"),
        ("postgres", "postgres://127.0.0.1/app?password=canary"),
        ("postgres", "host=127.0.0.1 password=canary"),
    ] {
        let world = world("", &format!("[stores.{kind}]\nurl = \"{url}\"")).await;
        let ended = world.run(&["-p", "me", "-vv", "token"]).failed(3, "config.toml line");
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
}

/// Waits for nothing that takes longer than the three seconds that a keyring has, and some for a slow machine.
#[track_caller]
fn within_its_deadline(run: impl FnOnce() -> Ended) -> Ended {
    let clock = SystemClock::new();
    let began = clock.boot();
    let ended = run();
    let took = clock.boot() - began;
    assert!(took < Duration::from_secs(6), "it took {took:?}: {}", ended.stderr);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_is_there_gets_the_key_and_files_hold_no_token() {
    let Some(keyring) = servers::or_skip(SecretService::start()) else { return };
    let world = world("", "").await;
    let bus = [("DBUS_SESSION_BUS_ADDRESS", keyring.address())];
    world.run_with(&["login", "me", "--secret-stdin"], &bus, world.password()).succeeded();
    assert_eq!(status(&world, "store", &bus), "keyring");
    assert_eq!(status(&world, "kept_there_by", &bus), "decided at login");
    let token = world.run_with(&["-p", "me", "token"], &bus, "").succeeded().stdout;
    let state = world.home.path().join(".local/state/butlr-auth");
    assert!(!state.join("sessions").exists());
    for entry in std::fs::read_dir(state.join("encrypted")).unwrap() {
        let content = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        assert!(!content.contains(token.trim()) && !content.contains("auth0|"), "{content}");
    }
    let report = world.run_with(&["-p", "me", "doctor"], &bus, "").succeeded().stdout;
    assert!(report.contains("its key in the keyring (keyring): written and read; durable"), "{report}");
    // The client's own session needs no login, and so nobody at the machine.
    world.run(&["-p", "robot", "token"]).succeeded();
    world.run_with(&["-p", "robot", "login"], &bus, "").succeeded();
    world.run_with(&["logout", "me"], &bus, "").succeeded();
}

// Security: J2.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_is_locked_hung_or_gone_is_an_error_and_no_plain_file() {
    let Some(mut keyring) = servers::or_skip(SecretService::start()) else { return };
    let world = world("", "").await;
    let address = keyring.address().to_owned();
    let bus = [("DBUS_SESSION_BUS_ADDRESS", address.as_str())];
    let login = ["login", "me", "--secret-stdin"];
    world.run_with(&login, &bus, world.password()).succeeded();
    let requests = world.server.journal().token_requests();
    for fault in ["locked", "hung", "gone", "no bus"] {
        match fault {
            "locked" => keyring.lock().unwrap(),
            "hung" => keyring.pause().unwrap(),
            "gone" => keyring.kill().unwrap(),
            _ => {}
        }
        let bus = if fault == "no bus" { &[][..] } else { &bus };
        for arguments in [&["-p", "me", "token"][..], &["-p", "me", "status"], &login] {
            let ended = within_its_deadline(|| world.run_with(arguments, bus, world.password()));
            assert!([6, 7].contains(&ended.code), "{fault} {arguments:?}: {}", ended.stderr);
            assert_eq!(ended.stdout, "", "{fault}");
            assert!(ended.stderr.contains("keyring"), "{fault}: {}", ended.stderr);
        }
        let ended = within_its_deadline(|| world.run_with(&["-p", "me", "doctor", "--offline"], bus, ""));
        assert!(ended.stdout.contains("FAIL  storage"), "{fault}: {}", ended.stdout);
        if fault == "hung" {
            keyring.resume().unwrap();
        }
        keyring.restart().unwrap();
    }
    assert_eq!(world.server.journal().token_requests(), requests, "a password was spent for nothing");
    assert!(!world.home.path().join(".local/state/butlr-auth/sessions").exists());
    world.run_with(&["-p", "me", "token"], &bus, "").succeeded();
    // Whoever gives it up says so.
    let ended = world.run_with(&["login", "me", "--secret-stdin", "--store", "file"], &[], world.password());
    assert!(ended.succeeded().stderr.contains("the session before this one is still in"));
    world.run(&["-p", "me", "token"]).succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_a_login_says_so_and_token_asks_none() {
    let Some(keyring) = servers::or_skip(SecretService::start()) else { return };
    let world = world("", "").await;
    let ended = world.run_with(&["login", "me", "--secret-stdin"], &[], world.password()).succeeded();
    assert!(
        ended.stderr.contains("no keyring can be used: the session is kept in a file"),
        "{}",
        ended.stderr
    );
    keyring.pause().unwrap();
    let bus = [("DBUS_SESSION_BUS_ADDRESS", keyring.address())];
    world.run_with(&["-p", "me", "token"], &bus, "").succeeded();
    world.run_with(&["token"], &[&world.client()[..], &bus].concat(), "").succeeded();
    // What was decided stays, though a keyring is there now.
    keyring.resume().unwrap();
    world.run_with(&["login", "me", "--secret-stdin"], &bus, world.password()).succeeded();
    assert_eq!(status(&world, "store", &bus), "file");
    world.run_with(&["login", "me", "--secret-stdin", "--store", "auto"], &bus, world.password()).succeeded();
    assert_eq!(status(&world, "store", &bus), "keyring");
    // An explicit choice falls back to nothing.
    let login = ["login", "me", "--secret-stdin", "--store", "keyring"];
    world.run_with(&login, &[], world.password()).failed(7, "login me --store file`");
}

// Security: H7.
#[tokio::test(flavor = "multi_thread")]
async fn a_clients_secret_is_put_into_the_keyring_by_its_login_and_is_for_its_own_server() {
    let Some(keyring) = servers::or_skip(SecretService::start()) else { return };
    let world = World::new().await;
    world.configure("");
    let bus = [("DBUS_SESSION_BUS_ADDRESS", keyring.address())];
    let (base, client) = (world.server.base_url(), world.server.client());
    let add =
        ["--base-url", base, "profile", "add", "k", "--preset", "butlr", "--secret-keyring", "--client-id"];
    world.run(&[&add[..], &[&client.id]].concat()).succeeded();
    let run = |arguments: &[&str], stdin: &str| world.run_with(arguments, &bus, stdin);
    run(&["-p", "k", "token"], "").failed(4, "run `butlr-auth login k`");
    assert!(run(&["-p", "k", "doctor", "--offline"], "").stdout.contains("FAIL  secret"));
    // A wrong one is not kept.
    run(&["login", "k", "--secret-stdin"], "wrong").failed(5, "invalid_client");
    run(&["-p", "k", "token"], "").failed(4, "the keyring holds no client secret");
    run(&["login", "k", "--secret-stdin"], &client.secret).succeeded();
    let first = run(&["-p", "k", "token"], "").succeeded().stdout;
    assert_ne!(run(&["-p", "k", "token", "--force-refresh"], "").succeeded().stdout, first);
    run(&["login", "k"], "").succeeded();
    run(&["-p", "k", "doctor"], "").succeeded();
    for file in ["config.toml", ".local/state/butlr-auth/servers"] {
        let text = std::fs::read_to_string(world.home.path().join(file)).unwrap_or_default();
        assert!(!text.contains(&client.secret));
    }
    // A warm token asks nobody; without the keyring the next one is an error.
    world.run(&["-p", "k", "token"]).succeeded();
    world.run(&["-p", "k", "token", "--force-refresh"]).failed(7, "the keyring cannot be used");
    // The same client elsewhere has another secret.
    let elsewhere = butlr_auth_testkit::AuthorizationServer::start().await.unwrap();
    let text = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    world.configure(&text.replace(base, elsewhere.base_url()));
    run(&["-p", "k", "token"], "").failed(4, "the keyring holds no client secret");
    assert_eq!(elsewhere.journal().token_requests(), 0);
}
