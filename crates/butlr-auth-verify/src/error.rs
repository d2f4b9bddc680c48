use std::error::Error as StdError;
use std::fmt;

use butlr_auth_core::{Delivery, Error, ErrorKind, Scope};

/// Why a token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The request carries no token.
    NoToken,
    /// The `Authorization` header is not one `Bearer` and a token.
    InvalidRequest,
    /// The token is longer than 64 KiB.
    TooLong,
    /// The token is not a signed JWT in compact form, or a part of it is not what it should be.
    Malformed,
    /// The token is encrypted, which is not supported.
    Encrypted,
    /// The header has `crit`, `b64` or `zip`: it asks for an extension, and none is known here.
    UnknownExtension,
    /// The header names no algorithm that is allowed for this issuer.
    AlgorithmRefused,
    /// The issuer publishes no key that fits.
    UnknownKey,
    /// The signature is not the key's.
    BadSignature,
    /// The `typ` of the header, or what the claims show, is another kind of token's.
    WrongType,
    /// This claim has the wrong JSON type, or cannot be what it says.
    MalformedClaim(&'static str),
    /// This claim must be there, and is not.
    MissingClaim(&'static str),
    /// `iss` is another issuer, byte for byte.
    WrongIssuer,
    /// `aud` is somebody else.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` is to come.
    NotYetValid,
    /// `iat` is to come.
    IssuedInFuture,
    /// `cnf` binds the token to a key that only its owner has, and whether the sender has it was not checked.
    SenderConstrained,
    /// `azp` is another client, or is missing beside several audiences.
    WrongAuthorizedParty,
    /// `nonce` is not that of the authorization request.
    WrongNonce,
    /// `at_hash` is not that of the access token.
    WrongTokenHash,
    /// `c_hash` is not that of the authorization code.
    WrongCodeHash,
    /// The person logged in longer ago than `max_age`.
    TooOld,
    /// The token is good, and not for this.
    InsufficientScope,
    /// The keys of the issuer could not be read: it is not known whether the token is good.
    KeysUnavailable,
}

/// A token that was not accepted: a [`Reason`], and how to answer the request that brought it.
///
/// Neither its text nor the answer holds a byte of the token.
///
/// | reason | status | `error` ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)) |
/// |---|---|---|
/// | no token | 401 | none |
/// | a malformed request | 400 | `invalid_request` |
/// | the scope is not enough | 403 | `insufficient_scope` |
/// | the keys cannot be read | 503 | none |
/// | everything else | 401 | `invalid_token` |
///
/// ```
/// use butlr_auth_verify::{Reason, VerifyError};
///
/// let error = VerifyError::from(Reason::Expired);
/// assert_eq!(error.status(), 401);
/// assert_eq!(
///     error.www_authenticate().as_deref(),
///     Some(r#"Bearer error="invalid_token", error_description="the token has expired""#),
/// );
/// ```
#[derive(Clone, Debug)]
pub struct VerifyError {
    reason: Reason,
    scope: Option<Scope>,
    source: Option<Error>,
}

impl VerifyError {
    /// Makes the error of a token without this scope, which the answer names.
    #[must_use]
    pub fn insufficient_scope(needed: Scope) -> Self {
        Self { reason: Reason::InsufficientScope, scope: Some(needed), source: None }
    }

    pub(crate) fn keys_unavailable(source: Error) -> Self {
        Self { reason: Reason::KeysUnavailable, scope: None, source: Some(source) }
    }

    /// Returns why.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Returns the HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.reason {
            Reason::InvalidRequest => 400,
            Reason::InsufficientScope => 403,
            Reason::KeysUnavailable => 503,
            _ => 401,
        }
    }

    /// Returns the error code of RFC 6750, unless the answer has none.
    #[must_use]
    pub fn code(&self) -> Option<&'static str> {
        match self.reason {
            //= https://www.rfc-editor.org/rfc/rfc6750#section-3.1
            //# If the request lacks any authentication information (e.g., the client was unaware that authentication
            //# is necessary or attempted using an unsupported authentication method), the resource server SHOULD NOT
            //# include an error code or other error information.
            Reason::NoToken | Reason::KeysUnavailable => None,
            Reason::InvalidRequest => Some("invalid_request"),
            Reason::InsufficientScope => Some("insufficient_scope"),
            _ => Some("invalid_token"),
        }
    }

    /// Returns the value of the answer's `WWW-Authenticate` header; `None` if the failure is not the sender's.
    #[must_use]
    pub fn www_authenticate(&self) -> Option<String> {
        if self.reason == Reason::KeysUnavailable {
            return None;
        }
        let Some(code) = self.code() else { return Some("Bearer".to_owned()) };
        let mut value = format!("Bearer error=\"{code}\", error_description=\"{self}\"");
        if let Some(scope) = &self.scope {
            // A scope holds neither quotes nor backslashes.
            value.push_str(&format!(", scope=\"{scope}\""));
        }
        Some(value)
    }
}

impl From<Reason> for VerifyError {
    fn from(reason: Reason) -> Self {
        Self { reason, scope: None, source: None }
    }
}

impl From<VerifyError> for Error {
    /// What the failure means to a client: that the server's answer cannot be used, or that its keys are out of reach.
    fn from(error: VerifyError) -> Self {
        match error.source {
            Some(source) => source,
            None if error.reason == Reason::InsufficientScope => {
                Self::new(ErrorKind::InsufficientScope, error.to_string())
            }
            None => {
                Self::new(ErrorKind::InvalidResponse, error.to_string()).with_delivery(Delivery::Answered)
            }
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::NoToken => "no access token was sent",
            Self::InvalidRequest => "the Authorization header is not one Bearer token",
            Self::TooLong => "the token is too long",
            Self::Malformed => "the token is not a well-formed signed JWT",
            Self::Encrypted => "encrypted tokens are not supported",
            Self::UnknownExtension => "the token asks for an extension that is not supported",
            Self::AlgorithmRefused => "the algorithm of the token is not allowed",
            Self::UnknownKey => "the issuer has no key that fits the token",
            Self::BadSignature => "the signature of the token is wrong",
            Self::WrongType => "this is another kind of token",
            Self::MalformedClaim(claim) => return write!(f, "the claim {claim} is malformed"),
            Self::MissingClaim(claim) => return write!(f, "the claim {claim} is missing"),
            Self::WrongIssuer => "the token is of another issuer",
            Self::WrongAudience => "the token is for somebody else",
            Self::Expired => "the token has expired",
            Self::NotYetValid => "the token is not valid yet",
            Self::IssuedInFuture => "the token was issued in the future",
            Self::SenderConstrained => "the token is bound to a key, which is not supported",
            Self::WrongAuthorizedParty => "the token was issued to another client",
            Self::WrongNonce => "the nonce is not that of the authorization request",
            Self::WrongTokenHash => "at_hash is not that of the access token",
            Self::WrongCodeHash => "c_hash is not that of the authorization code",
            Self::TooOld => "the login is too long ago",
            Self::InsufficientScope => "the scope of the token is not enough",
            Self::KeysUnavailable => "the keys of the issuer cannot be read",
        };
        f.write_str(text)
    }
}

impl StdError for VerifyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn StdError + 'static))
    }
}
