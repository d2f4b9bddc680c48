use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::{json::Object, text};

/// The `error` code of an error response: one of RFC 6749's, an extension's, or any text a server made up.
///
/// ```
/// use butlr_auth_core::ErrorCode;
///
/// assert_eq!(ErrorCode::new("invalid_grant"), ErrorCode::INVALID_GRANT);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ErrorCode(Cow<'static, str>);

impl ErrorCode {
    /// `invalid_request`: a parameter is missing, repeated or malformed.
    pub const INVALID_REQUEST: Self = Self(Cow::Borrowed("invalid_request"));
    /// `invalid_client`: client authentication failed.
    pub const INVALID_CLIENT: Self = Self(Cow::Borrowed("invalid_client"));
    /// `invalid_grant`: the code, refresh token or password is wrong, expired, revoked or somebody else's.
    pub const INVALID_GRANT: Self = Self(Cow::Borrowed("invalid_grant"));
    /// `unauthorized_client`: this client may not use this grant.
    pub const UNAUTHORIZED_CLIENT: Self = Self(Cow::Borrowed("unauthorized_client"));
    /// `unsupported_grant_type`: the server does not offer this grant.
    pub const UNSUPPORTED_GRANT_TYPE: Self = Self(Cow::Borrowed("unsupported_grant_type"));
    /// `invalid_scope`: the scope is unknown, malformed or exceeds what was granted.
    pub const INVALID_SCOPE: Self = Self(Cow::Borrowed("invalid_scope"));
    /// `access_denied`: the resource owner or the server refused
    /// ([RFC 6749 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
    pub const ACCESS_DENIED: Self = Self(Cow::Borrowed("access_denied"));
    /// `authorization_pending`: the person has not decided yet
    /// ([RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
    pub const AUTHORIZATION_PENDING: Self = Self(Cow::Borrowed("authorization_pending"));
    /// `slow_down`: as pending, and the device polls too often
    /// ([RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
    pub const SLOW_DOWN: Self = Self(Cow::Borrowed("slow_down"));
    /// `expired_token`: the device code has expired
    /// ([RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5)).
    pub const EXPIRED_TOKEN: Self = Self(Cow::Borrowed("expired_token"));
    /// `too_many_attempts`: the account is blocked after wrong passwords, at Auth0.
    pub const TOO_MANY_ATTEMPTS: Self = Self(Cow::Borrowed("too_many_attempts"));
    /// `unsupported_token_type`: the server does not revoke tokens of this kind
    /// ([RFC 7009 §2.2.1](https://www.rfc-editor.org/rfc/rfc7009#section-2.2.1)).
    pub const UNSUPPORTED_TOKEN_TYPE: Self = Self(Cow::Borrowed("unsupported_token_type"));

    /// Takes a code as a server sent it; control characters and what exceeds 64 characters are escaped or cut.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self(Cow::Owned(text::escape(code, 64)))
    }

    /// Returns the code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error response of a token endpoint ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)) or
/// of a redirect ([§4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
///
/// Its texts are a stranger's: bounded, escaped, and meant for people, not for decisions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorResponse {
    /// The `error` code.
    pub error: ErrorCode,
    /// `error_description`, at most 256 characters, escaped.
    pub description: Option<String>,
    /// `error_uri`, at most 256 characters, escaped. Text only: it is never opened.
    pub uri: Option<String>,
}

impl ErrorResponse {
    /// Makes an error response from its code and description.
    #[must_use]
    pub fn new(error: ErrorCode, description: Option<&str>) -> Self {
        Self { error, description: description.map(|text| text::escape(text, 256)), uri: None }
    }

    /// Adds the `error_uri`.
    #[must_use]
    pub fn with_uri(mut self, uri: Option<&str>) -> Self {
        self.uri = uri.map(|text| text::escape(text, 256));
        self
    }

    /// Reads the members of an error response; `None` if there is no `error` of JSON type string.
    pub(crate) fn from_members(members: &Object) -> Option<Self> {
        let text = |name| members.get(name).and_then(Value::as_str);
        let error = text("error").filter(|code| !code.is_empty())?;
        Some(Self::new(ErrorCode::new(error), text("error_description")).with_uri(text("error_uri")))
    }

    /// Reads the body of an answer; `None` if it is not a JSON object with an `error`.
    ///
    /// ```
    /// use butlr_auth_core::{ErrorCode, ErrorResponse};
    ///
    /// let response = ErrorResponse::from_json(br#"{"error":"invalid_grant"}"#).unwrap();
    /// assert_eq!(response.error, ErrorCode::INVALID_GRANT);
    /// ```
    #[must_use]
    pub fn from_json(body: &[u8]) -> Option<Self> {
        Object::parse(body).ok().as_ref().and_then(Self::from_members)
    }

    /// Replaces each occurrence of a secret in the texts: a server may repeat what it was sent.
    #[must_use]
    pub fn redacted(mut self, secrets: &[&str]) -> Self {
        self.error = ErrorCode(Cow::Owned(text::redact(self.error.as_str(), secrets)));
        for text in [&mut self.description, &mut self.uri].into_iter().flatten() {
            *text = text::redact(text, secrets);
        }
        self
    }
}

impl fmt::Display for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.description {
            Some(description) => write!(f, "{} ({description})", self.error),
            None => write!(f, "{}", self.error),
        }
    }
}
