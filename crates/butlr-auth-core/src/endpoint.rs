use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    AccessToken, ClientId, Error, ErrorKind, Grant, GrantType, Provider, Purpose, RefreshError, RefreshToken,
    TokenResponse, Words,
};

/// Who asks whom: what a session is keyed by and what it must know of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointIdentity {
    /// The provider's id.
    pub provider_id: String,
    /// The client.
    pub client_id: ClientId,
    /// What tokens are asked for with: under other words there is another session.
    pub purpose: Purpose,
    /// The origin that secrets are bound to, such as `https://as.example.com`.
    pub origin: String,
    /// The lifetime that is assumed of a token for which nobody says one, if any is.
    pub assumed_lifetime: Option<Duration>,
    /// For how long a spent refresh token may be presented again.
    pub reuse_interval: Duration,
    /// Whether a refresh says the session's scope.
    pub refresh_scope: bool,
}

impl EndpointIdentity {
    /// Takes what a provider says of itself, for one of its clients.
    #[must_use]
    pub fn new(provider: &Provider, client_id: ClientId) -> Self {
        Self {
            provider_id: provider.id().to_owned(),
            client_id,
            purpose: Words::of(provider).purpose(),
            origin: provider.origin().unwrap_or_default(),
            assumed_lifetime: provider.assumed_lifetime(),
            reuse_interval: provider.reuse_interval(),
            refresh_scope: provider.sends_refresh_scope(),
        }
    }

    /// Takes more words than the provider has: those of a configuration, such as a user name.
    #[must_use]
    pub fn with_words(self, words: &Words) -> Self {
        Self { purpose: words.purpose(), ..self }
    }
}

/// A token to be revoked, and which kind it is (`token_type_hint`,
/// [RFC 7009 §2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.1)).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Revocation<'a> {
    /// A refresh token, and with it, on most servers, every token of its family.
    RefreshToken(&'a RefreshToken),
    /// An access token.
    AccessToken(&'a AccessToken),
}

impl<'a> Revocation<'a> {
    /// Returns the value of `token_type_hint`.
    #[must_use]
    pub fn token_type_hint(&self) -> &'static str {
        match self {
            Self::RefreshToken(_) => "refresh_token",
            Self::AccessToken(_) => "access_token",
        }
    }

    /// Returns the token itself.
    #[must_use]
    pub fn expose(&self) -> &'a str {
        match self {
            Self::RefreshToken(token) => token.expose(),
            Self::AccessToken(token) => token.expose(),
        }
    }
}

/// The token endpoint of one authorization server, for one client: grants go in, tokens come out.
///
/// Promises of an implementation:
/// - `exchange` sends **exactly one** request. It is never retried or redirected below this trait, because a
///   refresh token may be spent by it.
/// - A failure says by its [`Delivery`](crate::Delivery) whether the request can have been acted on.
/// - It ends within a deadline of its own.
/// - An endpoint around another one passes [`refresh`](Self::refresh) on: the default would lose the successor of an
///   answer that is refused.
///
/// ```
/// use async_trait::async_trait;
/// use butlr_auth_core::*;
///
/// #[derive(Debug)]
/// struct Fixed(EndpointIdentity);
///
/// #[async_trait]
/// impl TokenEndpoint for Fixed {
///     async fn exchange(&self, _grant: &Grant) -> Result<TokenResponse, Error> {
///         Ok(TokenResponse::new(AccessToken::new("fixed")?))
///     }
///
///     fn identity(&self) -> &EndpointIdentity {
///         &self.0
///     }
/// }
/// ```
#[async_trait]
pub trait TokenEndpoint: fmt::Debug + Send + Sync {
    /// Exchanges a grant for tokens, with exactly one request.
    ///
    /// # Errors
    /// Every kind but the storage ones; see [`ErrorKind`].
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error>;

    /// Exchanges a refresh token, with exactly one request. As [`exchange`](Self::exchange), but for two things: the
    /// answer is waited for [`REFRESH_LIMIT`](crate::REFRESH_LIMIT), because a slow server is not a lost one; and a
    /// refresh token in an answer that is otherwise refused is returned with the refusal. Nothing is fetched and nobody
    /// is asked between its arrival and its return: until it is stored, nobody has it.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange).
    async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
        self.exchange(grant).await.map_err(RefreshError::from)
    }

    /// Revokes a token ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)), with exactly one request.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] unless implemented; else as [`exchange`](Self::exchange).
    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        let _ = token;
        let provider = &self.identity().provider_id;
        Err(Error::new(ErrorKind::Unsupported, format!("provider `{provider}` has no revocation endpoint")))
    }

    /// Returns whether the endpoint takes this grant at all.
    fn supports(&self, grant_type: GrantType) -> bool {
        let _ = grant_type;
        true
    }

    /// Returns who asks whom.
    fn identity(&self) -> &EndpointIdentity;
}

const _: fn(&dyn TokenEndpoint) = |_| {};

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<E: TokenEndpoint + ?Sized> TokenEndpoint for $pointer<E> {
            async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
                (**self).exchange(grant).await
            }

            async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
                (**self).refresh(grant).await
            }

            async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
                (**self).revoke(token).await
            }

            fn supports(&self, grant_type: GrantType) -> bool {
                (**self).supports(grant_type)
            }

            fn identity(&self) -> &EndpointIdentity {
                (**self).identity()
            }
        }
    )*};
}

forward!(Arc, Box);
