//! What the person sees: one page that can say a few things, and nothing that came with a request.

use butlr_auth_core::{AuthorizationResponse, Error, ErrorKind};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Bytes;
use oauth2::CsrfToken;

use super::gate::Gate;

const PAGE: &str = include_str!("page.html");

/// Which part of the page is to be seen. Each is a section of the page under this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The browser is about to hand the fragment over.
    HandOver,
    /// The answer is good.
    Done,
    /// The person or the server said no.
    Refused,
    /// Something about the answer is wrong, and the attempt is over.
    Invalid,
    /// Not the answer to this attempt, which waits on.
    Stray,
}

impl Shown {
    fn name(self) -> &'static str {
        match self {
            Self::HandOver => "hand-over",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
            Self::Stray => "stray",
        }
    }

    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::HandOver | Self::Done | Self::Refused => StatusCode::OK,
            Self::Invalid | Self::Stray => StatusCode::BAD_REQUEST,
        }
    }
}

impl From<&Result<AuthorizationResponse, Error>> for Shown {
    fn from(answer: &Result<AuthorizationResponse, Error>) -> Self {
        match answer {
            Ok(_) => Self::Done,
            Err(error) if error.kind() == ErrorKind::Refused => Self::Refused,
            Err(_) => Self::Invalid,
        }
    }
}

pub(super) fn page(status: StatusCode, shown: Shown, gate: &Gate) -> Response<Full<Bytes>> {
    let nonce = CsrfToken::new_random().into_secret();
    // Only the page that hands something over needs to know the attempt.
    let attempt = if shown == Shown::HandOver { gate.attempt() } else { "" };
    let html = PAGE.replace("{nonce}", &nonce).replace("{shown}", shown.name()).replace("{attempt}", attempt);
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let mut response = sealed(status, "text/html; charset=utf-8", html);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Tells the page that handed a fragment over what to show.
pub(super) fn word(shown: Shown) -> Response<Full<Bytes>> {
    sealed(shown.status(), "text/plain; charset=utf-8", shown.name().to_owned())
}

fn sealed(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers: [(HeaderName, &str); 7] = [
        (CONTENT_TYPE, media_type),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
