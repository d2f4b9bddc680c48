//! Under false clocks, and while tokens end: what is printed is good now, and this identity's.

use std::process::Command;
use std::time::{Duration, SystemTime};

use butlr_auth::core::UnverifiedClaims;
use butlr_auth::{Clock as _, SystemClock};
use butlr_auth_testkit::{AuthorizationServer, Rotation, User};

use crate::world::{Ended, World};

impl World {
    /// Runs it while the wall clock says something else.
    pub(crate) fn run_when(&self, when: &str, arguments: &[&str]) -> Ended {
        let inside = self.command(arguments);
        let mut command = Command::new("faketime");
        // `-f` takes what may begin with a sign.
        command.args(["-f", when]).arg(inside.get_program()).args(inside.get_args()).env_clear();
        command.envs(inside.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = command.output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asks the API whose token this is.
    async fn subject_at_the_api(&self, token: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/api/v1/client", self.server.base_url());
        let answer = client.get(url).bearer_auth(token).send().await.unwrap();
        let claims = UnverifiedClaims::decode(token).unwrap();
        answer.status().is_success().then(|| claims.text("sub").unwrap().to_owned())
    }
}

// Security: L6.
#[tokio::test]
async fn a_wall_clock_that_is_wrong_costs_at_most_one_renewal() {
    if !butlr_auth_testkit::servers::is_there("faketime", "faketime") {
        return;
    }
    let world = World::new().await;
    let first = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    for when in ["+2h", "-1d", "@2038-01-20 00:00:00", "@1999-12-31 23:59:59"] {
        let before = world.server.journal().token_requests();
        let token = world.run_when(when, &["-p", "robot", "token"]).succeeded().stdout;
        assert!(world.subject_at_the_api(token.trim()).await.is_some(), "{when}");
        assert!(world.server.journal().token_requests() <= before + 1, "{when}");
        for arguments in [
            &["-p", "robot", "status"][..],
            &["-p", "robot", "doctor"],
            &["-p", "robot", "token", "-f", "json"],
        ] {
            world.run_when(when, arguments).succeeded();
        }
        // The clock is right again.
        let before = world.server.journal().token_requests();
        let token = world.run(&["-p", "robot", "token"]).succeeded().stdout;
        assert!(world.subject_at_the_api(token.trim()).await.is_some(), "{when}");
        assert!(world.server.journal().token_requests() <= before + 1, "{when}");
    }
    // Within a boot nobody who sets the wall clock makes a token older or younger.
    assert_eq!(world.run(&["-p", "robot", "token"]).succeeded().stdout, first);
    let report = world.run_when("+2h", &["-p", "robot", "doctor"]).succeeded().stdout;
    assert!(report.contains("warn  clock"), "{report}");
}

/// Two people and the client itself, asked for in turns while their tokens end every other second.
#[tokio::test]
async fn in_twenty_runs_no_token_is_expired_or_anybody_elses() {
    let server = AuthorizationServer::builder()
        .user(User::new("eve@example.com", "another-password"))
        .rotation(Rotation::Rotate)
        .access_token_lifetime(Duration::from_secs(2));
    let world = World::with(server).await;
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    let person = |name: &str| {
        format!(
            "[profile.{name}]\nbase_url = \"{base}\"\ngrant = \"password\"\nusername = \"{name}@example.com\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n[profile.{name}.endpoints]\ntoken = \"{base}/token\"\n"
        )
    };
    let robot = format!(
        "[profile.robot]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n"
    );
    world.configure(&[person("ada"), person("eve"), robot].concat());
    world.run_with(&["login", "ada", "--secret-stdin"], &[], world.password()).succeeded();
    world.run_with(&["login", "eve", "--secret-stdin"], &[], "another-password").succeeded();
    let mut subjects = [const { None::<String> }; 3];
    let mut seen = std::collections::BTreeSet::new();
    let mut accepted = 0;
    let clock = SystemClock::new();
    let now = || clock.now().wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    for run in 0..20 {
        for (profile, subject) in ["ada", "eve", "robot"].into_iter().zip(&mut subjects) {
            let began = now();
            let token = world.run(&["-p", profile, "token"]).succeeded().stdout;
            let claims = UnverifiedClaims::decode(token.trim()).unwrap();
            let ends = Duration::from_secs(claims.seconds("exp").unwrap());
            assert!(ends > began, "run {run}: the token of {profile} had ended");
            let found = claims.text("sub").unwrap().to_owned();
            assert_eq!(&found, subject.get_or_insert_with(|| found.clone()), "run {run}: {profile}");
            // A slow machine may ask too late, which is no fault of the token's.
            let taken = world.subject_at_the_api(token.trim()).await.is_some();
            assert!(taken || now() >= ends, "run {run}: the token of {profile} is refused");
            accepted += u32::from(taken);
            seen.insert(token);
        }
        // Sleeps because the tokens have to end on the real clock: all runs together outlast four of them.
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let [ada, eve, robot] = subjects;
    assert!(ada != eve && eve != robot && ada != robot);
    assert!(accepted > 40, "{accepted} of 60 tokens were taken");
    assert!(seen.len() > 9, "the tokens did not end in between: {}", seen.len());
    assert!(world.server.journal().judge().is_clean());
}
