use butlr_auth_core::{
    Delivery, Error, ErrorCode, ErrorKind, ErrorResponse, Leniency, RefreshError, Successor, TokenResponse,
    text,
};
use http::StatusCode;
use http::header::CONTENT_ENCODING;

use crate::retry_after::retry_after;
use crate::transport::{Answer, Errand};

/// A snippet of an answer has at most this many characters.
const LONGEST_SNIPPET: usize = 200;

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
    match answer.status {
        StatusCode::OK => {}
        StatusCode::CREATED if leniency.created_status => {}
        _ => return Err(failed(answer, errand)),
    }
    whole(answer, errand)?;
    TokenResponse::from_json(&answer.body, leniency).map_err(|error| match error.error_response() {
        // GitHub and others send errors with status 200.
        Some(response) => refused(answer, errand, response.clone()),
        None => unusable(answer, errand, &error.to_string()),
    })
}

/// Judges the answer of a revocation endpoint: with status 200, whatever the body is, the token is gone.
pub(crate) fn revocation(answer: &Answer, errand: &Errand<'_>) -> Result<(), Error> {
    //= https://www.rfc-editor.org/rfc/rfc7009#section-2.2
    //# The content of the response body is ignored by the client as all necessary information is conveyed in
    //# the response code.
    if answer.status == StatusCode::OK {
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
        None => unusable(answer, errand, &error.to_string()),
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
    if let Some(response) = ErrorResponse::from_json(&answer.body) {
        return refused(answer, errand, response);
    }
    let Errand { host, asked, .. } = errand;
    let status = answer.status;
    let message = if status.is_redirection() {
        format!(
            "{host} answered {asked} with a redirect (status {}), which is never followed",
            status.as_u16()
        )
    } else {
        format!("{host} answered {asked} with status {}", status.as_u16())
    };
    finish(Error::new(kind(status), message), answer, errand)
}

/// The error that an error response means.
fn refused(answer: &Answer, errand: &Errand<'_>, response: ErrorResponse) -> Error {
    let Errand { host, asked, secrets } = errand;
    let response = response.redacted(secrets);
    let kind = match kind(answer.status) {
        ErrorKind::InvalidResponse if answer.status.is_success() => ErrorKind::Refused,
        kind => kind,
    };
    let message = match kind {
        ErrorKind::Refused => format!("{host} refused {asked}: {response}"),
        _ => format!("{host} answered {asked} with status {}: {response}", answer.status.as_u16()),
    };
    let error = Error::new(kind, message)
        .with_status(answer.status.as_u16())
        .with_retry_after(retry_after(&answer.headers))
        .with_delivery(delivery(answer));
    error.with_error_response(response)
}

/// The error that a successful answer without a usable token means. It may have spent what was sent.
fn unusable(answer: &Answer, errand: &Errand<'_>, why: &str) -> Error {
    let Errand { host, asked, .. } = errand;
    let message = format!("{host} did not answer {asked} as it should: {why}");
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

/// The beginning of a body, fit to be shown, or nothing if a token may be in it: one that the server has just
/// issued cannot be told from other text. Of a success only a page is shown, such as a captive portal's.
fn snippet(answer: &Answer, secrets: &[&str]) -> Option<String> {
    let shown = std::str::from_utf8(&answer.body).ok()?.trim();
    let page = shown.starts_with('<');
    let suspicious = |text: &str| {
        text.contains('\0') || text.contains("eyJ") || text.to_ascii_lowercase().contains("token")
    };
    if shown.is_empty() || (answer.status.is_success() && !page) || suspicious(shown) {
        return None;
    }
    // Cut far behind the snippet's own end, so that a secret is whole when it is looked for.
    let beginning: String = shown.chars().take(8 * LONGEST_SNIPPET).collect();
    Some(text::escape(&text::redact(&beginning, secrets), LONGEST_SNIPPET))
}
