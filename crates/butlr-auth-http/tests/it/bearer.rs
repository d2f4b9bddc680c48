//! The token on requests: each rule shown for tower, for reqwest's middleware and for the plain function.

mod bodies;
mod clients;
mod downgrade;
mod origins;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use async_trait::async_trait;
use butlr_auth_core::{AccessToken, Error, Fingerprint, Scope, Token, TokenSource, Validity};
use butlr_auth_http::Bearer;

use crate::capture::{Capture, Play, Request};

/// Hands out `canary-1` until it is rejected, then `canary-2`, and so on; a `stubborn` one never changes.
#[derive(Debug, Default)]
struct Source {
    renewed: AtomicU64,
    rejected: AtomicUsize,
    stubborn: bool,
}

impl Source {
    fn current(&self) -> String {
        format!("canary-{}", self.renewed.load(Ordering::SeqCst) + 1)
    }

    fn rejected(&self) -> usize {
        self.rejected.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenSource for Source {
    async fn token(&self) -> Result<Token, Error> {
        Ok(Token::new(AccessToken::new(self.current())?, Scope::empty(), Validity::UNTIL_REFUSED))
    }

    fn reject(&self, rejected: &Fingerprint) {
        self.rejected.fetch_add(1, Ordering::SeqCst);
        if !self.stubborn && *rejected == Fingerprint::of(self.current().as_bytes()) {
            self.renewed.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn version(&self) -> u64 {
        self.renewed.load(Ordering::SeqCst)
    }
}

fn bearer(capture: &Capture) -> (Bearer, Arc<Source>) {
    let source = Arc::new(Source::default());
    let bearer = Bearer::new(Arc::clone(&source)).origin(&capture.url("")).unwrap();
    (bearer, source)
}

async fn server() -> Capture {
    Capture::start(Play::By(answer)).await
}

/// Does what the request asks for: moves it to another URL (`/moved/URL`), or refuses it (`x-refuse`: which token, or
/// `all`) with the status, the challenges and the type that it names, and with its own body.
fn answer(request: &Request) -> Vec<u8> {
    if let Some(url) = request.target.strip_prefix("/moved/") {
        return format!("HTTP/1.1 307 Moved\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n").into();
    }
    let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let refused =
        request.header("x-refuse").is_some_and(|refused| refused == "all" || Some(refused) == token);
    let (status, challenges) = if refused {
        (request.header("x-status").unwrap_or("401 No"), request.header("x-challenges").unwrap_or("Bearer"))
    } else {
        ("200 OK", "")
    };
    let challenges: String = challenges
        .split('|')
        .filter(|challenge| !challenge.is_empty())
        .map(|challenge| format!("WWW-Authenticate: {challenge}\r\n"))
        .collect();
    let (kind, length) = (request.header("x-type").unwrap_or("text/plain"), request.body.len());
    let body = if refused || length == 0 { request.body.clone() } else { "x".repeat(length) };
    format!("HTTP/1.1 {status}\r\n{challenges}Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}")
        .into()
}

/// The tokens that the server saw, in order.
fn tokens(capture: &Capture) -> Vec<Option<String>> {
    let requests = capture.requests();
    requests.iter().map(|request| request.header("authorization").map(str::to_owned)).collect()
}

fn sent(names: &[&str]) -> Vec<Option<String>> {
    names.iter().map(|name| Some(format!("Bearer {name}"))).collect()
}
