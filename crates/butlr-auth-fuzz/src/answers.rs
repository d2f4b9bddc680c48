//! Answers of a token endpoint: a status, headers, an empty line, a body.

use std::error::Error as _;
use std::time::Duration;

use butlr_auth_core::{Clock as _, Delivery, ErrorKind, Leniency, ManualClock, Successor, TokenResponse};
use butlr_auth_http::fuzzing;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::{CANARY, check_silent};

const TEN_YEARS: Duration = Duration::from_secs(10 * 366 * 86_400);

const HOUR: Duration = Duration::from_secs(3600);

/// Token responses, read strictly and with every leniency.
pub(crate) fn token_response(input: &[u8]) {
    let (status, headers, body) = split(input);
    let lenient = Leniency::default().with_bearer_types(["bot", "user"]).unwrap_or_default();
    let strict = judge(status, &headers, body, &Leniency::default());
    let accepted = judge(status, &headers, body, &lenient);
    assert!(accepted || !strict, "what is accepted strictly is accepted leniently");
}

/// The same with a status that says it failed.
pub(crate) fn error_response(input: &[u8]) {
    let (status, headers, body) = split(input);
    let status = if status.is_success() { StatusCode::BAD_REQUEST } else { status };
    assert!(!judge(status, &headers, body, &Leniency::default()), "a failure brings no token");
}

/// What a header may ask of us.
pub(crate) fn headers(input: &[u8]) {
    let (_, headers, _) = split(input);
    if let Some(wait) = fuzzing::retry_after(&headers) {
        assert!(wait <= HOUR, "nobody asks for more than an hour");
    }
    for status in [StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
        match fuzzing::refusal(status, &headers, CANARY) {
            Ok(refused) => assert!(!refused || status == StatusCode::UNAUTHORIZED, "only a 401 is a refusal"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InsufficientScope);
                check_silent(&format!("{error} {error:?}"));
                assert!(error.to_string().len() < 1024, "an error is short");
            }
        }
    }
}

/// Whether there is a token in it.
fn judge(status: StatusCode, headers: &HeaderMap, body: &[u8], leniency: &Leniency) -> bool {
    match fuzzing::token(status, headers.clone(), body, &[CANARY], leniency) {
        Ok(response) => {
            check_token(&response);
            true
        }
        Err(error) => {
            let mut text = format!("{error} {error:?} {error:#?}");
            let mut source = error.source();
            while let Some(error) = source {
                text += &format!("{error} {error:?}");
                source = error.source();
            }
            check_silent(&text);
            assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
            assert!(text.len() < 16 * 1024, "an error is short");
            let readable = matches!(Successor::read(body), Successor::Unchanged | Successor::Issued(_));
            let unknown = error.kind() == ErrorKind::InvalidResponse && status.is_success() && !readable;
            assert!(!unknown || error.delivery() == Delivery::Unreadable, "it may have spent what was sent");
            false
        }
    }
}

fn check_token(response: &TokenResponse) {
    let now = ManualClock::new().now();
    assert!(response.lifetime(&now).is_none_or(|lifetime| lifetime <= TEN_YEARS));
    let token = response.access_token.expose();
    assert!(!token.is_empty() && token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
    assert!(HeaderValue::from_str(&format!("Bearer {token}")).is_ok());
    let shown = format!("{:?} {:?}", response.access_token, response.refresh_token);
    assert!(token.len() < 16 || !shown.contains(token), "{shown}");
}

fn split(input: &[u8]) -> (StatusCode, HeaderMap, &[u8]) {
    let end = input.windows(2).position(|window| window == b"\n\n");
    let (head, body) = match end {
        Some(end) => (input.get(..end).unwrap_or_default(), input.get(end + 2..).unwrap_or_default()),
        None => (&b"200"[..], input),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let status = lines.next().and_then(|line| StatusCode::from_bytes(line).ok()).unwrap_or(StatusCode::OK);
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) =
            (line.get(..colon).unwrap_or_default(), line.get(colon + 1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    (status, headers, body)
}
