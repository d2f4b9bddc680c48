use std::os::unix::fs::PermissionsExt as _;

use butlr_auth_testkit::{Endpoint, Fault};

use crate::world::World;

#[tokio::test]
async fn profiles_are_added_used_shown_and_removed() {
    let world = World::new().await;
    let base = world.server.base_url();
    let path = world.home.path().join("new/config.toml");
    let config = ["--config", path.to_str().unwrap()];
    let run = |arguments: &[&str]| world.run(&config.iter().chain(arguments).copied().collect::<Vec<_>>());
    let id = world.server.client().id.as_str();
    let secret = world.home.path().join("secret");
    run(&[
        "--base-url",
        base,
        "profile",
        "add",
        "robot",
        "--preset",
        "butlr",
        "--client-id",
        id,
        "--secret-file",
        secret.to_str().unwrap(),
    ])
    .succeeded();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // The first one is the default.
    run(&["token"]).succeeded();
    let added = run(&[
        "--base-url",
        base,
        "profile",
        "add",
        "me",
        "--preset",
        "butlr",
        "--username",
        "ada@example.com",
    ])
    .succeeded();
    assert!(added.stderr.contains("login me"), "{}", added.stderr);
    let listed = run(&["profile", "list"]).succeeded().stdout;
    assert_eq!(
        listed,
        format!(
            "  me               password           {base}\n* robot            client_credentials {base}\n"
        )
    );
    run(&["profile", "use", "me"]).succeeded();
    run(&["token"]).failed(4, "login me");
    let shown = run(&["profile", "show"]).succeeded().stdout;
    assert_eq!(
        shown,
        format!("[profile.me]\npreset = \"butlr\"\nbase_url = \"{base}\"\nusername = \"ada@example.com\"\n")
    );
    let shown = run(&["--json", "profile", "show", "me"]).succeeded().json();
    assert_eq!(shown["settings"]["username"], "ada@example.com");
    let documents = run(&["--json", "profile", "list"]).succeeded().json();
    assert_eq!(documents["profiles"][0]["current"], true);

    // A session that lives is not forgotten by the way.
    let login: Vec<&str> = config.iter().chain(&["login", "me", "--secret-stdin"]).copied().collect();
    world.run_with(&login, &[], world.password()).succeeded();
    run(&["profile", "remove", "me"]).failed(3, "run `butlr-auth logout me` first");
    run(&["logout", "me"]).succeeded();
    run(&["profile", "remove", "me"]).succeeded();
    run(&["profile", "remove", "me"]).failed(3, "there is no profile `me`");
    run(&["profile", "use", "me"]).failed(3, "there is no profile `me`");
    run(&["profile", "show", "me"]).failed(3, "there is no profile `me`");
    assert_eq!(run(&["profile", "list"]).succeeded().stdout.lines().count(), 1);
}

#[tokio::test]
async fn a_profile_that_could_not_be_used_is_not_added() {
    let world = World::new().await;
    let before = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    let add = |arguments: &[&str]| {
        world.run(&["profile", "add"].iter().chain(arguments).copied().collect::<Vec<_>>())
    };
    add(&["me", "--preset", "butlr"]).failed(3, "there is a profile `me`");
    add(&["x"]).failed(3, "profile `x`:");
    add(&["../x", "--preset", "butlr"]).failed(2, "a profile's name");
    add(&["x", "--client-id", "a", "--token-endpoint", "http://as.example.com/token"]).failed(3, "use https");
    add(&["x", "--preset", "other"]).failed(2, "possible values");
    add(&["x", "--secret-env", "A", "--secret-file", "b"]).failed(2, "cannot be used with");
    add(&["x", "--preset", "butlr", "--client-id", "a", "--client-auth", "canary"])
        .failed(3, "use one of `basic`");
    assert_eq!(std::fs::read_to_string(world.home.path().join("config.toml")).unwrap(), before);
}

