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
    /// The exchange that brought it: the same token may come again with other times.
    pub(crate) generation: u64,
    pub(crate) refresh_at: Duration,
    pub(crate) mandatory_at: Duration,
}

/// What an attempt is for. Whatever it is, an answer that comes meanwhile is what its callers get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Want {
    /// A token that is fresh.
    #[default]
    Fresh,
    /// Another one than this.
    Another(Fingerprint),
    /// Another one than this, because a resource server refused it; or this, if the server has just confirmed it.
    Unrefused(Fingerprint),
}

impl Want {
    /// The token that is not wanted.
    pub(crate) fn unwanted(self) -> Option<Fingerprint> {
        match self {
            Self::Fresh => None,
            Self::Another(fingerprint) | Self::Unrefused(fingerprint) => Some(fingerprint),
        }
    }
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
    /// Exactly so long, because it would be too soon otherwise.
    For(Duration),
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
    /// The record was replaced.
    Swapped,
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
    /// `invalid_grant`, or whatever else says that the refresh token itself is no good.
    InvalidGrant,
    /// The server does not renew with this refresh token, for a reason of its own.
    Refused {
        class: FailureClass,
    },
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
    /// Nothing left this machine, because whoever asked had no time left: that is nobody else's failure.
    OutOfTime,
    /// The request may have arrived, and no whole answer came. `begun`: a part of one did.
    Unanswered {
        class: FailureClass,
        begun: bool,
    },
    /// The guard's time had passed before it could be sent.
    TooLate,
}

/// What an exchange brought, by fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Received {
    pub(crate) refresh: Option<Fingerprint>,
    /// Or why nothing but the refresh token of the answer was taken.
    pub(crate) issued: Result<Issued, FailureClass>,
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
    /// An earlier request may still be under way, or have spent the refresh token: not before this has passed.
    Unsettled(Duration),
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
