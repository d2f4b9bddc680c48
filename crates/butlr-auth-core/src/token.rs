use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::{AccessToken, Fingerprint, Scope, TokenType};

/// Until when a token is good, as instants on the boot clock of this process's [`Clock`](crate::Clock).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// From here on the token is renewed in the background, while it is still handed out.
    pub refresh_at: Duration,
    /// From here on nobody gets it without waiting for its successor first.
    pub mandatory_at: Duration,
    /// From here on a resource server refuses it.
    pub expires_at: Duration,
    /// When that is by the wall clock, for people; `None` if it does not expire.
    pub expires_at_wall: Option<SystemTime>,
}

impl Validity {
    /// A token that does not expire, such as one that a person pasted.
    pub const FOREVER: Self = Self {
        refresh_at: Duration::MAX,
        mandatory_at: Duration::MAX,
        expires_at: Duration::MAX,
        expires_at_wall: None,
    };

    /// Makes a validity from its three instants on the boot clock and its end by the wall clock.
    #[must_use]
    pub fn new(
        refresh_at: Duration,
        mandatory_at: Duration,
        expires_at: Duration,
        expires_at_wall: Option<SystemTime>,
    ) -> Self {
        Self { refresh_at, mandatory_at, expires_at, expires_at_wall }
    }
}

/// An access token and what is known of it. Cheap to clone.
///
/// ```
/// use butlr_auth_core::{AccessToken, Scope, Token, Validity};
///
/// let token = Token::new(AccessToken::new("mF_9.B5f-4.1JqM")?, Scope::empty(), Validity::FOREVER);
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

    /// Returns how long it is still good at `boot`, a reading of the clock that its validity was made with.
    #[must_use]
    pub fn remaining(&self, boot: Duration) -> Duration {
        self.0.validity.expires_at.saturating_sub(boot)
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
