use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Unauthenticated};
use serde_json::{Value, json};

use crate::world::World;

fn online(world: &World, profile: &str) -> Value {
    let document = world.run(&["-p", profile, "status", "--online", "--json"]).succeeded().json();
    document.get("online").unwrap().clone()
}

#[tokio::test]
async fn online_tells_a_revoked_token_from_a_good_one_by_the_api() {
    for refusal in [Unauthenticated::Status, Unauthenticated::GraphQlError] {
        let world = World::with(AuthorizationServer::builder().unauthenticated(refusal)).await;
        // Nothing is stored, and nothing is asked.
        assert_eq!(online(&world, "robot"), Value::Null);
        let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
        assert_eq!(online(&world, "robot"), json!({ "good": true }));
        let text = world.run(&["-p", "robot", "status", "--online", "--check"]).succeeded().stdout;
        assert!(text.contains("server says    good\n"), "{text}");
        world.server.advance_time(Duration::from_secs(3600));
        assert_eq!(online(&world, "robot"), json!({ "good": false }));
        world
            .run(&["-p", "robot", "status", "--online", "--check"])
            .failed(4, "help: run `butlr-auth token --force-refresh`");
        // It was a question, and changed nothing.
        assert_eq!(world.run(&["-p", "robot", "token"]).succeeded().stdout, token);
        assert_eq!(world.server.journal().token_requests(), 1);
    }
}

#[tokio::test]
async fn online_asks_any_other_server_by_introspection() {
    let world = World::new().await;
    let (base, issuer) = (world.server.base_url(), world.server.issuer());
    let (id, public) = (&world.server.client().id, &world.server.public_client().id);
    world.configure(&format!(
        "[profile.robot]\nissuer = \"{issuer}\"\ngrant = \"client_credentials\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n[profile.person]\nissuer = \"{issuer}\"\nclient_id = \"{public}\"\n[profile.blind]\nbase_url = \"{base}\"\ngrant = \"client_credentials\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n[profile.blind.endpoints]\ntoken = \"{base}/token\"\n"
    ));
    world.run(&["-p", "robot", "token"]).succeeded();
    assert_eq!(online(&world, "robot"), json!({ "good": true }));
    world.server.advance_time(Duration::from_secs(3600));
    let inactive = json!({ "good": false, "why": "not active for this client" });
    assert_eq!(online(&world, "robot"), inactive);
    world.server.inject(Fault::status(503).on(Endpoint::Introspect));
    assert_eq!(online(&world, "robot").get("good"), Some(&Value::Null));
    world.run(&["-p", "robot", "status", "--online", "--check"]).failed(6, "503");
    // A client without a secret may not ask, and without an endpoint nobody may.
    let token = world.run(&["-p", "blind", "token"]).succeeded().stdout;
    assert_eq!(online(&world, "blind").get("good"), Some(&Value::Null));
    world.server.clear_faults();
    world.run_with(&["login", "person", "--with-token"], &[], &token).succeeded();
    let asked = online(&world, "person");
    assert!(asked.get("why").and_then(Value::as_str).unwrap().contains("invalid_client"), "{asked}");
}

#[tokio::test]
async fn each_of_all_profiles_is_there_because_the_configuration_has_it() {
    let world = World::new().await;
    let all = world.run(&["status", "--all", "--json"]).succeeded().json();
    let profiles = all.get("profiles").and_then(Value::as_array).unwrap();
    let sources: Vec<&str> =
        profiles.iter().filter_map(|profile| profile.get("source").and_then(Value::as_str)).collect();
    assert_eq!(sources, ["built in", "configuration", "configuration", "configuration", "configuration"]);
}

#[tokio::test]
async fn a_profile_does_not_hide_itself() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    world.configure(&text.replace("version = 1", "version = 1\ndefault_profile = \"me\""));
    let hides = |arguments: &[&str], variables: &[(&str, &str)]| {
        let ended = world.run_with(arguments, variables, "").succeeded();
        ended.stdout.lines().find(|line| line.starts_with("hides")).map(str::to_owned)
    };
    assert_eq!(hides(&["-p", "me", "status"], &[]), None);
    assert_eq!(hides(&["-p", "me", "status"], &[("BUTLR_PROFILE", "me")]), None);
    assert_eq!(hides(&["status"], &[("BUTLR_PROFILE", "me")]), None);
    assert!(hides(&["-p", "robot", "status"], &[]).unwrap().contains("me (configuration: default_profile)"));
    assert!(hides(&["-p", "me", "status"], &[("BUTLR_PROFILE", "robot")]).unwrap().contains("robot"));
}

#[tokio::test]
async fn all_profiles_are_a_table_and_a_broken_one_hides_no_other() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.home.path().join("config.toml")).unwrap();
    world.configure(&format!("{text}\n[profile.broken]\nissuer = \"no url\"\nclient_id = \"c\"\n"));
    world.log_in("me");
    let table = world.run(&["-p", "me", "status", "--all"]).succeeded().stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(
        lines[0].starts_with("  PROFILE") && lines[0].contains("SESSION") && lines[0].ends_with("KEPT IN"),
        "{table}"
    );
    assert!(lines[1].starts_with("* me ") && lines[1].contains("good"), "{table}");
    let row = |name: &str| *lines.iter().find(|line| line.starts_with(&format!("  {name} "))).unwrap();
    assert!(row("code").contains("log in: nobody has logged in"), "{table}");
    assert!(row("broken").contains("unusable: "), "{table}");
    let server = lines[0].find("SERVER").unwrap();
    assert!(
        lines[1][server..].starts_with("http://127.0.0.1") && row("code")[server..].starts_with("http://"),
        "{table}"
    );
    let document = world.run(&["-p", "me", "--json", "status", "--all"]).succeeded().json();
    let broken =
        document["profiles"].as_array().unwrap().iter().find(|one| one["profile"] == "broken").unwrap();
    assert_eq!(broken["exit"], 3);
}
