use std::time::Duration;

use butlr_auth_core::Fingerprint;

use super::{Failure, FailureClass, Issued, Ledger, LoginReason};
use crate::{Id, key::TokenKey};

/// What does not change during an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    /// This process and session, as the lease names it.
    pub(crate) owner: Id,
    /// Which access token is wanted.
    pub(crate) key: TokenKey,
    /// Whether there is a refresh token to lose. If not, the client asks with its own secret.
    pub(crate) rotates: bool,
    /// Whether the provider has an endpoint for what would be sent.
    pub(crate) supported: bool,
    /// For how long a spent refresh token may be presented again.
    pub(crate) reuse_interval: Duration,
    /// How long an urgent attempt waits for others.
    pub(crate) chain: Duration,
}

/// The access token that this process hands out, and until when, on its own boot clock.
///
/// It counts from when the token was first seen here. By the wall clock of another host, which may be ahead, the same
/// token would look younger with every look, and never come of age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Offered {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) refresh_at: Duration,
    pub(crate) mandatory_at: Duration,
}

/// A lease that was seen standing still, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Watched {
    pub(crate) fence: u64,
    pub(crate) beat: u64,
    pub(crate) since: Duration,
}

/// What the machine wants done; each is answered by one [`Input`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Load the record.
    Load,
    /// Try to take the store's lock.
    Hold,
    /// Replace the record that was last seen by this one.
    Swap(Box<Ledger>),
    /// Send one request: with this refresh token, or with the client's own secret. Not after this boot time.
    Send { token: Option<Fingerprint>, not_after: Option<Duration> },
    /// Let a while pass.
    Wait(Pause),
    /// Hand out what was received.
    Publish,
    /// Give back what was received.
    Revoke,
    /// Stop.
    Done(Outcome),
}

/// How long to wait; the driver draws the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pause {
    /// Before another look at a record that somebody else is working on.
    Poll,
    /// Before the same refresh token is presented again.
    Resend,
    /// Before another attempt to store what was received.
    Persist,
}

/// What became of an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Loaded(Option<Box<Ledger>>),
    LoadFailed,
    Held,
    HoldBusy,
    HoldUnsupported,
    HoldFailed,
    /// The record was replaced; the request to do so was made at this boot time.
    Swapped {
        asked_at: Duration,
    },
    Conflict,
    SwapFailed,
    Answer(Answer),
    Waited,
    Published,
    Revoked,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Granted(Received),
    /// `invalid_grant`.
    InvalidGrant,
    /// Another readable answer. `settles`: the server did not act on the request (4xx).
    Failed {
        class: FailureClass,
        settles: bool,
        concerns: Option<TokenKey>,
        retry_after: Option<Duration>,
    },
    /// Nothing left this machine.
    NotSent {
        class: FailureClass,
    },
    /// The request may have arrived, and no readable answer came.
    Unanswered {
        class: FailureClass,
    },
    /// The guard's time had passed before it could be sent.
    TooLate,
}

/// What an exchange brought, by fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Received {
    pub(crate) refresh: Option<Fingerprint>,
    pub(crate) issued: Issued,
    /// Whether the `id_token` names another person than the login did.
    pub(crate) stranger: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The record holds a fresh token already.
    Current,
    /// A new token was issued.
    Refreshed,
    /// Somebody else is renewing it, and nobody here has to wait.
    Content,
    /// A replay could cost the session, and the token is usable: not before it no longer is.
    Deferred,
    /// An earlier failure still keeps everybody from trying.
    BackingOff(Failure),
    /// The exchange failed.
    Failed,
    LoginRequired(LoginReason),
    /// Another login or a logout overtook this attempt.
    Superseded,
    /// Others worked on the record for longer than a caller may wait.
    Busy,
    /// The store failed before anything was sent.
    StorageFailed,
}
