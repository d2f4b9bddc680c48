use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, Fingerprint, Token};

/// Whatever hands out a token that is valid now: a session, or a token that somebody pasted.
///
/// ```
/// use butlr_auth_core::{AccessToken, Scope, StaticToken, Token, TokenSource, Validity};
///
/// let token = Token::new(AccessToken::new("mF_9.B5f-4.1JqM")?, Scope::empty(), Validity::UNTIL_REFUSED);
/// let source: Box<dyn TokenSource> = Box::new(StaticToken::new(token));
/// assert_eq!(source.version(), source.version());
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[async_trait]
pub trait TokenSource: fmt::Debug + Send + Sync {
    /// Returns a token that is valid now, renewing it first if it must.
    ///
    /// # Errors
    /// What kept it from renewing one: [`ErrorKind::LoginRequired`](crate::ErrorKind::LoginRequired), a transient
    /// kind, or a storage one.
    async fn token(&self) -> Result<Token, Error>;

    /// Returns the token if one is usable right now, without waiting, and sees to it that another one comes if it has
    /// to. A source that cannot tell returns `None`, and whoever asked awaits [`token`](Self::token).
    fn try_token(&self) -> Option<Token> {
        None
    }

    /// Reports that a resource server refused a token that should be good: status 401 with `invalid_token`, or
    /// without a code ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)); never a 403.
    ///
    /// If `rejected` is the current token, the next [`token`](Self::token) is another one. A late report about an
    /// older token changes nothing. Nor does one about a token that was just issued: renewing it would not help.
    fn reject(&self, rejected: &Fingerprint);

    /// Returns a number that changes whenever the token does. Reading it costs one atomic load.
    fn version(&self) -> u64;
}

const _: fn(&dyn TokenSource) = |_| {};

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<S: TokenSource + ?Sized> TokenSource for $pointer<S> {
            async fn token(&self) -> Result<Token, Error> {
                (**self).token().await
            }

            fn try_token(&self) -> Option<Token> {
                (**self).try_token()
            }

            fn reject(&self, rejected: &Fingerprint) {
                (**self).reject(rejected);
            }

            fn version(&self) -> u64 {
                (**self).version()
            }
        }
    )*};
}

forward!(Arc, Box);

/// One token for ever: for tests, and for tokens that come from elsewhere. It cannot be renewed.
#[derive(Clone, Debug)]
pub struct StaticToken(Token);

impl StaticToken {
    /// Hands out `token`.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self(token)
    }
}

#[async_trait]
impl TokenSource for StaticToken {
    async fn token(&self) -> Result<Token, Error> {
        Ok(self.0.clone())
    }

    fn try_token(&self) -> Option<Token> {
        Some(self.0.clone())
    }

    fn reject(&self, _rejected: &Fingerprint) {}

    fn version(&self) -> u64 {
        0
    }
}
