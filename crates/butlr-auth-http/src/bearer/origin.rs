use std::fmt;
use std::str::FromStr;

use butlr_auth_core::{EndpointUrl, Error, ErrorKind};

/// Scheme, host and port that a token may go to.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: String,
    /// With the port, unless it is the scheme's own.
    authority: String,
    /// With the port, where it is the scheme's own and may be left out.
    spelt_out: Option<String>,
}

impl Origin {
    /// Whether a URL with this scheme and authority is of this origin. The authority is compared as a whole, so that
    /// there is no room for a user name, an odd port or another way to write a host.
    pub(super) fn is(&self, scheme: &str, authority: &str) -> bool {
        scheme.eq_ignore_ascii_case(&self.scheme)
            && (authority.eq_ignore_ascii_case(&self.authority)
                || self.spelt_out.as_ref().is_some_and(|spelt_out| authority.eq_ignore_ascii_case(spelt_out)))
    }
}

impl FromStr for Origin {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let endpoint: EndpointUrl = text.parse()?;
        let url = endpoint.as_url();
        if url.scheme() == "http" && url.domain().is_some() {
            // Whose client it is asks a resolver what `localhost` is.
            let message = format!("`{}` is a name without TLS: use 127.0.0.1 or [::1]", endpoint.origin());
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        if url.path() != "/" || url.query().is_some() {
            let message = format!("`{}` is more than an origin: leave its path out", endpoint.origin());
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let authority = endpoint.host();
        let own_port = || format!("{authority}:{}", if url.scheme() == "https" { 443 } else { 80 });
        let spelt_out = url.port().is_none().then(own_port);
        Ok(Self { scheme: url.scheme().to_owned(), authority, spelt_out })
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}
