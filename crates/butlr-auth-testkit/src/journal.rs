//! What happened at the server: the oracle that tests ask.
//!
//! Every token request, login at the page, revocation, refused API call and fault is one
//! [`Event`], in the order in which the server committed them. Secrets are never in it: a token
//! stands there as its [`fingerprint`](Journal::fingerprint).

mod judgement;

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

pub use judgement::{FamilyPath, Judgement, Renewal};

use crate::{Endpoint, random};

/// One thing that happened at the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Event {
    /// The place in the journal, from 1.
    pub sequence: u64,
    /// When, in milliseconds since 1970 by the server's clock.
    pub at: u64,
    /// What kind of thing.
    pub kind: EventKind,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// Who asked, as far as the server could tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The grant type of a token request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant_type: Option<String>,
    /// `issued`, `approved`, `revoked`, or the error code that was answered.
    pub outcome: String,
    /// The family of refresh tokens this belongs to: all that descend from one login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<u64>,
    /// Fingerprint of the refresh token that was presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presented: Option<String>,
    /// Generation of the presented refresh token; the login's is 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// Fingerprint of the refresh token that was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<String>,
    /// True when the presented refresh token had been presented, and honoured, before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reuse: bool,
    /// Fingerprint of the access token that was issued, or refused at the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// Lifetime of the access token that was issued, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<u64>,
    /// The fault that struck, such as `cut_after_commit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A request at a token endpoint, granted or refused.
    #[default]
    Exchange,
    /// A person allowed or denied a request at the page.
    Authorization,
    /// A token was revoked (RFC 7009).
    Revocation,
    /// The API refused an access token: `expired`, `revoked`, `invalid`, `wrong_audience`,
    /// `missing` or `insufficient_scope`.
    ApiRefusal,
    /// A fault struck a request.
    Fault,
}

/// A copy of the journal at one moment.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Journal {
    events: Vec<Event>,
    requests: Vec<(Endpoint, u64)>,
}

impl Journal {
    /// Every event, in the order in which the server committed them.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The number of HTTP requests that reached an endpoint, faults included.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        self.requests.iter().find(|(at, _)| *at == endpoint).map_or(0, |(_, count)| *count)
    }

    /// The number of HTTP requests that reached any endpoint that issues tokens.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.requests.iter().filter(|(endpoint, _)| endpoint.issues_tokens()).map(|(_, count)| count).sum()
    }

    /// Judges the whole journal.
    #[must_use]
    pub fn judge(&self) -> Judgement {
        Judgement::of(&self.events)
    }

    /// What stands for a token in the journal: the first 16 hexadecimal digits of the SHA-256 of
    /// its bytes.
    #[must_use]
    pub fn fingerprint(token: &str) -> String {
        random::fingerprint(token)
    }

    /// Reads the events of a journal file: JSON, one event a line. A last line without its end,
    /// which a killed server leaves behind, is ignored.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a whole line is no event.
    pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<Event>> {
        let text = std::fs::read_to_string(path)?;
        let whole = text.rfind('\n').and_then(|end| text.get(..end)).unwrap_or_default();
        whole.lines().map(|line| serde_json::from_str(line).map_err(io::Error::from)).collect()
    }
}

/// The journal while the server writes it.
#[derive(Debug)]
pub(crate) struct JournalWriter {
    requests: [AtomicU64; Endpoint::ALL.len()],
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    events: Vec<Event>,
    file: Option<File>,
}

impl JournalWriter {
    pub(crate) fn new(path: Option<&Path>) -> io::Result<Self> {
        let file = path.map(|path| File::options().create(true).append(true).open(path)).transpose()?;
        Ok(Self { requests: Default::default(), log: Mutex::new(Log { events: Vec::new(), file }) })
    }

    pub(crate) fn count(&self, endpoint: Endpoint) {
        if let Some(counter) = self.requests.get(endpoint.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Appends an event, and its line to the file in one write, so that a reader never sees half of
    /// one while the server lives.
    pub(crate) fn record(&self, mut event: Event) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        event.sequence = log.events.len() as u64 + 1;
        if let Some(file) = &mut log.file
            && let Ok(mut line) = serde_json::to_vec(&event)
        {
            line.push(b'\n');
            // A journal that cannot be written must not change what the server answers: its copy
            // in memory is complete.
            let _ = file.write_all(&line);
        }
        log.events.push(event);
    }

    pub(crate) fn snapshot(&self) -> Journal {
        let events = self.log.lock().unwrap_or_else(PoisonError::into_inner).events.clone();
        let requests = Endpoint::ALL
            .into_iter()
            .zip(&self.requests)
            .map(|(endpoint, counter)| (endpoint, counter.load(Ordering::Relaxed)))
            .collect();
        Journal { events, requests }
    }
}
