//! What a failed renewal is called: for the protocol, for this process and for others.

use std::time::Duration;

use butlr_auth_core::{Delivery, End, Error, ErrorCode, ErrorKind};

use super::Shared;
use crate::LoginReason;
use crate::key::TokenKey;
use crate::protocol::{Answer, Failure, FailureClass};
use crate::record::Reason;

/// What kind of failure the protocol takes an error for.
pub(super) fn class(kind: ErrorKind) -> FailureClass {
    match kind {
        ErrorKind::Unreachable => FailureClass::Unreachable,
        ErrorKind::TimedOut => FailureClass::TimedOut,
        ErrorKind::Throttled => FailureClass::Throttled,
        ErrorKind::ServerFailed => FailureClass::ServerFailed,
        ErrorKind::InvalidResponse => FailureClass::InvalidResponse,
        ErrorKind::Configuration | ErrorKind::Unsupported => FailureClass::Configuration,
        _ => FailureClass::Refused,
    }
}

/// Sorts a failed exchange by what it means for the refresh token that was sent, if there was one.
pub(super) fn classify(error: &Error, key: TokenKey, rotates: bool) -> Answer {
    let class = class(error.kind());
    let status = error.status();
    let code = error.error_response().map(|response| response.error.as_str());
    match error.delivery() {
        Delivery::NotSent if error.kind() == ErrorKind::Busy => Answer::OutOfTime,
        Delivery::NotSent => Answer::NotSent { class },
        Delivery::Answered => {
            // Said with status 4xx, or with a success status by servers that put an error inside; or an answer that
            // could be read, and held no refresh token. Status 503 says that nothing was done.
            let settles =
                status.is_some_and(|status| status < 300 || (400..500).contains(&status) || status == 503);
            let (class, concerns) = match Code::of(code, error.retry_after().is_some()) {
                Code::Grant if rotates || code == Some(ErrorCode::INVALID_GRANT.as_str()) => {
                    return Answer::InvalidGrant;
                }
                Code::Scope => (class, Some(key)),
                Code::GrantType => (FailureClass::Configuration, None),
                Code::Passing => (passing(class, code), None),
                Code::Other if rotates && is_refusal(status, code) => return Answer::Refused { class },
                _ => (class, None),
            };
            Answer::Failed { class, settles, concerns, retry_after: error.retry_after() }
        }
        // It may have spent what was sent, and asking again would not tell.
        Delivery::Unreadable => {
            Answer::Failed { class, settles: false, concerns: None, retry_after: error.retry_after() }
        }
        // Whatever came with a status came from the server, but for what a gateway says of it.
        _ => Answer::Unanswered { class, begun: status.is_some_and(|status| !matches!(status, 502 | 504)) },
    }
}

/// What an error code is about, at the refresh grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// The refresh token, by `invalid_grant` or a name of the server's own.
    Grant,
    /// Who the client is.
    Client,
    /// The scope or the resource of the wanted token.
    Scope,
    /// Whether the server has this grant at all.
    GrantType,
    /// Trouble that passes by itself.
    Passing,
    /// Anything else, or nothing.
    Other,
}

impl Code {
    fn of(code: Option<&str>, asks_to_wait: bool) -> Self {
        let code = code.unwrap_or_default().to_ascii_lowercase().replace(['-', ' ', '.'], "_");
        let names_the_token = code.contains("refresh_token") || code.contains("refreshtoken");
        match code.as_str() {
            "invalid_grant" | "invalidgrant" => Self::Grant,
            "invalid_client"
            | "invalid_client_id"
            | "bad_client_id"
            | "invalid_client_secret"
            | "bad_client_secret"
            | "incorrect_client_credentials"
            | "invalid_client_credentials" => Self::Client,
            "invalid_scope" | "invalid_target" => Self::Scope,
            "unsupported_grant_type" => Self::GrantType,
            "slow_down" | "temporarily_unavailable" | "server_error" => Self::Passing,
            _ if asks_to_wait => Self::Passing,
            _ if names_the_token => Self::Grant,
            _ => Self::Other,
        }
    }
}

fn passing(class: FailureClass, code: Option<&str>) -> FailureClass {
    match (class, code) {
        (FailureClass::Refused, Some("slow_down")) => FailureClass::Throttled,
        (FailureClass::Refused, _) => FailureClass::ServerFailed,
        _ => class,
    }
}

/// Whether an answer to a refresh token refuses it: by its status, or by an error in a success.
fn is_refusal(status: Option<u16>, code: Option<&str>) -> bool {
    match status {
        Some(400 | 401 | 403) => true,
        Some(200..=299) => code.is_some(),
        _ => false,
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
            LoginReason::RenewalRefused => "the server does not renew it",
            LoginReason::IdentityChanged => "a renewal brought another person's identity",
        };
        let message = format!("session `{session}` needs a login: {what}");
        // Whoever asks next must not think that there never was a session.
        let aside = match why {
            LoginReason::NeverLoggedIn => self.setup.store.set_aside(&self.key()),
            _ => None,
        };
        let message = aside.map_or_else(
            || message.clone(),
            |place| format!("{message} since its record was damaged and set aside as {place}"),
        );
        Error::new(ErrorKind::LoginRequired, message)
    }

    /// A login that is required because of something that the server said, with its words.
    pub(super) fn login_required_because(&self, why: LoginReason, reason: Option<&Reason>) -> Error {
        let error = self.login_required(why);
        let told = matches!(why, LoginReason::RefreshTokenRefused | LoginReason::RenewalRefused);
        match reason.filter(|_| told) {
            Some(reason) => {
                let message = format!("{error}: {}", reason.text);
                reason.explain(Error::new(ErrorKind::LoginRequired, message))
            }
            None => error,
        }
    }

    /// The time of another request has not come: an earlier one may still be under way, or have spent the refresh
    /// token while the access token still works.
    pub(super) fn unsettled(&self, wait: Duration, holder: Option<String>) -> Error {
        let by = holder.map(|holder| format!(" (by {holder})")).unwrap_or_default();
        let message = format!(
            "an earlier renewal of session `{}`{by} got no answer; its refresh token is sent again in {} s at the earliest",
            self.name,
            wait.as_secs().max(1)
        );
        Error::new(ErrorKind::TimedOut, message).with_retry_after(Some(wait))
    }

    /// Another process's failure, told as our own.
    pub(super) fn shared_failure(&self, failure: Failure, reason: Option<&Reason>) -> Error {
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
        let due = format!("the next attempt is due in {} s", remaining.as_secs().max(1));
        match reason {
            Some(reason) => reason.explain(Error::new(kind, format!("{}; {due}", reason.text))),
            None => Error::new(kind, format!("renewing session `{}` failed a moment ago; {due}", self.name)),
        }
        .with_retry_after(Some(remaining))
    }
}

#[cfg(test)]
mod tests;
