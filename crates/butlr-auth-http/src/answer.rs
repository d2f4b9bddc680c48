use butlr_auth_core::{
    Delivery, Error, ErrorCode, ErrorKind, ErrorResponse, GrantType, Hint, Leniency, RefreshError, Said,
    Successor, TokenResponse, text,
};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, LOCATION};

use crate::retry_after::{date, retry_after};
use crate::transport::{Answer, Errand};

/// No address that an answer leads to is shown further than this, in characters.
const LONGEST_ADDRESS: usize = 256;

/// Judges the answer of a token endpoint; a refresh token in it that is one is returned with every refusal.
pub(crate) fn token(
    answer: &Answer,
    errand: &Errand<'_>,
    leniency: &Leniency,
) -> Result<TokenResponse, RefreshError> {
    let judged = judge_token(answer, errand, leniency);
    judged.map_err(|error| match successor(answer) {
        Successor::Issued(successor) => {
            RefreshError::from(error.with_delivery(Delivery::Answered)).with_successor(Some(successor))
        }
        _ => error.into(),
    })
}

/// What an answer leaves of a refresh token that was sent.
fn successor(answer: &Answer) -> Successor {
    let may_be_one = matches!(answer.status, StatusCode::OK | StatusCode::CREATED);
    if !may_be_one || answer.broken.is_some() || is_encoded(answer) {
        return Successor::Unreadable;
    }
    Successor::read(&answer.body)
}

/// The status decides. Servers send errors without a body, with HTML, and with codes of their own; what a body says
/// is kept beside the status.
fn judge_token(answer: &Answer, errand: &Errand<'_>, leniency: &Leniency) -> Result<TokenResponse, Error> {
    // Harvest and Supabase say that a token was created.
    if !matches!(answer.status, StatusCode::OK | StatusCode::CREATED) {
        return Err(failed(answer, errand));
    }
    whole(answer, errand)?;
    let mut response =
        TokenResponse::from_json(&answer.body, leniency).map_err(|error| match error.error_response() {
            // GitHub and others send errors with status 200.
            Some(response) => refused(answer, errand, response.clone()),
            None => unreadable(answer, errand, error),
        })?;
    response.answered_at = date(&answer.headers);
    Ok(response)
}

/// Judges the answer of a revocation endpoint: with status 200, whatever the body is, the token is gone.
pub(crate) fn revocation(answer: &Answer, errand: &Errand<'_>) -> Result<(), Error> {
    //= https://www.rfc-editor.org/rfc/rfc7009#section-2.2
    //# The content of the response body is ignored by the client as all necessary information is conveyed in
    //# the response code.
    if answer.status.is_success() {
        return Ok(());
    }
    let error = failed(answer, errand);
    match error.error_response() {
        Some(response) if response.error == ErrorCode::UNSUPPORTED_TOKEN_TYPE => {
            let Errand { host, asked, .. } = errand;
            let unsupported = Error::new(ErrorKind::Unsupported, format!("{host} does not offer {asked}"));
            Err(unsupported
                .with_status(answer.status.as_u16())
                .with_delivery(Delivery::Answered)
                .with_error_response(response.clone()))
        }
        _ => Err(error),
    }
}

/// Judges the answer of an endpoint that answers with a JSON object of its own, with one of these statuses.
pub(crate) fn object<T>(
    answer: &Answer,
    errand: &Errand<'_>,
    statuses: &[StatusCode],
    read: impl FnOnce(&[u8]) -> Result<T, Error>,
) -> Result<T, Error> {
    if !statuses.contains(&answer.status) {
        return Err(failed(answer, errand));
    }
    whole(answer, errand)?;
    read(&answer.body).map_err(|error| match ErrorResponse::from_json(&answer.body) {
        Some(response) => refused(answer, errand, response),
        None => unreadable(answer, errand, error),
    })
}

/// Refuses a successful answer whose body did not arrive whole, or cannot be read.
fn whole(answer: &Answer, errand: &Errand<'_>) -> Result<(), Error> {
    if let Some(broken) = &answer.broken {
        return Err(broken.clone().with_status(answer.status.as_u16()));
    }
    if is_encoded(answer) {
        return Err(unusable(answer, errand, "the answer is compressed, which nobody asked for"));
    }
    Ok(())
}

fn is_encoded(answer: &Answer) -> bool {
    let encoding = answer.headers.get(CONTENT_ENCODING);
    encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The error that a status other than success means.
fn failed(answer: &Answer, errand: &Errand<'_>) -> Error {
    let status = answer.status;
    let said = if status.is_success() || is_encoded(answer) {
        Said::default()
    } else {
        Said::read(&answer.body, &errand.secrets)
    };
    if let Some(response) = said.response.or_else(|| ErrorResponse::from_json(&answer.body)) {
        return refused(answer, errand, response);
    }
    let Errand { host, asked, .. } = errand;
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return redirected(answer, errand);
    }
    let message = match (&said.text, kind(status)) {
        (None, _) => format!("{host} answered {asked} with status {}", status.as_u16()),
        (Some(text), ErrorKind::Refused) => {
            format!("{host} refused {asked} with status {}: {text}", status.as_u16())
        }
        (Some(text), _) => format!("{host} answered {asked} with status {}: {text}", status.as_u16()),
    };
    finish(Error::new(kind(status), message), answer, errand)
}