#[tokio::test]
async fn a_minted_secret_is_kept_and_never_printed() {
    let world = World::new().await;
    let create = ["-p", "robot", "client", "create", "nightly", "--save-profile", "nightly"];
    let created = world.run(&create).succeeded();
    let path = world.home.path().join("nightly.secret");
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(!secret.is_empty());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!created.stderr.contains(&secret));
    assert_eq!(created.stdout, "");
    world.run(&["-p", "nightly", "token"]).succeeded();
    let configuration = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    assert!(!configuration.contains(&secret));
    assert!(configuration.contains(&format!("base_url = \"{}\"", world.server.base_url())));

    // What could not be kept is not minted.
    let minted = |world: &World| world.server.journal().requests(Endpoint::ButlrClients);
    let before = minted(&world);
    world.run(&create).failed(3, "there is a profile `nightly`");
    world.file("other.secret", "somebody's", 0o600);
    world
        .run(&["-p", "robot", "client", "create", "x", "--save-profile", "other"])
        .failed(3, "could not make");
    world
        .run(&["-p", "robot", "client", "create", "x", "--save-profile", "a/b"])
        .failed(2, "a profile's name");
    assert_eq!(minted(&world), before);
    // What is refused leaves nothing behind.
    world.server.inject(Fault::status(503).on(Endpoint::ButlrClients));
    world.run(&["-p", "robot", "client", "create", "x", "--save-profile", "later"]).failed(6, "503");
    assert!(!world.home.path().join("later.secret").exists());
    world.server.clear_faults();
    let json = ["-p", "robot", "--json", "client", "create", "x", "--save-profile", "later"];
    let document = world.run(&json).succeeded();
    let secret = std::fs::read_to_string(world.home.path().join("later.secret")).unwrap();
    assert!(!document.stdout.contains(&secret) && !document.stderr.contains(&secret));
    assert_eq!(document.json()["profile"], "later");
}

#[tokio::test]
async fn a_profile_can_say_all_that_the_configuration_knows() {
    let world = World::new().await;
    let (base, issuer) = (world.server.base_url(), world.server.issuer());
    let add = |arguments: &[&str]| {
        world.run(&["profile", "add"].iter().chain(arguments).copied().collect::<Vec<_>>())
    };
    let token = format!("{base}/acme/token");
    add(&[
        "shop",
        "--token-endpoint",
        &token,
        "--client-id",
        "a",
        "--param",
        "resource=https://a.example.com",
        "--param",
        "resource=https://b.example.com",
        "--authorization-param",
        "prompt=consent",
        "--redirect-uri",
        "com.example.app:/cb",
        "--reuse-interval",
        "10s",
        "--set",
        "refresh_scope=true",
        "--set",
        "endpoints.introspection=https://as.example.com/introspect",
    ])
    .succeeded();
    let shown = world.run(&["--json", "profile", "show", "shop"]).succeeded().json();
    let settings = &shown["settings"];
    assert_eq!(
        settings["params"]["resource"],
        serde_json::json!(["https://a.example.com", "https://b.example.com"])
    );
    assert_eq!(settings["authorization_params"]["prompt"], "consent");
    assert_eq!(settings["redirect_uri"], "com.example.app:/cb");
    assert_eq!(settings["refresh_scope"], true);
    assert_eq!(settings["endpoints"]["introspection"], "https://as.example.com/introspect");
    add(&["other", "--token-endpoint", &token, "--client-id", "a", "--set", "grnat=password"])
        .failed(3, "did you mean `grant`?");

    // Two of one host are told apart.
    add(&["shop2", "--token-endpoint", &format!("{base}/umbrella/token"), "--client-id", "a"]).succeeded();
    let listed = world.run(&["profile", "list"]).succeeded().stdout;
    assert!(listed.contains(&token) && listed.contains(&format!("{base}/umbrella/token")), "{listed}");

    // The issuer is asked whether it is one.
    add(&["idp", "--issuer", issuer, "--client-id", "a"]).succeeded();
    let wrong = format!("{base}/realms/typo");
    add(&["typo", "--issuer", &wrong, "--client-id", "a"]).failed(5, "--unchecked");
    add(&["typo", "--issuer", &wrong, "--client-id", "a", "--unchecked"]).succeeded();
    world.run(&["profile", "show", "nobody"]).failed(3, "name one of: ");
}
