//! Many `butlr-auth token` at once on an expired session: what cron jobs and shell scripts do to each other.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use butlr_auth_core::{Clock as _, SystemClock};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Event, Fault};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use xshell::cmd;

use super::failpoint::fraction;
use crate::workspace::Workspace;

/// How many commands run at once.
const COMMANDS: usize = 20;

const LIFETIME: Duration = Duration::from_secs(2);

/// No token of this lifetime is renewed sooner: a quarter of it is the margin, a quarter the jitter.
const SHORTEST: Duration = Duration::from_secs(1);

/// How many commands wait for a slow server.
const WAITING: usize = 4;

/// How long the server takes at most.
const SLOW: Duration = Duration::from_secs(3);

/// A session that somebody has logged in to, at a server that journals.
fn scene(workspace: &Workspace) -> Result<(AuthorizationServer, User)> {
    let shell = &workspace.shell;
    cmd!(shell, "cargo build --quiet --locked --package butlr-auth-cli").run()?;
    let program = workspace.metadata()?.target_directory.into_std_path_buf().join("debug/butlr-auth");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = runtime.block_on(AuthorizationServer::builder().access_token_lifetime(LIFETIME).start())?;
    let user = User::new(&server, program)?;
    user.log_in(&server)?;
    Ok((server, user))
}

/// Commands whose time is shorter than the server takes, and one of them is signalled meanwhile: the session goes on,
/// and no refresh token is sent twice.
pub(super) fn signals(workspace: &Workspace, rounds: u32, json: bool) -> Result<()> {
    let (server, user) = scene(workspace)?;
    let kinds = [Signal::HUP, Signal::TERM, Signal::INT, Signal::QUIT];
    for (round, kind) in (1..=rounds).zip(kinds.into_iter().cycle()) {
        std::thread::sleep(LIFETIME);
        let slow = Fault::delay(SLOW.mul_f64(fraction())).on(Endpoint::Token).times(1);
        server.inject(if round % 2 == 0 { slow } else { slow.after_commit() });
        let mut commands: Vec<Child> = (0..WAITING)
            .map(|_| Ok(user.command(&["token", "-p", "soak", "--timeout", "1s"]).spawn()?))
            .collect::<Result<_>>()?;
        std::thread::sleep(Duration::from_secs(2).mul_f64(fraction()));
        let struck = commands.remove(round as usize % WAITING);
        // It may have ended already.
        let _ = kill_process(Pid::from_child(&struck), kind);
        for mut command in commands.into_iter().chain([struck]) {
            command.wait()?;
        }
        server.clear_faults();
        let ended = user.command(&["token", "-p", "soak"]).output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "round {round}, {kind:?}: the session is lost: {said}");
        let judgement = server.journal().judge();
        ensure!(judgement.is_clean(), "round {round}, {kind:?}: {judgement:?}");
    }
    if json {
        println!("{}", json!({ "signal_rounds": rounds, "logins": 1, "ok": true }));
    } else {
        println!(
            "{rounds} × {WAITING} `butlr-auth token --timeout 1s`, one of them signalled, on a server that takes up to \
             {SLOW:?}: no session was lost, and no refresh token sent twice"
        );
    }
    Ok(())
}

pub(super) fn run(workspace: &Workspace, rounds: u32, json: bool) -> Result<()> {
    let (server, user) = scene(workspace)?;

    let clock = SystemClock::new();
    let (mut alone, mut longest) = (0, Duration::ZERO);
    for round in 1..=rounds {
        // The tokens of the last round are older than this when it is over.
        std::thread::sleep(LIFETIME);
        let before = server.journal().events().len();
        let began = clock.boot();
        let commands: Vec<Child> = (0..COMMANDS)
            .map(|_| Ok(user.command(&["token", "-p", "soak"]).spawn()?))
            .collect::<Result<_>>()?;
        let mut tokens = BTreeSet::new();
        for command in commands {
            let ended = command.wait_with_output()?;
            let said = String::from_utf8_lossy(&ended.stderr);
            ensure!(ended.status.success(), "round {round}: a command ended with {}: {said}", ended.status);
            tokens.insert(ended.stdout);
        }
        let took = clock.boot() - began;
        let journal = server.journal();
        ensure!(journal.judge().is_clean(), "round {round}: {:?}", journal.judge());
        let events = journal.events().get(before..).unwrap_or_default();
        let exchanges = events.iter().filter(|event: &&Event| event.presented.is_some()).count();
        // A machine so slow that the round outlives its token is allowed another one.
        let most = 1 + (took.as_millis() / SHORTEST.as_millis()) as usize;
        ensure!((1..=most).contains(&exchanges), "round {round}: {exchanges} exchanges in {took:?}");
        ensure!(tokens.len() <= exchanges + 1, "round {round}: {} tokens", tokens.len());
        alone += u32::from(exchanges == 1);
        longest = longest.max(took);
    }
    if json {
        println!("{}", json!({ "cli_rounds": rounds, "one_exchange": alone, "ok": true }));
    } else {
        println!(
            "{rounds} × {COMMANDS} parallel `butlr-auth token` on an expired session: all ended well, \
             {alone} rounds with one exchange, {longest:.1?} at most"
        );
    }
    Ok(())
}

/// Somebody's home, with one profile.
struct User {
    home: TempDir,
    program: PathBuf,
}

impl User {
    fn new(server: &AuthorizationServer, program: PathBuf) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("butlr-auth-soak-").tempdir()?;
        let (base, client) = (server.base_url(), server.client());
        write_private(&home.path().join("secret"), &client.secret)?;
        let configuration = format!(
            "version = 1\n[profile.soak]\nbase_url = \"{base}\"\ngrant = \"password\"\nusername = \"{}\"\n\
             client_id = \"{}\"\nclient_secret = {{ file = \"secret\" }}\n\
             [profile.soak.endpoints]\ntoken = \"{base}/token\"\n",
            server.user().username,
            client.id
        );
        write_private(&home.path().join("config.toml"), &configuration)?;
        Ok(Self { home, program })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.home.path())
            .env("BUTLR_AUTH_CONFIG", self.home.path().join("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn log_in(&self, server: &AuthorizationServer) -> Result<()> {
        let mut login = self.command(&["login", "soak", "--secret-stdin"]).stdin(Stdio::piped()).spawn()?;
        let mut stdin = login.stdin.take().context("it has a stdin")?;
        stdin.write_all(server.user().password.as_bytes())?;
        drop(stdin);
        let mut said = String::new();
        login.stderr.take().context("it has a stderr")?.read_to_string(&mut said)?;
        ensure!(login.wait()?.success(), "the login failed: {said}");
        Ok(())
    }
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    fs::File::options().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())?;
    Ok(())
}
