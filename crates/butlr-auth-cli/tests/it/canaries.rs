//! Every secret of every flow, looked for wherever it has no business: logs, messages, arguments, the environment of
//! other programs.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};
use serde_json::Value;

use crate::world::World;

/// A world whose profiles use every grant.
async fn world() -> World {
    let server = AuthorizationServer::builder().device_poll_interval(Duration::from_secs(1));
    let world = World::with(server).await;
    let (base, issuer) = (world.server.base_url(), world.server.issuer());
    let (id, public) = (&world.server.client().id, &world.server.public_client().id);
    let lasting = format!(
        "base_url = \"{base}\"\nissuer = \"{issuer}\"\nclient_id = \"{public}\"\nscopes = [\"openid\", \"offline_access\", \"read:rooms\"]\n"
    );
    let butlr = format!("preset = \"butlr\"\nbase_url = \"{base}\"\n");
    world.configure(&format!(
        "[profile.me]\n{butlr}username = \"ada@example.com\"\n[profile.robot]\n{butlr}client_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n[profile.code]\n{lasting}[profile.device]\n{lasting}grant = \"device_code\"\n[profile.implicit]\n{lasting}grant = \"implicit\"\n"
    ));
    world
}

/// What must not be seen, by a piece of it that nothing else has.
#[derive(Default)]
struct Canaries(BTreeSet<String>);

impl Canaries {
    /// Of a JWT its signature, which alone is secret; of anything else its beginning.
    fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        let own = if secret.matches('.').count() == 2 { secret.rsplit('.').next().unwrap() } else { secret };
        assert!(own.len() >= 12, "this is no secret: {own}");
        self.0.insert(own.chars().take(12).collect());
    }

    /// Adds every token that a session keeps.
    fn add_sessions(&mut self, folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            if let Ok(Value::Object(document)) = serde_json::from_str(&text) {
                self.add_strings(document.get("record").unwrap());
            }
        }
    }

    fn add_strings(&mut self, value: &Value) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.add_strings(value)),
            Value::Object(members) => members.values().for_each(|value| self.add_strings(value)),
            // Fingerprints are shown, addresses, scopes and subjects too.
            Value::String(text)
                if text.len() >= 24
                    && !text.contains([' ', ':', '@', '|'])
                    && !text.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                self.add(text);
            }
            _ => {}
        }
    }

    /// Looks for all of them, in the forms in which a program might repeat them.
    #[track_caller]
    fn are_not_in(&self, place: &str, text: &str) {
        for canary in &self.0 {
            let hexadecimal: String = canary.bytes().map(|byte| format!("{byte:02x}")).collect();
            let bytes = format!("{:?}", canary.as_bytes());
            let encoded: String = url::form_urlencoded::byte_serialize(canary.as_bytes()).collect();
            let escaped = serde_json::to_string(canary).unwrap();
            let forms = [canary, &hexadecimal, &encoded, trimmed(&bytes), trimmed(&escaped)];
            let forms = forms.into_iter().map(str::to_owned).chain(in_base64(canary));
            for form in forms {
                assert!(!text.contains(&form), "a secret is in {place}: …{form}…");
            }
        }
    }
}

fn trimmed(quoted: &str) -> &str {
    quoted.trim_matches(['[', ']', '"'])
}

/// What base64 makes of a piece of text, wherever that stands in a longer one.
fn in_base64(piece: &str) -> impl Iterator<Item = String> {
    (0..3).flat_map(move |before| {
        let text = ["\0".repeat(before).as_str(), piece].concat();
        // Letters that only this piece decides.
        let own = (before * 8).div_ceil(6)..text.len() * 8 / 6;
        [STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
            .map(|letters| letters[own.clone()].to_owned())
    })
}

#[test]
fn a_secret_is_found_in_base64_wherever_it_stands() {
    for before in ["", "a", "ab", "abc", "a-client:", "another-client:"] {
        let header = STANDARD_NO_PAD.encode(format!("{before}s?cret-of-12 and more"));
        assert!(in_base64("s?cret-of-12").any(|form| header.contains(&form)), "{header}");
        let other = STANDARD_NO_PAD.encode(format!("{before}s?cret+of-12 and more"));
        assert!(!in_base64("s?cret-of-12").any(|form| other.contains(&form)), "{other}");
    }
}

// Security: H2, H7.
#[tokio::test]
async fn no_secret_of_any_flow_is_in_the_logs() {
    let world = world().await;
    let mut canaries = Canaries::default();
    canaries.add(world.password());
    canaries.add(&world.server.client().secret);
    let mut logged = String::new();
    let password = world.password().to_owned();
    logged += &world.run_with(&["-vv", "login", "me", "--secret-stdin"], &[], &password).succeeded().stderr;
    logged +=
        &world.run_with(&["-vv", "login", "me", "--secret-stdin"], &[], "wrong-canary").failed(5, "").stderr;
    canaries.add("wrong-canary");
    for profile in ["code", "implicit"] {
        let mut login = world.start(&["-vv", "login", profile]);
        let page = login.line(|line| line.starts_with("http").then(|| line.trim().to_owned()));
        let landed = world.server.approve(&page).await.unwrap();
        let redirect: url::Url = landed.parse().unwrap();
        let fragment = redirect.fragment().unwrap_or_default().as_bytes().to_vec();
        for (name, value) in redirect.query_pairs().chain(url::form_urlencoded::parse(&fragment)) {
            if ["code", "access_token", "id_token"].contains(&&*name) {
                canaries.add(&value);
            }
        }
        login.answer(&landed);
        logged += &login.end().succeeded().stderr;
    }
    let mut login = world.start(&["-vv", "login", "device"]);
    let code = login.line(|line| line.split_once("and enter ").map(|(_, code)| code.trim().to_owned()));
    world.server.approve_device(&code).await.unwrap();
    logged += &login.end().succeeded().stderr;
    for profile in ["me", "robot", "code", "device", "implicit"] {
        for arguments in [&["token"][..], &["status"], &["inspect"], &["api", "/api/v1/client"], &["doctor"]]
        {
            let arguments: Vec<&str> = ["-vv", "-p", profile].iter().chain(arguments).copied().collect();
            let ended = world.run(&arguments);
            logged += &ended.stderr;
            if arguments.ends_with(&["token"]) {
                canaries.add(&ended.succeeded().stdout);
            }
        }
    }
    for profile in ["robot", "code", "device"] {
        let ended = world.run(&["-vv", "-p", profile, "token", "--force-refresh"]).succeeded();
        canaries.add(&ended.stdout);
        logged += &ended.stderr;
    }
    let minted = world.run(&["-vv", "-p", "robot", "client", "create", "x"]).succeeded();
    let secret = minted.stdout.lines().find_map(|line| line.strip_prefix("BUTLR_CLIENT_SECRET="));
    canaries.add(secret.unwrap().trim_matches('\''));
    logged += &minted.stderr;
    canaries.add_sessions(&world.home.path().join(".local/state/butlr-auth/sessions"));
    for profile in ["me", "code", "device"] {
        logged += &world.run(&["-vv", "logout", profile]).succeeded().stderr;
    }
    assert!(canaries.0.len() > 15, "{}", canaries.0.len());
    assert!(logged.matches("TRACE").count() > 20 && logged.contains("endpoint_host="), "{logged}");
    // A person has to open this one: its challenge and state are public, its verifier is not in it.
    canaries.are_not_in("the logs", &logged);
}

/// The arguments and the environment of a process and of everything that it started.
fn seen_by_ps(pid: u32) -> String {
    let own = |name: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let mut seen = own("cmdline") + own("environ").as_str();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        seen += seen_by_ps(child.parse().unwrap()).as_str();
    }
    seen
}

