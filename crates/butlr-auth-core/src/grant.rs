use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{
    AuthorizationCode, CodeVerifier, DeviceCode, Error, ErrorKind, Nonce, Password, RefreshToken, Scope, text,
};

/// The value of `grant_type` ([RFC 6749 §1.3](https://www.rfc-editor.org/rfc/rfc6749#section-1.3)).
///
/// The implicit grant has none: it never reaches a token endpoint. See
/// [`AuthorizationRequest::implicit`](crate::AuthorizationRequest::implicit).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GrantType {
    /// `authorization_code`
    AuthorizationCode,
    /// `password`
    Password,
    /// `client_credentials`
    ClientCredentials,
    /// `refresh_token`
    RefreshToken,
    /// `urn:ietf:params:oauth:grant-type:device_code`, `device_code` for short
    DeviceCode,
}

impl GrantType {
    /// All grant types that this crate knows: those of RFC 6749 in its order, then its extensions.
    pub const ALL: [Self; 5] = [
        Self::AuthorizationCode,
        Self::Password,
        Self::ClientCredentials,
        Self::RefreshToken,
        Self::DeviceCode,
    ];

    /// Returns the short name: what people write and messages show.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "device_code",
        }
    }

    /// Returns the value of `grant_type` on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            _ => self.name(),
        }
    }
}

impl fmt::Display for GrantType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for GrantType {
    type Err = Error;

    /// Reads a short name, or the value on the wire.
    fn from_str(name: &str) -> Result<Self, Error> {
        let named = |grant_type: &Self| [grant_type.name(), grant_type.as_str()].contains(&name);
        Self::ALL.into_iter().find(named).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            let shown = text::escape(name, 64);
            Error::new(ErrorKind::Configuration, format!("`{shown}` is not a grant type: use one of {known}"))
        })
    }
}

/// An authorization grant: what a client shows to get an access token, and so how it asks.
///
/// Not here: how the client authenticates, where the request goes and how it is encoded. Those are the endpoint's
/// and the provider's affair.
///
/// ```
/// use butlr_auth_core::{Grant, GrantType};
///
/// let grant = Grant::client_credentials().with_scope("read:rooms".parse()?);
/// assert_eq!(grant.grant_type(), GrantType::ClientCredentials);
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Grant {
    /// [RFC 6749 §4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3): the code that came back on the
    /// redirect. Made by [`AuthorizationRequest::accept`](crate::AuthorizationRequest::accept).
    #[non_exhaustive]
    AuthorizationCode {
        /// The code, single use.
        code: AuthorizationCode,
        /// The redirect URI of the authorization request, byte for byte.
        redirect_uri: String,
        /// The PKCE verifier ([RFC 7636 §4.5](https://www.rfc-editor.org/rfc/rfc7636#section-4.5)).
        code_verifier: CodeVerifier,
        /// The provider that the request went to: no other one may get the code
        /// ([RFC 9700 §4.4](https://www.rfc-editor.org/rfc/rfc9700#section-4.4)).
        provider_id: String,
        /// The `nonce` that an `id_token` must repeat.
        nonce: Nonce,
        /// The scope that was asked for: if the answer names none, this is what was granted.
        scope: Scope,
    },
    /// [RFC 6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3): a resource owner's own user name and
    /// password. **Legacy.**
    #[non_exhaustive]
    Password {
        /// The resource owner's user name.
        username: String,
        /// The resource owner's password, never stored.
        password: Password,
        /// The scope to ask for.
        scope: Scope,
    },
    /// [RFC 6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4): the client, on its own behalf.
    #[non_exhaustive]
    ClientCredentials {
        /// The scope to ask for.
        scope: Scope,
    },
    /// [RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6): a refresh token, single use where it is
    /// rotated.
    #[non_exhaustive]
    RefreshToken {
        /// The refresh token, sent as it was received.
        refresh_token: RefreshToken,
        /// The scope to ask for: at most what was granted, or empty for the same again.
        scope: Scope,
    },
    /// [RFC 8628 §3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4): a device, for a person who approves it
    /// in a browser elsewhere. Made by [`DeviceAuthorization::grant`](crate::DeviceAuthorization::grant); each
    /// exchange is one poll.
    #[non_exhaustive]
    DeviceCode {
        /// The device code, shown to the token endpoint alone.
        device_code: DeviceCode,
        /// The provider that issued the code: no other one may get it.
        provider_id: String,
        /// The scope that was asked for: if the answer names none, this is what was granted.
        scope: Scope,
    },
}

