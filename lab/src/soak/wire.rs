//! What conductor and workers tell each other: one line of JSON each, over the worker's stdin and stdout.
//!
//! Secrets go this way alone: other users of a machine can read arguments and environments of processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use butlr_auth_core::{ClientSecret, Dialect, Grant, Password, Provider};
use butlr_auth_http::HttpTokenEndpoint;
use serde::{Deserialize, Serialize};

use super::Row;
use super::place::Place;

/// The first line that a worker reads.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Settings {
    pub(super) part: Part,
    pub(super) base_url: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) username: String,
    pub(super) password: String,
    pub(super) grace: Duration,
    pub(super) delay: Duration,
    pub(super) place: Place,
    /// The folder of the tickets that say where to die.
    pub(super) tickets: PathBuf,
    pub(super) lease: bool,
    /// Whether the server repeats itself about the life of a token: then callers learn its end from the API.
    pub(super) learns_ends: bool,
    /// After how long callers give up.
    pub(super) patience: Option<Duration>,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// Asks for tokens until its stdin ends, from this many tasks.
    Soak { tasks: usize },
    /// Does what each further line says.
    Drill,
}

/// A further line that a worker in a drill reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    /// Asks for another token than the current one.
    Renew,
    /// Loads the record, then asks for a token.
    LookAndGet,
    /// Asks for a token.
    Get,
    /// Logs out after this many microseconds.
    Logout { after: u64 },
}

/// A line that a worker writes. Times are microseconds of the boot clock, which all processes share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// It has opened its session.
    Ready,
    /// It is about to send a refresh token.
    Sent { presented: String, at: u64 },
    /// It has been handed an access token that it had not seen before.
    Token { access_token: String, refresh_at: u64, expires_at: u64 },
    /// It took the ticket and is about to die or stop here.
    Struck { row: Row, presented: Option<String>, in_flight: bool, at: u64 },
    /// A caller was told to log in.
    LoginRequired,
    /// A call to the API that may rightly be refused: it begins in its token's last moments, or took longer than the
    /// token had left.
    Late { access_token: String },
    /// What became of a [`Command`].
    Did { token: Option<String>, error: Option<String>, at: u64 },
    /// What was counted since the last such line.
    Tally(Tally),
}

/// What the callers of one worker met.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) gets: u64,
    /// Calls to the API.
    pub(super) calls: u64,
    /// Calls that it refused.
    pub(super) refused: u64,
    /// Gets that waited although the caller had a usable token when it asked.
    pub(super) needless_waits: u64,
    /// The longest of them, in microseconds.
    pub(super) longest_needless_wait: u64,
    /// The longest wait of a caller whose last token lived when it asked, its margin included, in microseconds.
    pub(super) longest_live_wait: u64,
    /// The longest wait of a caller that had no usable token, in microseconds.
    pub(super) longest_wait: u64,
    /// Gets that ended because the caller gave up.
    pub(super) given_up: u64,
    /// Tokens that had expired when they were asked for.
    pub(super) expired: u64,
    /// Tokens that were handed out at once although the time to wait for a new one had come.
    pub(super) stale: u64,
    /// Failed gets by their kind.
    pub(super) errors: BTreeMap<String, u64>,
    /// Events of the session by their name.
    pub(super) events: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.gets += other.gets;
        self.calls += other.calls;
        self.refused += other.refused;
        self.needless_waits += other.needless_waits;
        self.longest_needless_wait = self.longest_needless_wait.max(other.longest_needless_wait);
        self.longest_live_wait = self.longest_live_wait.max(other.longest_live_wait);
        self.longest_wait = self.longest_wait.max(other.longest_wait);
        self.given_up += other.given_up;
        self.expired += other.expired;
        self.stale += other.stale;
        for (mine, theirs) in [(&mut self.errors, &other.errors), (&mut self.events, &other.events)] {
            for (name, count) in theirs {
                *mine.entry(name.clone()).or_default() += count;
            }
        }
    }
}

impl Settings {
    /// The endpoint of the server under test, as any program would build it.
    pub(super) fn endpoint(&self) -> Result<HttpTokenEndpoint, butlr_auth_core::Error> {
        let url = |path: &str| format!("{}{path}", self.base_url).parse();
        let provider = Provider::new("soak", url("/token")?, Dialect::form())
            .with_revocation_endpoint(url("/revoke")?)
            .with_reuse_interval(self.grace);
        let secret = ClientSecret::new(self.client_secret.as_str())?;
        HttpTokenEndpoint::builder(provider).client_secret(self.client_id.as_str(), secret).build()
    }

    /// The login of the sample user.
    pub(super) fn login(&self) -> Result<Grant, butlr_auth_core::Error> {
        Ok(Grant::password(self.username.as_str(), Password::new(self.password.as_str())?))
    }
}

/// Microseconds of a reading of the boot clock.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
