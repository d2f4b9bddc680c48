//! HTTP to the profile's own servers.

use std::time::Duration;

use butlr_auth::{EndpointUrl, ErrorKind, Network};
use reqwest::redirect;

use crate::failure::Failure;

/// No body is longer, in either direction: 64 MiB.
pub(crate) const LIMIT: usize = 64 << 20;

/// Makes a client that follows no redirect: a token is for one origin. What is on this machine is asked directly,
/// because a proxy would look for it on its own.
pub(crate) fn client(
    network: &Network,
    server: &EndpointUrl,
    timeout: Duration,
) -> Result<reqwest::Client, Failure> {
    let settings = network
        .client_builder(server)?
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        .user_agent(concat!("butlr-auth/", env!("CARGO_PKG_VERSION")));
    settings.build().map_err(|error| unbuilt(&error))
}

/// Reads a body, which has a limit.
pub(crate) async fn body(mut response: reqwest::Response, host: &str) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(host, &error))? {
        if body.len() + chunk.len() > LIMIT {
            let message = format!("{host} answered with more than {} MiB", LIMIT >> 20);
            return Err(Failure::new(ErrorKind::InvalidResponse, message));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Says why no answer came to what `asked` says.
pub(crate) async fn unreachable(
    network: &Network,
    server: &EndpointUrl,
    asked: &str,
    error: reqwest::Error,
) -> Failure {
    let failure = Failure::from(network.explain(server, asked, error).await);
    failure.help("try again in a moment")
}

fn broken(host: &str, error: &reqwest::Error) -> Failure {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::TimedOut, format!("no answer from {host} in time"))
    } else {
        (ErrorKind::Unreachable, format!("the exchange with {host} broke off: {cause}"))
    };
    Failure::new(kind, message).help("try again in a moment")
}

fn unbuilt(error: &reqwest::Error) -> Failure {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        text = format!("{text}: {source}");
        cause = source.source();
    }
    Failure::configuration(format!("the HTTP client cannot be built: {text}"))
}