// Security: H7.
#[tokio::test]
async fn ps_shows_no_secret_while_it_is_used() {
    let world = world().await;
    let mut canaries = Canaries::default();
    canaries.add(world.password());
    canaries.add(&world.server.client().secret);
    world.server.inject(Fault::delay(Duration::from_millis(500)));
    let logins: [&[&str]; 3] =
        [&["login", "me", "--secret-stdin"], &["login", "robot"], &["login", "robot", "--secret-stdin"]];
    for (number, arguments) in logins.into_iter().enumerate() {
        let before = world.server.journal().token_requests();
        let mut login = world.start(arguments);
        login.answer(if number == 0 { world.password() } else { &world.server.client().secret });
        while world.server.journal().token_requests() == before {
            tokio::task::yield_now().await;
        }
        let seen = seen_by_ps(login.child.id());
        assert!(seen.contains("login"), "{seen}");
        canaries.are_not_in("what ps shows", &seen);
        login.end().succeeded();
    }
    world.server.clear_faults();
    assert_eq!(world.server.journal().requests(Endpoint::ButlrLogin), 1);
}

// Security: H7.
#[tokio::test]
async fn the_programs_that_are_started_get_no_secret_but_the_token() {
    let world = world().await;
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    world.configure(&format!(
        "[profile.x]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\nclient_secret = {{ command = [\"/bin/sh\", \"-c\", \"cat /proc/self/environ /proc/$$/environ >&2; cat secret\"] }}\n"
    ));
    let variables =
        [("BUTLR_CLIENT_SECRET", "canary-of-the-client"), ("BUTLR_PASSWORD", "canary-of-the-person")];
    let mut canaries = Canaries::default();
    variables.iter().for_each(|(_, secret)| canaries.add(secret));
    canaries.add(&world.server.client().secret);
    let mut command =
        world.command(&["-p", "x", "run", "--", "/bin/cat", "/proc/self/environ", "/proc/self/cmdline"]);
    let output = command.current_dir(world.home.path()).envs(variables).output().unwrap();
    let (started, fetched) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && fetched.contains("HOME="), "{fetched}");
    canaries.are_not_in("the environment of the program that fetches the secret", &fetched);
    canaries.are_not_in("the environment of the program that runs", &started);
    assert!(started.contains("BUTLR_ACCESS_TOKEN="));
}

// Security: H8.
#[tokio::test]
async fn what_a_server_says_moves_no_cursor_and_hides_no_line() {
    let world = world().await;
    let hostile = "\u{1b}[2J\u{7}\r\u{202e}gone\u{9b}1A";
    world.server.inject(
        Fault::status(400)
            .header("Content-Type", "application/json")
            .body(serde_json::json!({ "error": "invalid_client", "error_description": hostile }).to_string())
            .on(Endpoint::ButlrClientLogin),
    );
    for arguments in [&["token"][..], &["--json", "token"], &["-vv", "token"], &["--json", "-vv", "token"]] {
        let arguments: Vec<&str> = ["-p", "robot"].iter().chain(arguments).copied().collect();
        let said = world.run(&arguments).failed(5, "invalid_client").stderr;
        for control in ['\u{1b}', '\u{7}', '\r', '\u{202e}', '\u{9b}'] {
            assert!(!said.contains(control), "{said:?}");
        }
        if arguments.contains(&"--json") {
            let error: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
            let message = error.get("message").and_then(Value::as_str).unwrap();
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }
}
