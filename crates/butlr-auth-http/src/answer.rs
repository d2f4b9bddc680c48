//! What an answer means, decided by its status first and its body second.

use std::time::{Duration, SystemTime};

use butlr_auth_core::{
    Delivery, EndpointUrl, Error, ErrorKind, ErrorResponse, Leniency, TokenResponse, text,
};
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::transport::{Answer, delivery_of};

/// An error keeps this many characters of an answer that it could not make sense of.
const SNIPPET: usize = 200;

/// A server that asks for a longer pause than this is asked again all the same: 1 hour.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Reads a token response, or finds out what else the answer is.
pub(crate) fn token_response(
    answer: &Answer,
    endpoint: &EndpointUrl,
    what: &str,
    leniency: &Leniency,
    secrets: &[&str],
) -> Result<TokenResponse, Error> {
    let accepted =
        answer.status == StatusCode::OK || (leniency.created_status && answer.status == StatusCode::CREATED);
    if !accepted {
        return Err(failure(answer, endpoint, what, secrets));
    }
    TokenResponse::from_json(&answer.body, leniency).map_err(|error| {
        let host = endpoint.host();
        match error.error_response().cloned().map(|response| response.redacted(secrets)) {
            // Status 200 with an error inside: it is the error that it says it is.
            Some(response) => Error::new(error.kind(), format!("{host} refused the {what}: {response}"))
                .with_error_response(response)
                .with_status(StatusCode::BAD_REQUEST.as_u16())
                .with_delivery(Delivery::Answered),
            None => {
                let message = format!("{host} answered the {what} with something else than a token: {error}");
                Error::new(error.kind(), message)
                    .with_status(answer.status.as_u16())
                    .with_delivery(error.delivery())
            }
        }
    })
}

/// Turns an answer that is not the expected success into an error.
pub(crate) fn failure(answer: &Answer, endpoint: &EndpointUrl, what: &str, secrets: &[&str]) -> Error {
    let (status, host) = (answer.status, endpoint.host());
    let response = ErrorResponse::from_json(&answer.body).map(|response| response.redacted(secrets));
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        StatusCode::REQUEST_TIMEOUT => ErrorKind::TimedOut,
        _ if status.is_server_error() => ErrorKind::ServerFailed,
        _ if status.is_client_error() => ErrorKind::Refused,
        _ => ErrorKind::InvalidResponse,
    };
    let said = response.as_ref().map_or_else(String::new, |response| format!(": {response}"));
    let message = match kind {
        ErrorKind::Refused => format!("{host} refused the {what} (status {}){said}", status.as_u16()),
        ErrorKind::InvalidResponse if status.is_redirection() => {
            format!("{host} redirects the {what} (status {}): a token endpoint must not", status.as_u16())
        }
        _ => format!("{host} answered the {what} with status {}{said}", status.as_u16()),
    };
    let mut error = Error::new(kind, message)
        .with_status(status.as_u16())
        .with_delivery(delivery_of(status))
        .with_retry_after(retry_after(answer));
    match response {
        Some(response) => error = error.with_error_response(response),
        // What a success might carry is not shown, however odd it is.
        None if delivery_of(status) == Delivery::Answered && !answer.body.is_empty() => {
            let body = String::from_utf8_lossy(&answer.body);
            let snippet = text::redact(&text::escape(&text::redact(&body, secrets), SNIPPET), secrets);
            error = error.with_snippet(snippet);
        }
        None => {}
    }
    error
}

/// `Retry-After` in seconds, or as a date compared with the server's own `Date`
/// ([RFC 9110 §10.2.3](https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3)).
fn retry_after(answer: &Answer) -> Option<Duration> {
    let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let value = header(RETRY_AFTER)?;
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let wait = if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until: SystemTime = date(value)?;
        until.duration_since(header(http::header::DATE).and_then(date)?).ok()?
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests;
