use std::time::Duration;

use butlr_auth_core::{Fingerprint, Moment};
use serde::{Deserialize, Serialize};

use super::Issued;
use crate::{Id, key::TokenKey, small_map::SmallMap};

/// A failure delays the next attempt by this at least: 1 second.
const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);

/// A failure delays the next attempt by this at most.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// A refused refresh token is tried again after this at the earliest, and after twice as long each time.
const SHORTEST_REFUSAL: Duration = Duration::from_secs(60);

/// A refused refresh token is not left alone for longer than this.
const LONGEST_REFUSAL: Duration = Duration::from_secs(3600);

/// A refused refresh token is tried again this often.
const REFUSALS: u8 = 8;

/// What the protocol decides by: the stored record without its secrets, which are named by fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) epoch: Epoch,
    pub(crate) state: State,
    pub(crate) refresh: Option<Refresh>,
    #[serde(default, skip_serializing_if = "SmallMap::is_empty")]
    pub(crate) access: SmallMap<TokenKey, Issued>,
    /// Counts exchanges of this login: whoever has a higher one knows more.
    pub(crate) generation: u64,
    pub(crate) fence: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease: Option<Lease>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) intent: Option<Intent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) orphans: Vec<Orphan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

/// Which login a record belongs to. A login and a logout each begin a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Epoch {
    pub(crate) counter: u64,
    pub(crate) login: Id,
}

/// How far a record has come: which login it belongs to, and how many exchanges have been made since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) epoch: Epoch,
    pub(crate) generation: u64,
}

impl History {
    /// Whether this is later: another login or logout since, or more exchanges.
    pub(crate) fn is_newer_than(self, other: Self) -> bool {
        self.epoch.counter > other.epoch.counter
            || (self.epoch == other.epoch && self.generation > other.generation)
    }
}

/// Whether a session can go on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Active,
    /// The server refuses to renew with this refresh token, for a reason of its own: it is tried again, seldom and not
    /// for ever.
    Refused {
        fingerprint: Fingerprint,
        since: Moment,
        /// When it was refused last.
        at: Moment,
        /// How often it was.
        count: u8,
    },
    /// The server refused this refresh token; any login heals it.
    NeedsLogin {
        fingerprint: Option<Fingerprint>,
        why: LoginReason,
        since: Moment,
    },
    LoggedOut,
}

/// Why a person is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginReason {
    /// Nobody has logged in yet.
    NeverLoggedIn,
    /// Somebody logged out.
    LoggedOut,
    /// The token ended and there is no refresh token, or the provider has no endpoint for one.
    NoRefreshToken,
    /// As [`NoRefreshToken`](Self::NoRefreshToken), but nobody said when the token ends: it is over by the lifetime that
    /// is assumed of it.
    AssumedLifetimeOver,
    /// A resource server refused the token, and it cannot be renewed. Nobody said when it ends.
    TokenRefused,
    /// The server refused the refresh token (`invalid_grant`): it expired, was revoked, or was used twice.
    RefreshTokenRefused,
    /// The server does not renew, for another reason than `invalid_grant`: what it said is in the message.
    RenewalRefused,
    /// A refresh brought another person's `id_token`.
    IdentityChanged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) fingerprint: Fingerprint,
}

/// Who exchanges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) owner: Id,
    pub(crate) fence: u64,
    pub(crate) beat: u64,
}

/// Written before a refresh token is sent: whoever finds it knows that the token may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) fence: u64,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) first_at: Moment,
    /// When it was sent last, or was about to be.
    pub(crate) last_at: Moment,
    /// Whether the request is known to be over, though not whether the refresh token is spent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) answered: bool,
    pub(crate) tries: u32,
}

/// A refresh token that came back to somebody who had lost the lease meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Orphan {
    pub(crate) fingerprint: Fingerprint,
    /// The refresh token that it is the successor of.
    pub(crate) parent: Fingerprint,
}

/// The last failure, shared by everybody until its back-off has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) at: Moment,
    pub(crate) backoff: Duration,
    pub(crate) count: u32,
    /// The token key it belongs to; `None` if it concerns the whole family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) token_key: Option<TokenKey>,
}

