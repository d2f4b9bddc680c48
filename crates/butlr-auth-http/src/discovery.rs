use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{Clock, EndpointUrl, Error, Metadata, Moment, SystemClock};
use http::header::{ACCEPT, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::answer;
use crate::endpoint::leads_to_this_machine;
use crate::network::{Network, NetworkFault};
use crate::transport::{Errand, Transport};
use crate::{HttpTokenEndpoint, HttpTokenEndpointBuilder};

/// For how long a document is good whose server does not say: 1 hour.
const USUALLY: Duration = Duration::from_secs(3600);

/// No document is asked for more often than this, whatever the server says: once a minute.
const AT_LEAST: Duration = Duration::from_secs(60);

/// No document is kept for longer than this without asking again, whatever the server says: 1 day.
const AT_MOST: Duration = Duration::from_secs(86_400);

/// For how long a document is still used when it is due and the server is down: 7 days from when it was read.
const STALE: Duration = Duration::from_secs(7 * 86_400);

/// Finds out what one authorization server says of itself, and remembers it: [RFC 8414] metadata, OpenID Connect
/// Discovery, or both in one.
///
/// Both of the places where a server may keep its document are looked at,
/// `/.well-known/oauth-authorization-server` before the issuer's path and `/.well-known/openid-configuration` behind
/// it; the second only where the first leaves something to be wished. A document that names another issuer, byte for
/// byte, is not used.
///
/// What was read is good for as long as its `Cache-Control` says, but for 1 minute at least and 1 day at most; 1 hour
/// if it says nothing. When it is due and the server is down, it is used on for up to 7 days, and asked for again
/// once a minute.
///
/// # Examples
/// ```
/// # use butlr_auth_testkit::AuthorizationServer;
/// use butlr_auth_http::Discovery;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let server = AuthorizationServer::start().await?;
/// # let issuer = server.issuer();
/// let discovery = Discovery::builder(issuer).build()?;
/// let provider = discovery.metadata().await?.provider("my server");
/// assert!(provider.authorization_endpoint().is_ok());
/// # Ok(())
/// # }
/// ```
///
/// [RFC 8414]: https://www.rfc-editor.org/rfc/rfc8414
pub struct Discovery {
    issuer: String,
    places: [EndpointUrl; 2],
    transport: Arc<Transport>,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    kept: Mutex<Option<Kept>>,
}

#[derive(Clone)]
struct Kept {
    metadata: Arc<Metadata>,
    asked_at: Moment,
    good_for: Duration,
}

/// How a document is written down between two runs of a program.
#[derive(Serialize, Deserialize)]
struct Written {
    asked_at: Moment,
    good_for: u64,
    document: String,
}

impl Discovery {
    /// Starts a builder for the server whose issuer identifier is `issuer`, byte for byte.
    pub fn builder(issuer: impl Into<String>) -> DiscoveryBuilder {
        DiscoveryBuilder {
            issuer: issuer.into(),
            http_client: None,
            network: Network::new(),
            clock: None,
            timeout: Duration::from_secs(5),
            written: None,
        }
    }

    /// Returns what the server says of itself, from memory if that is good.
    ///
    /// Any number of callers cause one look; a caller that leaves causes the next one to look.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`](butlr_auth_core::ErrorKind::InvalidResponse) if what is there is not metadata of this issuer; else as
    /// [`exchange`](butlr_auth_core::TokenEndpoint::exchange), unless what was read before can still be used.
    pub async fn metadata(&self) -> Result<Arc<Metadata>, Error> {
        let mut slot = self.kept.lock().await;
        let now = self.clock.now();
        if let Some(kept) = slot.as_ref().filter(|kept| kept.age(now) < kept.good_for) {
            return Ok(Arc::clone(&kept.metadata));
        }
        match (self.look(now).await, slot.as_mut()) {
            (Ok((metadata, good_for)), _) => {
                let metadata = Arc::new(metadata);
                *slot = Some(Kept { metadata: Arc::clone(&metadata), asked_at: now, good_for });
                Ok(metadata)
            }
            (Err(error), Some(kept))
                if (error.is_transient() || is_of_the_network(&error)) && kept.age(now) < STALE =>
            {
                tracing::warn!(issuer = self.issuer, %error, "the metadata read before are used on");
                kept.good_for = kept.age(now).saturating_add(AT_LEAST);
                Ok(Arc::clone(&kept.metadata))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Starts a token endpoint at this server, which sessions know by the issuer. It shares the connections of this
    /// discovery.
    ///
    /// # Errors
    /// As [`metadata`](Self::metadata).
    pub async fn endpoint(&self) -> Result<HttpTokenEndpointBuilder, Error> {
        let provider = self.metadata().await?.provider(self.issuer.as_str());
        Ok(HttpTokenEndpoint::builder(provider).share_transport(Arc::clone(&self.transport)))
    }

    /// Writes down what was read, for the next run of the program to [begin with](DiscoveryBuilder::kept). It holds
    /// no secret.
    pub async fn to_json(&self) -> Option<String> {
        let kept = self.kept.lock().await.clone()?;
        let (asked_at, good_for) = (kept.asked_at, kept.good_for.as_secs());
        serde_json::to_string(&Written { asked_at, good_for, document: kept.metadata.to_json() }).ok()
    }

    pub(crate) fn transport(&self) -> Arc<Transport> {
        Arc::clone(&self.transport)
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Looks at the one place, and at the other if need be, within one deadline.
    async fn look(&self, began: Moment) -> Result<(Metadata, Duration), Error> {
        let [first, second] = &self.places;
        let left = || self.timeout.saturating_sub(self.clock.now().since(&began).unwrap_or_default());
        match self.document(first, self.timeout).await {
            Ok(found) if found.0.is_complete() => Ok(found),
            Ok((mut metadata, good_for)) => match self.document(second, left()).await {
                Ok((more, good_for_more)) => {
                    metadata.merge(more)?;
                    Ok((metadata, good_for.min(good_for_more)))
                }
                Err(error) => {
                    tracing::debug!(issuer = self.issuer, %error, "there is no second document");
                    Ok((metadata, good_for))
                }
            },
            Err(error) if error.is_transient() && error.status().is_none() => Err(error),
            Err(error) if is_of_the_network(&error) => Err(error),
            Err(error) => self.document(second, left()).await.map_err(|other| more_telling(error, other)),
        }
    }

    async fn document(&self, url: &EndpointUrl, total: Duration) -> Result<(Metadata, Duration), Error> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let errand = Errand::new(url, format!("the request for {}", url.as_str()), Vec::new());
        let answer = self.transport.get(url, headers, total, &errand).await?;
        let metadata = answer::object(&answer, &errand, &[StatusCode::OK], |body| {
            Metadata::from_json(&self.issuer, body)
        })?;
        for member in metadata.unusable() {
            tracing::warn!(issuer = self.issuer, member, "an endpoint in the metadata cannot be used");
        }
        Ok((metadata, good_for(&answer.headers)))
    }
}

impl HttpTokenEndpoint {
    /// Starts a token endpoint at the server whose issuer identifier is `issuer`, by what the server says of itself.
    /// Programs that live for days keep a [`Discovery`] instead.
    ///
    /// # Errors
    /// As [`Discovery::metadata`], and [`ErrorKind::Configuration`](butlr_auth_core::ErrorKind::Configuration) if the issuer is not a URL that an endpoint may
    /// have.
    pub async fn discover(issuer: impl Into<String>) -> Result<HttpTokenEndpointBuilder, Error> {
        Discovery::builder(issuer).build()?.endpoint().await
    }
}

impl Kept {
    /// A clock that was set back cannot tell the age: then the document is due.
    fn age(&self, now: Moment) -> Duration {
        now.since(&self.asked_at).unwrap_or(Duration::MAX)
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovery").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Builds a [`Discovery`].
///
/// # Defaults
/// - [`timeout`](Self::timeout): 5 s for both documents together, as for a token request.
/// - [`clock`](Self::clock): the system's.
#[derive(Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct DiscoveryBuilder {
    issuer: String,
    http_client: Option<reqwest::ClientBuilder>,
    network: Network,
    clock: Option<Arc<dyn Clock>>,
    timeout: Duration,
    written: Option<String>,
}

impl DiscoveryBuilder {
    /// Says how the server is reached, as [`HttpTokenEndpointBuilder::network`] does.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Takes settings for the HTTP client, as [`HttpTokenEndpointBuilder::http_client`] does.
    pub fn http_client(mut self, settings: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(settings);
        self
    }

    /// Takes another clock than the system's: a test's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets how long a look may take as a whole, at both places together.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Begins with what [`Discovery::to_json`] wrote down in an earlier run. What cannot be read, or is another
    /// issuer's, is as good as nothing.
    pub fn kept(mut self, written: impl Into<String>) -> Self {
        self.written = Some(written.into());
        self
    }

    /// Builds it. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](butlr_auth_core::ErrorKind::Configuration) if the issuer is not a URL that an endpoint may have, or has a query.
    pub fn build(self) -> Result<Discovery, Error> {
        let Self { issuer, http_client, network, clock, timeout, written } = self;
        // It may be the address of the document, or have a query.
        Metadata::check_issuer(&issuer)?;
        let url: EndpointUrl = issuer.parse()?;
        let transport = Transport::new(http_client, network, timeout, leads_to_this_machine(&url));
        let kept = written.and_then(|written| {
            let written: Written = serde_json::from_str(&written).ok()?;
            let metadata = Arc::new(Metadata::from_json(&issuer, written.document.as_bytes()).ok()?);
            let good_for = Duration::from_secs(written.good_for).min(AT_MOST);
            Some(Kept { metadata, asked_at: written.asked_at, good_for })
        });
        Ok(Discovery {
            places: places(&url)?,
            issuer,
            transport: Arc::new(transport),
            clock: clock.unwrap_or_else(|| Arc::new(SystemClock::new())),
            timeout,
            kept: Mutex::new(kept),
        })
    }
}

/// Whether nobody was asked, whether waiting mends it or not.
fn is_of_the_network(error: &Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<NetworkFault>())
}

/// Where the documents of an issuer are.
fn places(issuer: &EndpointUrl) -> Result<[EndpointUrl; 2], Error> {
    let at = |path: String| {
        let mut url = issuer.as_url().clone();
        url.set_path(&path);
        url.as_str().parse()
    };
    let path = issuer.as_url().path().trim_end_matches('/');
    //= https://www.rfc-editor.org/rfc/rfc8414#section-3.1
    //# If the issuer identifier value contains a path component, any terminating "/" MUST be removed before
    //# inserting "/.well-known/" and the well-known URI suffix between the host component and the path component.
    let oauth = at(format!("/.well-known/oauth-authorization-server{path}"))?;
    //= https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfigurationRequest
    //# If the Issuer value contains a path component, any terminating / MUST be removed before appending
    //# /.well-known/openid-configuration.
    Ok([oauth, at(format!("{path}/.well-known/openid-configuration"))?])
}

/// How long a document is good.
pub(crate) fn good_for(headers: &HeaderMap) -> Duration {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut asked = None;
    for directive in directives.flat_map(|line| line.split(',')).map(str::trim) {
        let directive = directive.to_ascii_lowercase();
        if directive == "no-store" || directive == "no-cache" {
            return AT_LEAST;
        }
        if let Some(age) = directive.strip_prefix("max-age=") {
            let digits = !age.is_empty() && age.bytes().all(|byte| byte.is_ascii_digit());
            // More digits than a number holds mean "long".
            let seconds = || digits.then(|| age.parse().map_or(AT_MOST, Duration::from_secs));
            asked = asked.or_else(seconds);
        }
    }
    asked.unwrap_or(USUALLY).clamp(AT_LEAST, AT_MOST)
}

/// Of two failures, the one that says more: a document that is there and wrong, before a trouble that passes, before a
/// redirect, before one that is not there.
fn more_telling(first: Error, second: Error) -> Error {
    let says = |error: &Error| (error.status() == Some(200), error.is_transient(), error.hint().is_some());
    if says(&second) > says(&first) { second } else { first }
}
