//! HTTP to the profile's own servers.

use std::time::Duration;

use butlr_auth::EndpointUrl;
use reqwest::redirect;

use crate::failure::Failure;

/// Makes a client that follows no redirect: a token is for one origin. What is on this machine is asked directly,
/// because a proxy would look for it on its own.
pub(crate) fn client(server: &EndpointUrl, timeout: Duration) -> Result<reqwest::Client, Failure> {
    let mut settings = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(timeout)
        .user_agent(concat!("butlr-auth/", env!("CARGO_PKG_VERSION")));
    if server.as_url().scheme() == "http" {
        settings = settings.no_proxy();
    }
    settings.build().map_err(|error| Failure::unexpected(format!("could not set up HTTP: {error}")))
}

/// Says why no answer came: the innermost cause, which is what helps.
pub(crate) fn unreachable(host: &str, error: &reqwest::Error) -> Failure {
    use butlr_auth::ErrorKind;
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let (kind, message) = if error.is_timeout() {
        (ErrorKind::TimedOut, format!("no answer from {host} in time"))
    } else if error.is_connect() {
        (ErrorKind::Unreachable, format!("could not reach {host}: {cause}"))
    } else {
        (ErrorKind::Unreachable, format!("the exchange with {host} broke off: {cause}"))
    };
    Failure::new(kind, message).mend("try again in a moment")
}
