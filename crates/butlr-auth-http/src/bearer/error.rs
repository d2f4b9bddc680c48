use std::error::Error as StdError;
use std::fmt;

use butlr_auth_core::Error;

/// Why a request with a token has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum BearerError<E> {
    /// There is no token, or its scope is not enough:
    /// [`ErrorKind::InsufficientScope`](butlr_auth_core::ErrorKind::InsufficientScope).
    Token(Error),
    /// The client failed.
    Service(E),
}

impl<E: fmt::Display> fmt::Display for BearerError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => error.fmt(f),
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl<E: StdError + 'static> StdError for BearerError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Token(error) => error.source(),
            Self::Service(error) => error.source(),
        }
    }
}
