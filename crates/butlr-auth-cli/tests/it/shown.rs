//! What a terminal shows of what others have written: all of it can be seen, and none of it moves a cursor, turns the
//! text around or hides.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use butlr_auth::core::text::is_hidden;
use butlr_auth_testkit::{Endpoint, Fault};

use crate::world::{Ended, World};

/// One of each kind: an escape sequence, C1, DEL, bidirectional, invisible, a tag.
const HIDDEN: &str = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2066}\u{200b}\u{ad}\u{3164}\u{e0041}";

#[track_caller]
fn shows_everything(ended: &Ended, of: &str) {
    for text in [&ended.stdout, &ended.stderr] {
        let found = text.chars().find(|found| !matches!(found, '\n') && is_hidden(*found));
        assert!(found.is_none(), "{of}: {}", text.escape_debug());
    }
}

fn jwt() -> String {
    let part = |text: String| URL_SAFE_NO_PAD.encode(text);
    let claims = serde_json::json!({ "iss": HIDDEN, HIDDEN: [HIDDEN] });
    format!(
        "{}.{}.{}",
        part(serde_json::json!({ "alg": HIDDEN }).to_string()),
        part(claims.to_string()),
        part(String::new())
    )
}

// Security: H8.
#[tokio::test]
async fn claims_of_a_token_are_seen_and_do_nothing() {
    let world = World::new().await;
    for arguments in [&["inspect", "-"][..], &["--json", "inspect", "-"]] {
        let ended = world.run_with(arguments, &[], &jwt()).succeeded();
        shows_everything(&ended, "inspect");
        assert_eq!(ended.json()["claims"]["iss"], HIDDEN, "it reads back as itself");
    }
}

// Security: H8.
#[tokio::test]
async fn what_a_server_says_is_seen_and_does_nothing() {
    let world = World::new().await;
    let description =
        serde_json::json!({ "error": "invalid_client", "error_description": HIDDEN, "message": HIDDEN });
    let refusal =
        || Fault::status(400).header("Content-Type", "application/json").body(description.to_string());
    for verbose in ["-q", "-v", "-vv", "--json"] {
        for endpoint in
            [Endpoint::Token, Endpoint::ButlrLogin, Endpoint::ButlrClientLogin, Endpoint::ButlrClients]
        {
            world.server.inject(refusal().times(9).on(endpoint));
        }
        for arguments in [
            &["-p", "robot", "token", "--force-refresh"][..],
            &["-p", "robot", "client", "list"],
            &["login", "me", "--secret-stdin"],
        ] {
            let arguments: Vec<&str> = [verbose].iter().chain(arguments).copied().collect();
            shows_everything(&world.run_with(&arguments, &[], "wrong"), &format!("{arguments:?}"));
        }
        world.server.clear_faults();
    }
}

// Security: H8.
#[tokio::test]
async fn what_a_configuration_and_arguments_say_is_seen_and_does_nothing() {
    let world = World::new().await;
    let name = serde_json::Value::from(HIDDEN).to_string().replace('\u{7f}', "\\u007f");
    let base = world.server.base_url();
    world.configure(&format!(
        "default_profile = {name}\n[profile.{name}]\npreset = \"butlr\"\nbase_url = \"{base}\"\nusername = {name}\n\
         [profile.broken]\nissuer = {name}\nclient_id = {name}\nscopes = [{name}]\n"
    ));
    for json in [&[][..], &["--json"]] {
        for arguments in [
            &["status"][..],
            &["status", "--all"],
            &["profile", "list"],
            &["profile", "show"],
            &["profile", "show", "broken"],
            &["doctor", "--offline"],
            &["token"],
            &["-vv", "token"],
            &["logout"],
            &["logout", "--all"],
            &["-p", "broken", "token"],
            &["-p", HIDDEN, "token"],
            &["-p", "nobody\u{9b}", "token"],
            &["profile", "use", HIDDEN],
            &["login", "--no-input"],
            &["--config", HIDDEN, "token"],
            &[HIDDEN],
            &["token", HIDDEN],
            &["token", "--min-ttl", HIDDEN],
            &["helper", "docker", HIDDEN],
            &["run", "--", HIDDEN],
        ] {
            let arguments: Vec<&str> = json.iter().chain(arguments).copied().collect();
            shows_everything(&world.run_with(&arguments, &[], ""), &format!("{arguments:?}"));
        }
    }
}
