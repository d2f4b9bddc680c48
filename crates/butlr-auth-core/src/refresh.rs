//! What an answer to a refresh leaves of the refresh token, whatever else is wrong with it.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::json::Object;
use crate::{Error, RefreshToken};

/// The answer to a refresh token is waited for this long, counted from sending: 30 seconds. Only then does a request
/// without an answer count as lost.
pub const REFRESH_LIMIT: Duration = Duration::from_secs(30);

/// No refresh token that is kept is longer: 32 KiB, so that it fits into a session's record beside an access token.
const LONGEST: usize = 32 * 1024;

/// Why a refresh brought no access token that can be used, and the refresh token that it brought all the same.
///
/// A server that answers a refresh has spent what was sent, whatever its answer lacks. The successor is kept, and the
/// refusal of the rest is a failure like another.
///
/// ```
/// use butlr_auth_core::{Error, ErrorKind, RefreshError, RefreshToken};
///
/// let refused = Error::new(ErrorKind::InvalidResponse, "`token_type` is not Bearer");
/// let refused = RefreshError::from(refused).with_successor(Some(RefreshToken::new("next")?));
/// assert!(refused.successor.is_some());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshError {
    /// Why there is no access token.
    pub error: Error,
    /// The refresh token that takes the place of the one that was sent.
    pub successor: Option<RefreshToken>,
}

impl RefreshError {
    /// Adds the refresh token that came all the same.
    #[must_use]
    pub fn with_successor(mut self, successor: Option<RefreshToken>) -> Self {
        self.successor = successor;
        self
    }
}

impl From<Error> for RefreshError {
    fn from(error: Error) -> Self {
        Self { error, successor: None }
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for RefreshError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

/// What the body of a successful answer says of the refresh token, judged before and apart from everything else in it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Successor {
    /// Here is the next one ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    Issued(RefreshToken),
    /// Nothing: the one that was sent stays, as after every other whole answer.
    Unchanged,
    /// It cannot be told: the body is no JSON object, gives a member twice, or holds a refresh token that is none. What
    /// was sent may be spent.
    Unreadable,
}

impl Successor {
    /// Reads the body of an answer with status 200 or 201.
    ///
    /// ```
    /// use butlr_auth_core::Successor;
    ///
    /// let blemished = br#"{"access_token":7,"refresh_token":"next"}"#;
    /// assert!(matches!(Successor::read(blemished), Successor::Issued(_)));
    /// assert!(matches!(Successor::read(b"{}"), Successor::Unchanged));
    /// assert!(matches!(Successor::read(b"<html>"), Successor::Unreadable));
    /// ```
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let Ok(members) = Object::parse(body) else { return Self::Unreadable };
        let given = |name| members.member(name).filter(|value| value.as_str() != Some(""));
        match given("refresh_token") {
            None => Self::Unchanged,
            // An error and a token in one have two meanings.
            Some(Value::String(token)) if token.len() <= LONGEST && given("error").is_none() => {
                RefreshToken::new(token.as_str()).map_or(Self::Unreadable, Self::Issued)
            }
            Some(_) => Self::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests;