impl Grant {
    /// The client's own grant. It brings no refresh token: when its token ends, the client asks again.
    #[must_use]
    pub fn client_credentials() -> Self {
        Self::ClientCredentials { scope: Scope::empty() }
    }

    /// The legacy grant that hands a person's password to the client.
    ///
    /// [RFC 9700 §2.4](https://www.rfc-editor.org/rfc/rfc9700#section-2.4) says that it MUST NOT be used. It is
    /// here because APIs such as Butlr's offer it to first-party programs, and used only where it is asked for by
    /// name. The password is wiped with the grant and never stored.
    #[must_use]
    pub fn password(username: impl Into<String>, password: Password) -> Self {
        Self::Password { username: username.into(), password, scope: Scope::empty() }
    }

    /// A refresh token, to be spent at most once.
    #[must_use]
    pub fn refresh_token(refresh_token: RefreshToken) -> Self {
        Self::RefreshToken { refresh_token, scope: Scope::empty() }
    }

    /// Sets the scope to ask for. A code's or device code's scope was settled by its authorization request and stays.
    #[must_use]
    pub fn with_scope(mut self, wanted: Scope) -> Self {
        match &mut self {
            Self::AuthorizationCode { .. } | Self::DeviceCode { .. } => {}
            Self::Password { scope, .. }
            | Self::ClientCredentials { scope }
            | Self::RefreshToken { scope, .. } => *scope = wanted,
        }
        self
    }

    /// Returns the grant type.
    #[must_use]
    pub fn grant_type(&self) -> GrantType {
        match self {
            Self::AuthorizationCode { .. } => GrantType::AuthorizationCode,
            Self::Password { .. } => GrantType::Password,
            Self::ClientCredentials { .. } => GrantType::ClientCredentials,
            Self::RefreshToken { .. } => GrantType::RefreshToken,
            Self::DeviceCode { .. } => GrantType::DeviceCode,
        }
    }

    /// Returns the scope that is asked for.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        match self {
            Self::AuthorizationCode { scope, .. }
            | Self::Password { scope, .. }
            | Self::ClientCredentials { scope }
            | Self::RefreshToken { scope, .. }
            | Self::DeviceCode { scope, .. } => scope,
        }
    }

    /// Returns the secrets that the grant carries: what must not be found again in an error's text.
    #[must_use]
    pub fn expose_secrets(&self) -> Vec<&str> {
        match self {
            Self::AuthorizationCode { code, code_verifier, .. } => {
                vec![code.expose(), code_verifier.expose()]
            }
            Self::Password { password, .. } => vec![password.expose()],
            Self::ClientCredentials { .. } => Vec::new(),
            Self::RefreshToken { refresh_token, .. } => vec![refresh_token.expose()],
            Self::DeviceCode { device_code, .. } => vec![device_code.expose()],
        }
    }

    /// Returns the provider that alone may get this grant, where one issued it: a code is for nobody else
    /// ([RFC 9700 §4.4](https://www.rfc-editor.org/rfc/rfc9700#section-4.4)).
    #[must_use]
    pub fn provider_id(&self) -> Option<&str> {
        match self {
            Self::AuthorizationCode { provider_id, .. } | Self::DeviceCode { provider_id, .. } => {
                Some(provider_id)
            }
            _ => None,
        }
    }
}
