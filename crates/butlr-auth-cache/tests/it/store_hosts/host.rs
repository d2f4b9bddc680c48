//! What happens on a host: this program again, with a clock of its own that is wrong.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{Session, TokenStore};
use butlr_auth_core::{
    AccessToken, ClientId, Clock, EndpointIdentity, Error, ErrorCode, Fingerprint, Grant, Moment, Provider,
    RefreshToken, Revocation, SystemClock, TokenEndpoint, TokenResponse,
};
use tokio::time::sleep;

use crate::server::refused;

pub(super) const LIFETIME: Duration = Duration::from_secs(16);

/// How far the clock of host `a` is behind, and that of host `b` ahead.
const SKEW: Duration = Duration::from_millis(750);

const FOLDER: &str = "BUTLR_AUTH_HOSTS_FOLDER";
const PROCESS: &str = "BUTLR_AUTH_HOSTS_PROCESS";

/// What the test and its hosts share besides the database: the authorization server, and what everybody saw.
#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// How many tokens there are, and how many refresh tokens were presented that were not the last one.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.lines("issued").len(), self.lines("reused").len())
    }

    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// The number of the token that a process saw last.
    pub(super) fn newest(&self, process: &str) -> usize {
        self.lines(process).last().map_or(0, |token| number(token))
    }

    pub(super) fn add(&self, name: &str, line: &str) {
        let mut file = File::options().append(true).create(true).open(self.0.join(name)).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// When the token was issued, by the boot clock, which all hosts here share.
    fn issued_at(&self, token: &str) -> Duration {
        let line = self.lines("issued").get(number(token) - 1).cloned().unwrap();
        Duration::from_micros(line.parse().unwrap())
    }
}

fn number(token: &str) -> usize {
    token.strip_prefix("access-").unwrap().parse().unwrap()
}

/// An authorization server that rotates refresh tokens and never forgives: a file under a lock.
#[derive(Debug)]
pub(super) struct Server {
    folder: Folder,
    identity: EndpointIdentity,
}

impl Server {
    pub(super) fn new(folder: &Folder) -> Self {
        let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli"));
        Self { folder: folder.clone(), identity }
    }
}

#[async_trait]
impl TokenEndpoint for Server {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let lock = File::create(self.folder.0.join("lock")).unwrap();
        lock.lock().unwrap();
        let (issued, _) = self.folder.counts();
        if let Grant::RefreshToken { refresh_token, .. } = grant {
            let presented = refresh_token.expose();
            if presented != format!("refresh-{issued}") {
                self.folder.add("reused", presented);
                return Err(refused(ErrorCode::INVALID_GRANT, 400));
            }
        }
        self.folder.add("issued", &SystemClock::new().boot().as_micros().to_string());
        let number = issued + 1;
        let mut response = TokenResponse::new(AccessToken::new(format!("access-{number}")).unwrap());
        response.expires_in = Some(LIFETIME);
        response.refresh_token = Some(RefreshToken::new(format!("refresh-{number}")).unwrap());
        Ok(response)
    }

    async fn revoke(&self, _: Revocation<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

/// The clock of a host: its wall time is off, and its boot is its own.
#[derive(Debug)]
struct Skewed {
    inner: SystemClock,
    host: String,
}

impl Clock for Skewed {
    fn now(&self) -> Moment {
        let Moment { wall, boot, .. } = self.inner.now();
        let wall = if self.host == "a" { wall - SKEW } else { wall + SKEW };
        Moment::new(wall, boot, Fingerprint::of(self.host.as_bytes()))
    }
}

/// One process of a host.
pub(super) struct Process {
    folder: Folder,
    host: String,
    name: String,
}

impl Process {
    /// Which one this is; `None` in the test itself.
    pub(super) fn here() -> Option<Self> {
        let name = std::env::var(PROCESS).ok()?;
        let folder = Folder(std::env::var_os(FOLDER).unwrap().into());
        Some(Self { folder, host: name.chars().take(1).collect(), name })
    }

    /// Makes the command run one: process `a1` is on host `a`.
    pub(super) fn tell(command: &mut std::process::Command, test: &str, folder: &Path, name: &str) {
        command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder).env(PROCESS, name);
    }

    /// Asks for tokens until it is told to stop. Each must be good (I11), and none may fail.
    pub(super) async fn live(self, open: impl Fn(&str, &str) -> Box<dyn TokenStore>) {
        let read = |name: &str| fs::read_to_string(self.folder.0.join(name)).unwrap();
        let clock = Skewed { inner: SystemClock::new(), host: self.host.clone() };
        let session = Session::builder(Server::new(&self.folder))
            .store(open(&read("url"), &read("authority")))
            .clock(clock)
            .open()
            .unwrap();
        let (clock, mut last) = (SystemClock::new(), String::new());
        while !self.folder.0.join("stop").exists() {
            let token = session.token().await.unwrap();
            let token = token.access_token().expose();
            let age = clock.boot() - self.folder.issued_at(token);
            assert!(age < LIFETIME, "{} was handed {token} when it was {age:?} old", self.name);
            if last != token {
                self.folder.add(&self.name, token);
                token.clone_into(&mut last);
            }
            // Sleeps because a host asks now and then, for as long as the test lasts.
            sleep(Duration::from_millis(20)).await;
        }
        session.shutdown().await;
    }
}
