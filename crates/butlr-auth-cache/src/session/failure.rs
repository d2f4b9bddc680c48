//! What a failed renewal is called: for the protocol, for this process and for others.

use butlr_auth_core::{Delivery, End, Error, ErrorCode, ErrorKind};

use super::Shared;
use crate::LoginReason;
use crate::key::TokenKey;
use crate::protocol::{Answer, Failure, FailureClass};

/// Sorts a failed exchange by what it means for the refresh token that was sent.
pub(super) fn classify(error: &Error, key: TokenKey) -> Answer {
    let class = match error.kind() {
        ErrorKind::Unreachable => FailureClass::Unreachable,
        ErrorKind::TimedOut => FailureClass::TimedOut,
        ErrorKind::Throttled => FailureClass::Throttled,
        ErrorKind::ServerFailed => FailureClass::ServerFailed,
        ErrorKind::InvalidResponse => FailureClass::InvalidResponse,
        ErrorKind::Configuration | ErrorKind::Unsupported => FailureClass::Configuration,
        _ => FailureClass::Refused,
    };
    let code = error.error_response().map(|response| &response.error);
    match error.delivery() {
        Delivery::NotSent => Answer::NotSent { class },
        Delivery::Answered if code == Some(&ErrorCode::INVALID_GRANT) => Answer::InvalidGrant,
        Delivery::Answered => Answer::Failed {
            class,
            // Said with status 4xx, or with a success status by servers that put an error inside.
            settles: error
                .status()
                .is_some_and(|status| (400..500).contains(&status) || (status < 300 && code.is_some())),
            concerns: (code == Some(&ErrorCode::INVALID_SCOPE)).then_some(key),
            retry_after: error.retry_after(),
        },
        // It may have spent what was sent, and asking again would not tell.
        Delivery::Unreadable => {
            Answer::Failed { class, settles: false, concerns: None, retry_after: error.retry_after() }
        }
        _ => Answer::Unanswered { class },
    }
}

impl Shared {
    pub(super) fn login_required(&self, why: LoginReason) -> Error {
        let session = &*self.name;
        let refused = self
            .current
            .load()
            .as_ref()
            .is_some_and(|current| current.rejected && current.token.validity().end == End::Unknown);
        let why = match why {
            // What writes the refusal down may not have come so far.
            LoginReason::NoRefreshToken if refused => LoginReason::TokenRefused,
            why => why,
        };
        let what = match why {
            LoginReason::NeverLoggedIn => "nobody has logged in",
            LoginReason::LoggedOut => "it was logged out",
            LoginReason::NoRefreshToken => "its token has ended and cannot be renewed",
            LoginReason::AssumedLifetimeOver => {
                "nobody says how long its token lives, its `assumed_lifetime` has passed, and it cannot be renewed"
            }
            LoginReason::TokenRefused => "its token was refused and cannot be renewed",
            LoginReason::RefreshTokenRefused => "the server refused its refresh token",
            LoginReason::IdentityChanged => "a renewal brought another person's identity",
        };
        Error::new(ErrorKind::LoginRequired, format!("session `{session}` needs a login: {what}"))
    }

    /// Another process's failure, told as our own.
    pub(super) fn shared_failure(&self, failure: Failure) -> Error {
        let kind = match failure.class {
            FailureClass::Unreachable => ErrorKind::Unreachable,
            FailureClass::TimedOut => ErrorKind::TimedOut,
            FailureClass::Throttled => ErrorKind::Throttled,
            FailureClass::ServerFailed => ErrorKind::ServerFailed,
            FailureClass::Refused => ErrorKind::Refused,
            FailureClass::InvalidResponse => ErrorKind::InvalidResponse,
            FailureClass::Configuration => ErrorKind::Configuration,
        };
        let remaining = failure.remaining(self.setup.clock.now());
        let message = format!(
            "renewing session `{}` failed a moment ago; the next attempt is due in {} s",
            self.name,
            remaining.as_secs().max(1)
        );
        Error::new(kind, message).with_retry_after(Some(remaining))
    }
}
