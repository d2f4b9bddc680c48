use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::{Error, ErrorKind, text};

/// The URL of an endpoint: `https`, or `http` to this machine alone, without user name and fragment.
///
/// Plain `http` is accepted for literal loopback addresses (`127.0.0.0/8`, `[::1]`), written the usual way, and for the
/// name `localhost` itself, which may resolve to anything
/// ([RFC 8252 §8.3](https://www.rfc-editor.org/rfc/rfc8252#section-8.3)): no resolver is asked for it, and it is
/// `127.0.0.1` and `[::1]`. Neither `localhost.` nor a name below it is this one.
///
/// ```
/// use butlr_auth_core::EndpointUrl;
///
/// assert!("https://as.example.com/token".parse::<EndpointUrl>().is_ok());
/// assert!("http://127.0.0.1:8080/token".parse::<EndpointUrl>().is_ok());
/// assert!("http://as.example.com/token".parse::<EndpointUrl>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EndpointUrl(Url);

impl EndpointUrl {
    /// Returns the URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// Returns the URL as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Returns the host, with the port if it is not the scheme's own: what errors and logs name.
    #[must_use]
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        self.0.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Returns scheme, host and port: what a secret is bound to.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Returns this URL with `path` appended to its own path.
    #[must_use]
    pub fn join_path(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        let joined = format!("{}/{}", url.path().trim_end_matches('/'), path.trim_start_matches('/'));
        url.set_path(&joined);
        Self(url)
    }
}

impl FromStr for EndpointUrl {
    type Err = Error;

    fn from_str(given: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            // What stands before the first `?` or `@`: a URL may carry a secret behind either.
            let shown = given.split(['?', '#']).next().unwrap_or_default();
            let shown = shown.rsplit_once('@').map_or(shown, |(_, host)| host);
            Error::new(ErrorKind::Configuration, format!("endpoint `{}` {why}", text::escape(shown, 128)))
        };
        let url = Url::parse(given).map_err(|_| refuse("is not an absolute URL"))?;
        if !url.username().is_empty() || url.password().is_some() || authority(given).contains('@') {
            return Err(refuse("holds a user name or a password"));
        }
        //= https://www.rfc-editor.org/rfc/rfc6749#section-3.1
        //# The endpoint URI MUST NOT include a fragment component.
        if url.fragment().is_some() {
            return Err(refuse("has a fragment"));
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if is_plain_loopback(&url, given) => Ok(Self(url)),
            //= https://www.rfc-editor.org/rfc/rfc6749#section-3.2
            //# the authorization server MUST require the use of TLS as described in Section 1.6 when sending
            //# requests to the token endpoint.
            "http" => {
                Err(refuse("is plain http to another place than 127.0.0.1, [::1] or localhost: use https"))
            }
            _ => Err(refuse("is neither https nor http")),
        }
    }
}

/// What stands between `//` and the path, as it was written.
fn authority(given: &str) -> &str {
    let after = given.split_once("//").map_or(given, |(_, after)| after);
    after.split(['/', '?', '#', '\\']).next().unwrap_or_default()
}

/// Whether the host is a loopback address and was written as one: `Url` reads `2130706433` and `0x7f.1` as
/// addresses too.
fn is_plain_loopback(url: &Url, given: &str) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Whoever connects pins it to these addresses.
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let written = authority(given);
    let host = url.host_str().unwrap_or_default();
    loopback && written.strip_prefix(host).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

impl fmt::Debug for EndpointUrl {
    /// Leaves the query out: configured endpoints may carry a key there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({}{})", self.origin(), self.0.path())
    }
}

#[cfg(test)]
mod tests;
