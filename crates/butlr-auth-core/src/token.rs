use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{AccessToken, Fingerprint, Moment, Scope, TokenType};

/// When a token ends, as an instant on the boot clock of this process's [`Clock`](crate::Clock), and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// From here on a resource server refuses it: the server that issued it, or the token itself, says so.
    At(Duration),
    /// Nobody says when. From here on it counts as over, because its lifetime is
    /// [assumed](crate::Provider::with_assumed_lifetime).
    Assumed(Duration),
    /// Nobody says when, and nothing is assumed: it is good until a resource server refuses it.
    Unknown,
}

impl End {
    /// Returns from when on the token counts as over; `None` if it does not before it is refused.
    #[must_use]
    pub fn instant(self) -> Option<Duration> {
        match self {
            Self::At(instant) | Self::Assumed(instant) => Some(instant),
            Self::Unknown => None,
        }
    }
}

/// Until when a token is good, as instants on the boot clock of this process's [`Clock`](crate::Clock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// From here on the token is renewed in the background, while it is still handed out.
    pub refresh_at: Duration,
    /// From here on nobody gets it without waiting for its successor first.
    pub mandatory_at: Duration,
    /// When it ends.
    pub end: End,
}

impl Validity {
    /// A token that is good until somebody refuses it, such as one that a person pasted.
    pub const UNTIL_REFUSED: Self =
        Self { refresh_at: Duration::MAX, mandatory_at: Duration::MAX, end: End::Unknown };

    /// Makes a validity from its three instants on the boot clock.
    #[must_use]
    pub fn new(refresh_at: Duration, mandatory_at: Duration, end: End) -> Self {
        Self { refresh_at, mandatory_at, end }
    }

    /// Returns whether the token is over at `boot`.
    #[must_use]
    pub fn is_over(&self, boot: Duration) -> bool {
        self.end.instant().is_some_and(|end| boot >= end)
    }

    /// Returns when the token ends by the wall clock: `now` and what remains. So a clock that was wrong when the token
    /// came, and was put right since, changes nothing. `None` if nobody says when it ends; what is assumed is no end
    /// that others should go by.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use butlr_auth_core::{Clock, End, ManualClock, Validity};
    ///
    /// let clock = ManualClock::new();
    /// let minute = Duration::from_secs(60);
    /// let boot = clock.boot();
    /// let validity = Validity::new(boot, boot, End::At(boot + minute));
    /// clock.set_wall(SystemTime::UNIX_EPOCH + 90 * minute);
    /// assert_eq!(validity.expires_at(&clock.now()), Some(SystemTime::UNIX_EPOCH + 91 * minute));
    /// ```
    #[must_use]
    pub fn expires_at(&self, now: &Moment) -> Option<SystemTime> {
        match self.end {
            End::At(end) => wall(end, now),
            End::Assumed(_) | End::Unknown => None,
        }
    }

    /// Returns when the token counts as over by the wall clock because its lifetime is assumed; `None` if somebody
    /// says when it ends, or nothing is assumed.
    #[must_use]
    pub fn assumed_until(&self, now: &Moment) -> Option<SystemTime> {
        match self.end {
            End::Assumed(end) => wall(end, now),
            End::At(_) | End::Unknown => None,
        }
    }
}

/// The wall time of an instant of this boot, by what the two clocks read now.
fn wall(instant: Duration, now: &Moment) -> Option<SystemTime> {
    match instant.checked_sub(now.boot) {
        Some(remaining) => now.wall.checked_add(remaining),
        None => now.wall.checked_sub(now.boot.saturating_sub(instant)),
    }
}

/// An access token and what is known of it. Cheap to clone.
///
/// ```
/// use butlr_auth_core::{AccessToken, Scope, Token, Validity};
///
/// let token = Token::new(AccessToken::new("mF_9.B5f-4.1JqM")?, Scope::empty(), Validity::UNTIL_REFUSED);
/// assert_eq!(token.access_token().expose(), "mF_9.B5f-4.1JqM");
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Token(Arc<Inner>);

/// The validity stands beside the count of references: one look into memory brings what handing it out takes.
#[repr(C)]
struct Inner {
    validity: Validity,
    access_token: AccessToken,
    scope: Scope,
    fingerprint: Fingerprint,
    token_type: TokenType,
}

impl Token {
    /// Makes a bearer token with the scope that was granted.
    #[must_use]
    pub fn new(access_token: AccessToken, scope: Scope, validity: Validity) -> Self {
        let fingerprint = access_token.fingerprint();
        Self(Arc::new(Inner { validity, access_token, scope, fingerprint, token_type: TokenType::Bearer }))
    }

    /// Returns the access token.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.0.access_token
    }

    /// Returns how it is used.
    #[must_use]
    pub fn token_type(&self) -> TokenType {
        self.0.token_type
    }

    /// Returns what it may be named by.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint
    }

    /// Returns the granted scope; empty if neither side ever named one.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.0.scope
    }

    /// Returns until when it is good.
    #[must_use]
    pub fn validity(&self) -> &Validity {
        &self.0.validity
    }

    /// Returns how long it is still good at `boot`, a reading of the clock that its validity was made with; `None` if
    /// nobody knows: then it is good until it is refused.
    #[must_use]
    pub fn remaining(&self, boot: Duration) -> Option<Duration> {
        Some(self.0.validity.end.instant()?.saturating_sub(boot))
    }

    /// Returns whether it is over at `boot`.
    #[must_use]
    pub fn is_over(&self, boot: Duration) -> bool {
        self.0.validity.is_over(boot)
    }

    /// Returns whether it is good for at least `least` more at `boot`. One whose end nobody knows is, as far as anybody
    /// can tell.
    #[must_use]
    pub fn outlives(&self, least: Duration, boot: Duration) -> bool {
        self.remaining(boot).is_none_or(|remaining| remaining >= least)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("access_token", &self.0.access_token)
            .field("fingerprint", &self.0.fingerprint)
            .field("scope", &self.0.scope)
            .field("validity", &self.0.validity)
            .finish()
    }
}
