//! What every page of the server has in common: nothing of it is kept, framed, sniffed or passed on, and its forms
//! come back from the browser that it was shown in.

use askama::Template;
use axum::http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::no_store;
use crate::random;

/// The cookie that ties a page to the browser that opened it.
const BROWSER: &str = "butlr_auth_browser";

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    nonce: &'a str,
    problem: &'a str,
}

pub(super) fn problem_page(problem: &str) -> Response {
    let nonce = random::token(16);
    html(StatusCode::BAD_REQUEST, ProblemPage { nonce: &nonce, problem }.render(), &nonce, "'none'")
}

pub(super) fn html(
    status: StatusCode,
    page: askama::Result<String>,
    nonce: &str,
    form_action: &str,
) -> Response {
    let Ok(page) = page else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action {form_action}; frame-ancestors 'none'; base-uri 'none'"
    );
    let mut response = (status, [(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    sealed(response)
}

/// Headers of every answer that a browser gets.
pub(super) fn sealed(response: Response) -> Response {
    let mut response = no_store(response);
    let fixed: [(HeaderName, &str); 3] =
        [(REFERRER_POLICY, "no-referrer"), (X_FRAME_OPTIONS, "DENY"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The browser that a page is shown in.
pub(super) struct Browser {
    pub(super) value: String,
    known: bool,
}

pub(super) fn browser_or_new(headers: &HeaderMap) -> Browser {
    match browser(headers) {
        Some(value) => Browser { value: value.to_owned(), known: true },
        None => Browser { value: random::token(16), known: false },
    }
}

impl Browser {
    /// Has the browser remember who it is, below `path`.
    pub(super) fn remembered(self, mut response: Response, path: &str) -> Response {
        let cookie = format!("{BROWSER}={}; Path={path}; HttpOnly; SameSite=Lax", self.value);
        if let (false, Ok(cookie)) = (self.known, HeaderValue::from_str(&cookie)) {
            response.headers_mut().insert(SET_COOKIE, cookie);
        }
        response
    }
}

pub(super) fn browser(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    cookies
        .flat_map(|line| line.split("; "))
        .find_map(|cookie| cookie.strip_prefix(BROWSER)?.strip_prefix('='))
}
