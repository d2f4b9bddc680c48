//! What a session tells the [`metrics`](https://docs.rs/metrics) facade (feature `metrics`).
//!
//! | name | kind | labels | what |
//! |---|---|---|---|
//! | [`EXCHANGES`] | counter | `provider`, `grant_type`, `outcome` | requests to token endpoints |
//! | [`EXCHANGE_DURATION`] | histogram, seconds | `provider`, `grant_type`, `outcome` | how long they took |
//! | [`QUEUE_DURATION`] | histogram, seconds | `provider` | how long a renewal waited for leave to exchange |
//! | [`LEASE_WAIT_DURATION`] | histogram, seconds | `provider` | how long a renewal waited for another process's |
//! | [`TOKEN_REMAINING_LIFETIME`] | histogram, seconds | `provider` | what a token had left when its successor came |
//! | [`TOKENS_REJECTED`] | counter | `provider` | tokens that a resource server refused |
//! | [`EVENTS`] | counter | `provider`, `event` | every [`Event`] |
//!
//! The names follow OpenTelemetry's manner: dots, and the unit beside the name, see [`describe`]. A label has few
//! values: a provider's id, a grant type of RFC 6749, `granted` or what kind of error it was, an event. No session's
//! name, no client and nothing of a token is among them.
//!
//! What is ready is not measured: a fresh token costs the same with this feature as without it. Durations are by the
//! session's [`Clock`](butlr_auth_core::Clock). Waits that did not happen are not recorded.

use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind, GrantType, TokenResponse};
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

use crate::Event;

/// Requests to token endpoints, by outcome and grant type.
pub const EXCHANGES: &str = "butlr_auth.exchanges";

/// How long a request to a token endpoint took, in seconds.
pub const EXCHANGE_DURATION: &str = "butlr_auth.exchange.duration";

/// How long a renewal waited because as many exchanges were under way as may be, in seconds. Only sessions of
/// [`Sessions`](crate::Sessions) wait so.
pub const QUEUE_DURATION: &str = "butlr_auth.exchange.queue.duration";

/// How long a renewal waited for another process that held the session's lease, in seconds.
pub const LEASE_WAIT_DURATION: &str = "butlr_auth.lease.wait.duration";

/// How long a token would still have been good when its successor came, in seconds. Zero: somebody had to wait.
pub const TOKEN_REMAINING_LIFETIME: &str = "butlr_auth.token.remaining_lifetime";

/// Current tokens that a resource server refused.
pub const TOKENS_REJECTED: &str = "butlr_auth.tokens.rejected";

/// Events of sessions, by name.
pub const EVENTS: &str = "butlr_auth.events";

/// Tells the installed recorder what each metric is and its unit. Call it once, after the recorder is installed.
pub fn describe() {
    describe_counter!(EXCHANGES, Unit::Count, "Requests to token endpoints");
    describe_histogram!(EXCHANGE_DURATION, Unit::Seconds, "How long a request to a token endpoint took");
    describe_histogram!(QUEUE_DURATION, Unit::Seconds, "How long a renewal waited for leave to exchange");
    describe_histogram!(
        LEASE_WAIT_DURATION,
        Unit::Seconds,
        "How long a renewal waited for another process's"
    );
    describe_histogram!(
        TOKEN_REMAINING_LIFETIME,
        Unit::Seconds,
        "What a token had left when its successor came"
    );
    describe_counter!(TOKENS_REJECTED, Unit::Count, "Tokens that a resource server refused");
    describe_counter!(EVENTS, Unit::Count, "Events of sessions");
}

pub(crate) fn exchanged(
    provider: &str,
    grant_type: GrantType,
    result: Result<&TokenResponse, &Error>,
    took: Duration,
) {
    let outcome = result.map_or_else(|error| kind(error.kind()), |_| "granted");
    let labels = [
        ("provider", provider.to_owned()),
        ("grant_type", grant_type.as_str().to_owned()),
        ("outcome", outcome.to_owned()),
    ];
    counter!(EXCHANGES, &labels).increment(1);
    histogram!(EXCHANGE_DURATION, &labels).record(took);
}

pub(crate) fn queued(provider: &str, waited: Duration) {
    histogram!(QUEUE_DURATION, "provider" => provider.to_owned()).record(waited);
}

pub(crate) fn waited_for_lease(provider: &str, waited: Duration) {
    histogram!(LEASE_WAIT_DURATION, "provider" => provider.to_owned()).record(waited);
}

pub(crate) fn replaced(provider: &str, remaining: Duration) {
    histogram!(TOKEN_REMAINING_LIFETIME, "provider" => provider.to_owned()).record(remaining);
}

pub(crate) fn rejected(provider: &str) {
    counter!(TOKENS_REJECTED, "provider" => provider.to_owned()).increment(1);
}

pub(crate) fn happened(provider: &str, event: Event) {
    counter!(EVENTS, "provider" => provider.to_owned(), "event" => event.as_str()).increment(1);
}

/// What a failed exchange counts as. A kind that is yet to come is an error like any other.
fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Refused => "refused",
        ErrorKind::InvalidResponse => "invalid_response",
        ErrorKind::Unreachable => "unreachable",
        ErrorKind::TimedOut => "timed_out",
        ErrorKind::Throttled => "throttled",
        ErrorKind::ServerFailed => "server_failed",
        ErrorKind::Configuration => "configuration",
        ErrorKind::Unsupported => "unsupported",
        _ => "error",
    }
}