/// The error that a redirect means: it is told where to, and never followed.
fn redirected(answer: &Answer, errand: &Errand<'_>) -> Error {
    let Errand { host, asked, secrets, url, .. } = errand;
    let to = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
    let to = to.and_then(|to| url.join(to).ok()).map(|mut to| {
        // What was sent may come back in it.
        to.set_query(None);
        to.set_fragment(None);
        let _ = to.set_username("").and_then(|()| to.set_password(None));
        text::escape(&text::redact(to.as_str(), secrets), LONGEST_ADDRESS)
    });
    let status = answer.status.as_u16();
    let shown = to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
    let message =
        format!("{host} answered {asked} with a redirect{shown} (status {status}), which is never followed");
    let error = Error::new(ErrorKind::InvalidResponse, message).with_hint(Hint::Redirected { to });
    finish(error, answer, errand)
}

/// The error that an error response means.
fn refused(answer: &Answer, errand: &Errand<'_>, response: ErrorResponse) -> Error {
    let Errand { host, asked, secrets, .. } = errand;
    let response = response.redacted(secrets);
    // Codes of the authorization endpoint, which servers use here too.
    let passes = matches!(response.error.as_str(), "temporarily_unavailable" | "server_error");
    let kind = match kind(answer.status) {
        ErrorKind::InvalidResponse | ErrorKind::Refused if passes => ErrorKind::ServerFailed,
        ErrorKind::InvalidResponse if answer.status.is_success() => ErrorKind::Refused,
        // Auth0 says so of an account that it has blocked: no wait helps. A session is not given up for it.
        ErrorKind::Throttled
            if response.error == ErrorCode::TOO_MANY_ATTEMPTS
                && errand.grant_type.is_some_and(|grant_type| grant_type != GrantType::RefreshToken) =>
        {
            ErrorKind::Refused
        }
        // No other secret and no other login helps, but another line of the configuration.
        ErrorKind::Refused if response.error == ErrorCode::UNSUPPORTED_GRANT_TYPE => ErrorKind::Configuration,
        kind => kind,
    };
    let message = match kind {
        ErrorKind::Refused | ErrorKind::Configuration => format!("{host} refused {asked}: {response}"),
        _ => format!("{host} answered {asked} with status {}: {response}", answer.status.as_u16()),
    };
    let error = Error::new(kind, message)
        .with_status(answer.status.as_u16())
        .with_retry_after(retry_after(&answer.headers))
        .with_delivery(delivery(answer));
    error.with_error_response(response)
}

/// The error that a successful answer means which could not be read.
fn unreadable(answer: &Answer, errand: &Errand<'_>, error: Error) -> Error {
    let unusable = unusable(answer, errand, &text::redact(&error.to_string(), &errand.secrets));
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body).is_ok();
    match error.hint() {
        Some(Hint::BearerType { token_type: Some(token_type) })
            if text::redact(token_type, &errand.secrets) != *token_type =>
        {
            unusable.with_hint(Hint::BearerType { token_type: None })
        }
        Some(hint) => unusable.with_hint(hint.clone()),
        None if is_json => unusable,
        None => unusable.with_hint(Hint::NotJson),
    }
}

/// The error that a successful answer without a usable token means. It may have spent what was sent.
fn unusable(answer: &Answer, errand: &Errand<'_>, why: &str) -> Error {
    let Errand { host, asked, .. } = errand;
    let page = Said::title(&answer.body, &errand.secrets).filter(|_| !is_encoded(answer));
    let page = page.map_or_else(String::new, |title| format!(" (a page: {title})"));
    let message = format!("{host} did not answer {asked} as it should: {why}{page}");
    finish(Error::new(ErrorKind::InvalidResponse, message), answer, errand)
}

fn finish(error: Error, answer: &Answer, errand: &Errand<'_>) -> Error {
    let error = error
        .with_status(answer.status.as_u16())
        .with_retry_after(retry_after(&answer.headers))
        .with_delivery(delivery(answer));
    match snippet(answer, &errand.secrets) {
        Some(snippet) => error.with_snippet(snippet),
        None => error,
    }
}

/// Whether an answer that is an error says what became of the request.
fn delivery(answer: &Answer) -> Delivery {
    match answer.status.as_u16() {
        // What a gateway says of a server that did not answer it.
        502 | 504 => Delivery::Unanswered,
        // A success that cannot be read may carry the successor of a refresh token: what was sent counts as spent.
        200..=299 if matches!(successor(answer), Successor::Unreadable) => Delivery::Unreadable,
        _ => Delivery::Answered,
    }
}

/// What the server said in other words than an error response. Of a success only the title of a page is shown, such as
/// a captive portal's: one that the server has just issued cannot be told from other text.
fn snippet(answer: &Answer, secrets: &[&str]) -> Option<String> {
    if is_encoded(answer) {
        return None;
    }
    if answer.status.is_success() {
        return Said::title(&answer.body, secrets);
    }
    Said::read(&answer.body, secrets).text
}

/// What a status that is no success means for the caller.
fn kind(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        429 => ErrorKind::Throttled,
        // The server gave up waiting for the request: its trouble or the network's, and temporary.
        408 | 500..=599 => ErrorKind::ServerFailed,
        400..=499 => ErrorKind::Refused,
        _ => ErrorKind::InvalidResponse,
    }
}
