use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{ErrorResponse, GrantType, Hint, Scope};

/// What went wrong, as far as a caller can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The program's own settings are wrong: a malformed URL, plain `http` to another host, an unsafe file mode.
    /// Mend the configuration.
    Configuration,
    /// The provider or this build does not offer what was asked for: no endpoint for the grant, a feature that is
    /// off. Configure the endpoint or choose another grant.
    Unsupported,
    /// No token is left and none can be got without a person or a secret. Log in (again).
    LoginRequired,
    /// The authorization server said no: a wrong secret, a grant that this client may not use. Read
    /// [`Error::error_response`].
    Refused,
    /// The token is good, its scope is not enough. Log in with the scope that the message names.
    InsufficientScope,
    /// The server's answer breaks the protocol. Usually a gateway, a captive portal or the wrong URL answered.
    InvalidResponse,
    /// What came back on the redirect does not belong to this authorization request, or is malformed. Start again.
    InvalidCallback,
    /// The server could not be reached: DNS, refused connection, TLS. Usually temporary.
    Unreachable,
    /// The deadline passed. Usually temporary.
    TimedOut,
    /// The server asks for fewer requests (status 429). Wait for [`Error::retry_after`].
    Throttled,
    /// The server failed (status 5xx). Usually temporary.
    ServerFailed,
    /// Somebody else holds what is needed, a lease or a lock, for longer than the deadline. Temporary.
    Busy,
    /// The token store failed: a full disk, a read-only folder, a database that refuses.
    Storage,
    /// The token store is away: a database that restarts or cannot be reached. Usually temporary.
    StoreUnreachable,
    /// What the token store holds cannot be read as a record. It is kept aside, never deleted.
    CorruptRecord,
}

/// Whether a failed request can have been acted on by the server.
///
/// It decides whether a single-use secret, such as a refresh token, may still be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delivery {
    /// No byte of the request left: what it carried is unspent.
    NotSent,
    /// The request may have arrived and no whole answer came back: what it carried may be spent, and asking again may
    /// tell.
    Unanswered,
    /// A whole answer came back that cannot be read: what the request carried may be spent, and asking again would not
    /// tell.
    Unreadable,
    /// The server answered, readably, and the answer is the failure.
    Answered,
}

/// An error of any layer: cheap to clone, so that one failure can be shared by every task that waited for it.
///
/// Neither its text nor its `Debug` nor its sources ever hold a secret.
///
/// ```
/// use butlr_auth_core::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::TimedOut, "no answer from as.example.com to the refresh_token grant in 5 s");
/// assert!(error.is_transient());
/// assert_eq!(error.kind(), ErrorKind::TimedOut);
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    delivery: Delivery,
    status: Option<u16>,
    retry_after: Option<Duration>,
    error_response: Option<ErrorResponse>,
    required_scope: Option<Scope>,
    snippet: Option<String>,
    hint: Option<Hint>,
    grant_type: Option<GrantType>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error of `kind`. The message is lower case, without a full stop, and names the host and the grant
    /// where there are any.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            kind,
            message: message.into(),
            delivery: Delivery::NotSent,
            status: None,
            retry_after: None,
            error_response: None,
            required_scope: None,
            snippet: None,
            hint: None,
            grant_type: None,
            source: None,
        }))
    }

    /// Adds whether the request can have been acted on; without this an error counts as [`Delivery::NotSent`].
    #[must_use]
    pub fn with_delivery(self, delivery: Delivery) -> Self {
        self.with(|inner| inner.delivery = delivery)
    }

    /// Adds the HTTP status.
    #[must_use]
    pub fn with_status(self, status: u16) -> Self {
        self.with(|inner| inner.status = Some(status))
    }

    /// Adds how long the server asked to wait.
    #[must_use]
    pub fn with_retry_after(self, retry_after: Option<Duration>) -> Self {
        self.with(|inner| inner.retry_after = retry_after)
    }

    /// Adds the server's error response.
    #[must_use]
    pub fn with_error_response(self, response: ErrorResponse) -> Self {
        self.with(|inner| inner.error_response = Some(response))
    }

    /// Adds the scope that a resource server asks for.
    #[must_use]
    pub fn with_required_scope(self, scope: Option<Scope>) -> Self {
        self.with(|inner| inner.required_scope = scope)
    }

    /// Adds what the server said in other words than an error response, already redacted and escaped.
    #[must_use]
    pub fn with_snippet(self, snippet: impl Into<String>) -> Self {
        self.with(|inner| inner.snippet = Some(snippet.into()))
    }

    /// Adds what of the configuration probably has to change.
    #[must_use]
    pub fn with_hint(self, hint: Hint) -> Self {
        self.with(|inner| inner.hint = Some(hint))
    }

    /// Adds the grant that failed.
    #[must_use]
    pub fn with_grant_type(self, grant_type: GrantType) -> Self {
        self.with(|inner| inner.grant_type = Some(grant_type))
    }

    /// Adds what caused it. The message must not repeat the source's text.
    #[must_use]
    pub fn with_source(self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.with(|inner| inner.source = Some(Arc::new(source)))
    }

    fn with(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Returns what a caller can act on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns whether the request can have been acted on.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.0.delivery
    }

    /// Returns whether the same call may well succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Unreachable
                | ErrorKind::TimedOut
                | ErrorKind::Throttled
                | ErrorKind::ServerFailed
                | ErrorKind::Busy
                | ErrorKind::StoreUnreachable
        )
    }

    /// Returns the HTTP status of the answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Returns how long the server asked to wait (`Retry-After`).
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Returns the server's error response
    /// ([RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)), if it sent one.
    #[must_use]
    pub fn error_response(&self) -> Option<&ErrorResponse> {
        self.0.error_response.as_ref()
    }

    /// Returns the scope that a resource server asks for, if it said so
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    #[must_use]
    pub fn required_scope(&self) -> Option<&Scope> {
        self.0.required_scope.as_ref()
    }

    /// Returns what the server said in other words than an error response: a message, the title of a page, the
    /// beginning of a text; redacted, bounded and escaped ([`Said`](crate::Said)).
    #[must_use]
    pub fn snippet(&self) -> Option<&str> {
        self.0.snippet.as_deref()
    }

    /// Returns what the server said, in whatever words: its error response, or else the [snippet](Self::snippet).
    #[must_use]
    pub fn said(&self) -> Option<String> {
        self.error_response().map(ToString::to_string).or_else(|| self.snippet().map(str::to_owned))
    }

    /// Returns what of the configuration probably has to change, where the failure shows it.
    #[must_use]
    pub fn hint(&self) -> Option<&Hint> {
        self.0.hint.as_ref()
    }

    /// Returns the grant that failed, if it was one.
    #[must_use]
    pub fn grant_type(&self) -> Option<GrantType> {
        self.0.grant_type
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &inner.kind).field("message", &inner.message);
        if inner.delivery != Delivery::NotSent {
            debug.field("delivery", &inner.delivery);
        }
        if let Some(status) = inner.status {
            debug.field("status", &status);
        }
        if let Some(retry_after) = inner.retry_after {
            debug.field("retry_after", &retry_after);
        }
        if let Some(response) = &inner.error_response {
            debug.field("error_response", response);
        }
        if let Some(scope) = &inner.required_scope {
            debug.field("required_scope", scope);
        }
        if let Some(snippet) = &inner.snippet {
            debug.field("snippet", snippet);
        }
        if let Some(hint) = &inner.hint {
            debug.field("hint", hint);
        }
        if let Some(source) = &inner.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|source| &**source as &(dyn StdError + 'static))
    }
}
