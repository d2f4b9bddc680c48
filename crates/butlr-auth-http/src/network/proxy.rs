//! The proxy between this machine and a server.

use std::fmt;
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use http::Method;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{ClientBuilder, redirect};
use url::Url;

/// For how long a proxy that has refused is asked why: 2 seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The variables that name a proxy for https, in the order in which they are looked at: the first that is set of each
/// pair counts.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// Which way requests go.
#[derive(Clone, Default)]
pub(super) enum Route {
    /// As the environment says.
    #[default]
    Environment,
    Through(Box<Url>),
    Straight,
}

/// A proxy, for one server.
pub(super) struct Proxy(Intercept);

/// Reads the URL of a proxy, whose scheme may be left out as it is in the environment.
///
/// # Errors
/// What is wrong with it, without repeating it: it may hold a password.
pub(super) fn parse(text: &str) -> Result<Url, &'static str> {
    const NO_URL: &str = "is no URL like `http://proxy.example.com:3128`";
    let text = text.trim();
    let url = if text.contains("://") { text.parse() } else { format!("http://{text}").parse() };
    let url: Url = url.map_err(|_| NO_URL)?;
    if url.scheme().starts_with("socks") {
        return Err("is one for SOCKS, which is not spoken here: name an HTTP proxy");
    }
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let is_used = matches!(url.scheme(), "http" | "https") && url.port() != Some(0) && is_bare;
    // What is not understood there would be passed over in silence.
    let understood =
        Matcher::builder().all(text).build().intercept(&http::Uri::from_static("https://a.invalid"));
    if is_used && understood.is_some() { Ok(url) } else { Err(NO_URL) }
}

impl Route {
    /// Makes sure that the environment names a proxy, if it names one: a name that is passed over would send requests
    /// another way than they were meant to go.
    pub(super) fn check(&self) -> Result<(), Error> {
        if !matches!(self, Self::Environment) || std::env::var_os("REQUEST_METHOD").is_some() {
            return Ok(());
        }
        for names in VARIABLES {
            let set = names.into_iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
            let Some((name, value)) = set.filter(|(_, value)| !value.is_empty()) else { continue };
            return parse(&value).map(drop).map_err(|why| {
                Error::new(ErrorKind::Configuration, format!("the proxy that {name} names {why}"))
            });
        }
        Ok(())
    }

    /// The proxy for this server.
    pub(super) fn to(&self, server: &Url) -> Option<Proxy> {
        let matcher = match self {
            Self::Straight => return None,
            Self::Environment => Matcher::from_env(),
            Self::Through(url) => {
                let excepted = ["NO_PROXY", "no_proxy"].into_iter().find_map(|name| std::env::var(name).ok());
                Matcher::builder().all(url.as_str()).no(excepted.unwrap_or_default()).build()
            }
        };
        matcher.intercept(&server.as_str().parse().ok()?).map(Proxy)
    }
}

impl Proxy {
    /// What it is called in messages: never with user name and password.
    pub(super) fn name(&self) -> String {
        let uri = self.0.uri();
        let port = uri.port_u16().unwrap_or_else(|| if uri.scheme_str() == Some("https") { 443 } else { 80 });
        format!("{}:{port}", uri.host().unwrap_or_default())
    }

    /// Settings for a client that speaks to the proxy itself.
    pub(super) fn client_builder(&self) -> ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_rustls()
            .redirect(redirect::Policy::none())
            .http1_only()
            .timeout(PATIENCE)
    }

    /// Asks the proxy once more for a connection to the server, and reads the status of its answer.
    pub(super) async fn status_for(&self, settings: ClientBuilder, server: &Url) -> Option<u16> {
        let mut proxy = reqwest::Proxy::http(self.0.uri().to_string()).ok()?;
        if let Some(authorization) = self.0.basic_auth() {
            proxy = proxy.custom_http_auth(authorization.clone());
        }
        let client = settings.no_proxy().proxy(proxy).build().ok()?;
        let port = server.port_or_known_default()?;
        let target: Url = format!("http://{}:{port}/", server.host_str()?).parse().ok()?;
        let answer = client.request(Method::CONNECT, target).send().await.ok()?;
        Some(answer.status().as_u16())
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::Straight => f.write_str("Straight"),
            Self::Through(url) => write!(f, "Through({})", url.host_str().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests;
