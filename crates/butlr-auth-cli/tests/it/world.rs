//! A home of its own, a server of its own, and the binary as a person runs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use butlr_auth_testkit::{AuthorizationServer, Builder};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_butlr-auth");

/// A runner in the background ignores signals, and so would the program that it starts.
const HEEDED: &str = "--default-signal=HUP,INT,QUIT,TERM";

pub(crate) struct World {
    pub(crate) server: AuthorizationServer,
    pub(crate) home: TempDir,
}

pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(AuthorizationServer::builder()).await
    }

    /// A world around a server of this kind, with the profiles that the tests log in to.
    pub(crate) async fn with(server: Builder) -> Self {
        let server = server.start().await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let world = Self { server, home };
        let (base, client) = (world.server.base_url(), world.server.client());
        let public = &world.server.public_client().id;
        world.file("secret", &client.secret, 0o600);
        let id = &client.id;
        world.configure(&format!(
            r#"
            version = 1
            [profile.me]
            preset = "butlr"
            base_url = "{base}"
            username = "ada@example.com"
            [profile.robot]
            preset = "butlr"
            base_url = "{base}"
            client_id = "{id}"
            client_secret = {{ file = "secret" }}
            [profile.json]
            base_url = "{base}"
            grant = "password"
            username = "ada@example.com"
            client_id = "{id}"
            client_secret = {{ env = "THE_SECRET" }}
            body = "json"
            [profile.json.endpoints]
            token = "{base}/token"
            revocation = "{base}/revoke"
            [profile.code]
            base_url = "{base}"
            issuer = "{base}"
            client_id = "{public}"
            scopes = ["openid", "read:rooms"]
            [profile.code.endpoints]
            token = "{base}/token"
            authorization = "{base}/authorize"
            "#
        ));
        world
    }

    pub(crate) fn configure(&self, text: &str) -> PathBuf {
        self.file("config.toml", text, 0o600)
    }

    pub(crate) fn file(&self, name: &str, content: &str, mode: u32) -> PathBuf {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut program = Command::new("/usr/bin/env");
        program.args([HEEDED, PROGRAM]);
        self.configured(program, arguments)
    }

    /// The same in a session of its own, whose terminal is at stdin if `terminal` says so: without, it has none.
    pub(crate) fn command_in_session(&self, terminal: bool, arguments: &[&str]) -> Command {
        let mut session = Command::new("setsid");
        session.args(terminal.then_some("--ctty")).args(["--", "/usr/bin/env", HEEDED, PROGRAM]);
        self.configured(session, arguments)
    }

    /// As [`command`](Self::command), of a program that runs this one.
    pub(crate) fn configured(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.home.path())
            // The keyring of whoever runs the tests is not theirs.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
            .env("BUTLR_AUTH_CONFIG", self.home.path().join("config.toml"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.run_with(arguments, &[], "")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)], stdin: &str) -> Ended {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        end(command, stdin)
    }

    /// The environment of the server's sample client.
    pub(crate) fn client(&self) -> [(&str, &str); 3] {
        let client = self.server.client();
        [
            ("BUTLR_BASE_URL", self.server.base_url()),
            ("BUTLR_CLIENT_ID", &client.id),
            ("BUTLR_CLIENT_SECRET", &client.secret),
        ]
    }

    pub(crate) fn password(&self) -> &str {
        &self.server.user().password
    }

    /// Logs a profile in by its password.
    #[track_caller]
    pub(crate) fn log_in(&self, profile: &str) {
        let secret = [("THE_SECRET", self.server.client().secret.as_str())];
        self.run_with(&["login", profile, "--secret-stdin"], &secret, self.password()).succeeded();
    }

    /// Starts a command that goes on by itself.
    pub(crate) fn start(&self, arguments: &[&str]) -> Started {
        self.start_with(arguments, &[])
    }

    pub(crate) fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Started {
        let mut child = self.command(arguments).envs(variables.iter().copied()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Started { child, stderr, said: String::new() }
    }

    /// Runs a login that prints an address, and answers with what `visit` makes of it.
    pub(crate) async fn log_in_by_page(
        &self,
        arguments: &[&str],
        visit: impl AsyncFnOnce(&AuthorizationServer, &str) -> String,
    ) -> Ended {
        let mut started = self.start(arguments);
        let address = started.line(|line| line.starts_with("http").then(|| line.trim().to_owned()));
        let answer = visit(&self.server, &address).await;
        started.answer(&answer);
        started.end()
    }
}

/// A command that runs.
pub(crate) struct Started {
    pub(crate) child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Started {
    /// Waits for the line of stderr of which `wanted` makes something.
    #[track_caller]
    pub(crate) fn line<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it never came: {}", self.said);
            self.said.push_str(&line);
            if let Some(found) = wanted(&line) {
                return found;
            }
        }
    }

    /// Waits for the document of stderr that has this member, and returns it as text.
    #[track_caller]
    pub(crate) fn member(&mut self, name: &str) -> String {
        self.line(|line| {
            let document: Value = serde_json::from_str(line).unwrap();
            document.get(name).and_then(Value::as_str).map(str::to_owned)
        })
    }

    pub(crate) fn answer(&mut self, line: &str) {
        writeln!(self.child.stdin.take().unwrap(), "{line}").unwrap();
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        self.stderr.read_to_string(&mut self.said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: self.said,
        }
    }
}

/// Runs a command to its end.
pub(crate) fn end(mut command: Command, stdin: &str) -> Ended {
    let mut child = command.spawn().unwrap();
    // A program that reads nothing may have ended already.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Failed with this code, nothing on stdout, and this on stderr.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, said: &str) -> Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{}", self.stderr);
        assert!(self.stderr.contains(said), "`{said}` is not in: {}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }
}
