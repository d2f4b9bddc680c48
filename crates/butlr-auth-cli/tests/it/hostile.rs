//! Every hostile answer of the test kit, to a login at the loudest.

use butlr_auth_testkit::hostile::{Case, HostileServer, Sent, Surface};

use crate::world::World;

/// `canary` is in all that is secret, in the answers of the cases, too. The token that they send back is the password
/// here, which is what a login has to lose.
const SENT: Sent<'static> =
    Sent { client_id: "cli", client_secret: "canary-client%secret", token: "canary-refresh-token%3d" };

/// `cli:canary` in the letters of a Basic header, as far as three bytes are four letters of it.
const BASIC: &str = "Y2xpOmNhbmFy";

// Security: C10, H2, H8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_hostile_answer_makes_a_login_show_a_secret_at_the_loudest() {
    let world = World::new().await;
    world.file("client-secret", SENT.client_secret, 0o600);
    for case in Case::all() {
        if !case.surfaces().any(|surface| surface == Surface::Token) {
            continue;
        }
        let server = HostileServer::start(&case, Surface::Token, SENT).await.unwrap();
        let url = server.url();
        world.configure(&format!(
            "[profile.p]\ngrant = \"password\"\nusername = \"ada\"\nclient_id = \"cli\"\nclient_secret = {{ file = \"client-secret\" }}\n[profile.p.endpoints]\ntoken = \"{url}/token\"\n"
        ));
        let timeout = if case.takes_for_ever() { "300ms" } else { "5s" };
        let password = format!("{}\n", SENT.token);
        let login = ["-vv", "--timeout", timeout, "login", "p", "--secret-stdin"];
        let ended = world.run_with(&login, &[], &password);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        for secret in ["canary", BASIC] {
            assert!(!shown.contains(secret), "{} shows {secret}: {shown}", case.name());
        }
        assert!(shown.chars().all(|character| character == '\n' || !character.is_control()), "{shown:?}");
        assert!(server.requests() <= 1, "{}: a password is sent once", case.name());
    }
}
