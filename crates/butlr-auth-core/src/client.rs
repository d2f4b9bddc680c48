use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ClientSecret, Error, ErrorKind, text};

/// A client identifier: opaque, public, its case kept
/// ([RFC 6749 §2.2](https://www.rfc-editor.org/rfc/rfc6749#section-2.2)).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// Takes a client identifier as it is.
    #[must_use]
    pub fn new(id: impl Into<Box<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ClientId> for Box<str> {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::escape(&self.0, 128))
    }
}

/// How a client proves who it is, by the names of
/// [RFC 7591 §2](https://www.rfc-editor.org/rfc/rfc7591#section-2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClientAuthenticationMethod {
    /// `client_secret_basic`: id and secret, form-urlencoded first, in the `Authorization` header
    /// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)). The default, as in
    /// [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2).
    #[default]
    ClientSecretBasic,
    /// `client_secret_post`: id and secret in the body, form or JSON.
    ClientSecretPost,
    /// `none`: a public client, its id alone in the body.
    None,
}

impl ClientAuthenticationMethod {
    /// All methods.
    pub const ALL: [Self; 3] = [Self::ClientSecretBasic, Self::ClientSecretPost, Self::None];

    /// Returns the registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::None => "none",
        }
    }
}

impl FromStr for ClientAuthenticationMethod {
    type Err = Error;

    /// Reads a registered name, or `basic` and `body` for short.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "client_secret_basic" | "basic" => Ok(Self::ClientSecretBasic),
            "client_secret_post" | "body" => Ok(Self::ClientSecretPost),
            "none" => Ok(Self::None),
            _ => Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "`{}` is not a client authentication: use basic, body or none",
                    text::escape(name, 64)
                ),
            )),
        }
    }
}

/// A client and what it proves itself with.
///
/// Whether the secret goes into the header or the body is the provider's to say, in its
/// [`Dialect`](crate::Dialect).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ClientAuthentication {
    /// A public client: it has no secret ([RFC 6749 §2.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.1)).
    Public(ClientId),
    /// A confidential client, with its secret.
    Secret(ClientId, ClientSecret),
}

impl ClientAuthentication {
    /// Returns the client identifier.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        match self {
            Self::Public(id) | Self::Secret(id, _) => id,
        }
    }
}
