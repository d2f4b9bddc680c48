use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{EndpointUrl, Error};
use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::Discovery;
use crate::answer;
use crate::discovery::good_for;
use crate::endpoint::leads_to_this_machine;
use crate::network::Network;
use crate::transport::{Errand, Transport};

/// For how long a request for keys may take as a whole: 5 seconds, as for a token request.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Where an authorization server publishes the keys that check its signatures (`jwks_uri`).
///
/// It keeps nothing but its connections: `butlr-auth-verify` reads the keys and keeps them.
///
/// # Examples
/// ```
/// # use butlr_auth_testkit::AuthorizationServer;
/// use butlr_auth_http::{Discovery, JwksEndpoint};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = AuthorizationServer::start().await?;
/// # let issuer = server.issuer();
/// let endpoint = JwksEndpoint::of(Discovery::builder(issuer).build()?);
/// let document = endpoint.read().await?;
/// assert!(document.body.starts_with(br#"{"keys":"#));
/// # Ok(())
/// # }
/// ```
pub struct JwksEndpoint {
    place: Place,
    transport: Arc<Transport>,
    timeout: Duration,
}

#[derive(Debug)]
enum Place {
    Known(EndpointUrl),
    /// What the metadata name: looked up again each time, because it may move.
    Found(Box<Discovery>),
}

/// A document of keys, as it came.
#[derive(Debug)]
#[non_exhaustive]
pub struct JwksDocument {
    /// The body, 256 KiB at most.
    pub body: Vec<u8>,
    /// For how long it is good, by its `Cache-Control`: from 1 minute to 1 day, 1 hour if that says nothing.
    pub good_for: Duration,
}

impl JwksEndpoint {
    /// Takes the URL itself.
    #[must_use]
    pub fn at(url: EndpointUrl) -> Self {
        let transport = transport(&url, Network::new());
        Self { place: Place::Known(url), transport: Arc::new(transport), timeout: TIMEOUT }
    }

    /// Takes the URL that the issuer's metadata name, and shares the connections of the discovery.
    #[must_use]
    pub fn of(discovery: Discovery) -> Self {
        let (transport, timeout) = (discovery.transport(), discovery.timeout());
        Self { place: Place::Found(Box::new(discovery)), transport, timeout }
    }

    /// Says how a URL that was [given](Self::at) is reached; a discovery says it by itself.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        if let Place::Known(url) = &self.place {
            self.transport = Arc::new(transport(url, network));
        }
        self
    }

    /// Sets for how long a request for keys may take as a whole: 5 seconds if it is not called, or as long as the
    /// discovery may.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads the document. It is never redirected.
    ///
    /// # Errors
    /// As [`Discovery::metadata`]; [`ErrorKind::Unsupported`](butlr_auth_core::ErrorKind::Unsupported) if the metadata
    /// name no place.
    pub async fn read(&self) -> Result<JwksDocument, Error> {
        let url = match &self.place {
            Place::Known(url) => url.clone(),
            Place::Found(discovery) => discovery.metadata().await?.provider("").jwks_uri()?.clone(),
        };
        let accepted = HeaderValue::from_static("application/jwk-set+json, application/json");
        let headers = HeaderMap::from_iter([(ACCEPT, accepted)]);
        let errand = Errand::new(&url, "the request for keys", Vec::new());
        let answer = self.transport.get(&url, headers, self.timeout, &errand).await?;
        let body = answer::object(&answer, &errand, &[StatusCode::OK], |body| Ok(body.to_vec()))?;
        Ok(JwksDocument { body, good_for: good_for(&answer.headers) })
    }
}

fn transport(url: &EndpointUrl, network: Network) -> Transport {
    Transport::new(None, network, TIMEOUT, leads_to_this_machine(url))
}

impl fmt::Debug for JwksEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksEndpoint").field("place", &self.place).finish_non_exhaustive()
    }
}