impl Failure {
    /// How long nobody should try again.
    pub(crate) fn remaining(&self, now: Moment) -> Duration {
        let elapsed = now.since(&self.at).unwrap_or(Duration::MAX);
        self.backoff.min(LONGEST_BACKOFF).saturating_sub(elapsed)
    }
}

/// What kind of failure it was, as far as others can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FailureClass {
    Unreachable,
    TimedOut,
    Throttled,
    ServerFailed,
    Refused,
    InvalidResponse,
    Configuration,
}

impl FailureClass {
    /// Whether it may be over a moment later, whoever asks.
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Unreachable | Self::TimedOut | Self::Throttled | Self::ServerFailed)
    }
}

impl State {
    /// This refresh token, refused once more.
    pub(crate) fn refused(self, fingerprint: Fingerprint, now: Moment) -> Self {
        let (since, count) = match self {
            Self::Refused { fingerprint: known, since, count, .. } if known == fingerprint => (since, count),
            _ => (now, 0),
        };
        if count >= REFUSALS {
            let why = LoginReason::RenewalRefused;
            return Self::NeedsLogin { fingerprint: Some(fingerprint), why, since };
        }
        Self::Refused { fingerprint, since, at: now, count: count.saturating_add(1) }
    }

    /// For how long nobody should try a refused refresh token again.
    pub(crate) fn refusal_remaining(&self, refresh: Option<Fingerprint>, now: Moment) -> Duration {
        let Self::Refused { fingerprint, at, count, .. } = self else { return Duration::ZERO };
        if Some(*fingerprint) != refresh {
            return Duration::ZERO;
        }
        let pause = SHORTEST_REFUSAL.saturating_mul(1 << count.saturating_sub(1).min(6)).min(LONGEST_REFUSAL);
        pause.saturating_sub(now.since(at).unwrap_or(Duration::MAX))
    }
}

impl Ledger {
    /// A record that begins with a login.
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            state: State::Active,
            refresh: None,
            access: SmallMap::default(),
            generation: 0,
            fence: 0,
            lease: None,
            intent: None,
            orphans: Vec::new(),
            failure: None,
        }
    }

    pub(crate) fn history(&self) -> History {
        History { epoch: self.epoch, generation: self.generation }
    }

    /// Whether this is a later state of the same record.
    pub(crate) fn is_newer_than(&self, other: &Self) -> bool {
        self.history().is_newer_than(other.history())
    }

    /// The failure that keeps this token key from being asked for now.
    pub(crate) fn backing_off(&self, key: TokenKey, now: Moment) -> Option<Failure> {
        let concerns = |failure: &Failure| failure.token_key.is_none_or(|concerned| concerned == key);
        self.failure.filter(|failure| concerns(failure) && !failure.remaining(now).is_zero())
    }

    /// Every secret the record still needs.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        let refresh = self.refresh.iter().map(|refresh| refresh.fingerprint);
        let access = self.access.values().map(|issued| issued.fingerprint);
        let orphans = self.orphans.iter().map(|orphan| orphan.fingerprint);
        refresh.chain(access).chain(orphans)
    }

    /// Forgets access tokens that nobody can use any more.
    pub(crate) fn prune(&mut self, now: Moment) {
        self.access.retain(|_, issued| !issued.is_expired(now));
    }

    /// Records a failure and, by it, a back-off: what the server asked for, else 1 s doubling to 60 s, up to a
    /// quarter longer so that a fleet does not come back in step.
    pub(crate) fn fail(
        &mut self,
        class: FailureClass,
        concerns: Option<TokenKey>,
        asked: Option<Duration>,
        now: Moment,
    ) {
        let count = self.failure.map_or(1, |failure| failure.count.saturating_add(1));
        let backoff = asked.unwrap_or_else(|| {
            let doubled = Duration::from_secs(1 << (count - 1).min(6));
            let spread =
                (self.epoch.login.to_u128() >> 64) as u32 ^ u32::try_from(self.fence).unwrap_or_default();
            doubled + doubled / 4 * (spread % 256) / 256
        });
        let backoff = backoff.clamp(SHORTEST_BACKOFF, LONGEST_BACKOFF);
        self.failure = Some(Failure { class, at: now, backoff, count, token_key: concerns });
    }
}
