//! An access token as the record describes it: when it was asked for, how long it lives, when it is renewed.

use std::time::Duration;

use butlr_auth_core::{Fingerprint, Moment, Scope};
use serde::{Deserialize, Serialize};

use super::{LoginReason, SPACING};

/// By so much may a token's life have begun later at the server than here.
const LATENCY: Duration = Duration::from_millis(100);

/// A refusal of a token that the server has confirmed is no reason to ask again before this has passed: 1 second.
const SHORTEST_CONFIRMATION: Duration = Duration::from_secs(1);

/// However often it was confirmed, after this it is asked for again.
const LONGEST_CONFIRMATION: Duration = Duration::from_secs(60);

/// Servers count lifetimes in whole seconds: two that differ by no more may be the same.
pub(crate) const ROUNDING: Duration = Duration::from_secs(1);

/// How long an access token lives, counted from the request for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Lifetime {
    /// So long, as the server or the token itself says.
    Said(Duration),
    /// Nobody says it. So long is assumed; or nothing is, and it lives until it is refused.
    Unsaid { assumed: Option<Duration> },
}

impl Lifetime {
    /// After which time it counts as over; `None` if it does not before it is refused.
    pub(crate) fn end(self) -> Option<Duration> {
        match self {
            Self::Said(lifetime) => Some(lifetime),
            Self::Unsaid { assumed } => assumed,
        }
    }
}

/// An access token as it was issued.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) scope: Scope,
    /// When the request for it was sent: its lifetime counts from there.
    pub(crate) obtained_at: Moment,
    pub(crate) lifetime: Lifetime,
    pub(crate) refresh_after: Duration,
    pub(crate) mandatory_after: Duration,
    pub(crate) generation: u64,
    /// How often the server has issued it once more after a resource server had refused it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) confirmed: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Issued {
    /// How old it is; for ever old if the clocks cannot tell.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        now.since(&self.obtained_at).unwrap_or(Duration::MAX)
    }

    pub(crate) fn is_fresh(&self, now: Moment) -> bool {
        self.is_younger_than(self.refresh_after, now)
    }

    /// Whether it may be handed out without waiting for its successor.
    pub(crate) fn is_usable(&self, now: Moment) -> bool {
        self.is_younger_than(self.mandatory_after, now)
    }

    pub(crate) fn is_expired(&self, now: Moment) -> bool {
        self.is_over_in(Duration::ZERO, now)
    }

    /// Whether it is over when so much more time has passed.
    pub(crate) fn is_over_in(&self, wait: Duration, now: Moment) -> bool {
        self.lifetime.end().is_some_and(|end| self.age(now).saturating_add(wait) >= end)
    }

    pub(crate) fn lives_shorter_than(&self, time: Duration) -> bool {
        self.lifetime.end().is_some_and(|end| end < time)
    }

    /// Why a person is needed if it is over and nothing renews it.
    pub(crate) fn why_over(&self) -> LoginReason {
        match self.lifetime {
            Lifetime::Said(_) => LoginReason::NoRefreshToken,
            Lifetime::Unsaid { assumed: Some(_) } => LoginReason::AssumedLifetimeOver,
            Lifetime::Unsaid { assumed: None } => LoginReason::TokenRefused,
        }
    }

    /// Whether its age is still below `age`. One that nobody knows the end of has no age that matters.
    fn is_younger_than(&self, age: Duration, now: Moment) -> bool {
        self.lifetime.end().is_none() || self.age(now) < age
    }

    /// How long it still works.
    pub(crate) fn left(&self, now: Moment) -> Duration {
        self.lifetime.end().map_or(Duration::MAX, |end| end.saturating_sub(self.age(now)))
    }

    /// The token that was there before, as the newest answer has it. A server that does not let it live longer brings
    /// no other one before its end: it is handed out until then, and asked for once more shortly before, but not so
    /// shortly that the request for its successor would have to wait.
    pub(crate) fn again(mut self, before: &Self, now: Moment, was_refused: bool) -> Self {
        self.confirmed = before.confirmed.saturating_add(u32::from(was_refused));
        let (had, has) = (before.left(now), self.left(now));
        if has > had.saturating_add(ROUNDING) {
            return self;
        }
        // The server cut off a fraction of a second.
        if let Lifetime::Said(lifetime) = &mut self.lifetime
            && had.saturating_sub(has) <= ROUNDING
            && !lifetime.is_zero()
        {
            *lifetime = (*lifetime).max(now.since(&self.obtained_at).unwrap_or_default().saturating_add(had));
        }
        let end = self.lifetime.end().unwrap_or(Duration::MAX);
        let leaves_time = end.saturating_sub(self.mandatory_after) >= SPACING;
        self.refresh_after = if leaves_time { self.mandatory_after } else { end };
        self.mandatory_after = end;
        self
    }

    /// How long a server that keeps to this token until its end may still do so although it is over here: its life
    /// began a little later there.
    pub(super) fn lingers(&self, now: Moment) -> Option<Duration> {
        let end = self.lifetime.end().filter(|end| self.refresh_after == *end && !end.is_zero())?;
        let over_for = self.age(now).checked_sub(end)?;
        LATENCY.checked_sub(over_for).filter(|left| !left.is_zero())
    }

    /// Whether the server confirmed it so short a time ago that another refusal by a resource server is no reason to
    /// ask again: 1 s, doubling to 60 s.
    pub(crate) fn is_just_confirmed(&self, now: Moment) -> bool {
        self.confirmed > 0 && self.age(now) < confirmation(self.confirmed) && !self.is_expired(now)
    }
}

/// For how long a token that was confirmed so often is not asked for because a resource server refuses it.
pub(crate) fn confirmation(times: u32) -> Duration {
    SHORTEST_CONFIRMATION.saturating_mul(1 << times.saturating_sub(1).min(6)).min(LONGEST_CONFIRMATION)
}
