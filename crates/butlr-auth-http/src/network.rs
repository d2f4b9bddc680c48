mod fault;
mod proxy;

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use butlr_auth_core::{Delivery, EndpointUrl, Error, ErrorKind};
use reqwest::{Certificate, ClientBuilder, Identity, NoProxy};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroizing;

use self::proxy::Route;
use crate::endpoint::leads_to_this_machine;

pub use self::fault::NetworkFault;

/// What `localhost` is, without asking anybody. The port is the URL's.
const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(std::net::IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

/// How servers are reached: whose certificates are trusted, through which proxy, and which certificate the client shows.
///
/// Say it once, and give it to whatever asks a server: [`HttpTokenEndpointBuilder::network`], [`DiscoveryBuilder::network`],
/// [`JwksEndpoint::network`]. Cheap to clone.
///
/// # Defaults
/// - trusted: the operating system's authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
/// - proxy: the one that `HTTPS_PROXY` or `ALL_PROXY` names, but for hosts in `NO_PROXY`.
/// - certificate of the client: none.
///
/// Servers on this machine are never asked through a proxy, and the name `localhost` is asked of no resolver: it is
/// `127.0.0.1` and `[::1]`.
///
/// # Examples
/// ```
/// # use butlr_auth_core::Provider;
/// use butlr_auth_http::{HttpTokenEndpoint, Network};
///
/// # fn example(authority: &str) -> Result<(), butlr_auth_core::Error> {
/// let network = Network::new().certificate_authorities(authority)?.proxy("http://proxy.example.com:3128")?;
/// let endpoint = HttpTokenEndpoint::builder(Provider::butlr()).client_id("my-client").network(network).build()?;
/// # let _ = endpoint;
/// # Ok(()) }
/// ```
///
/// [`DiscoveryBuilder::network`]: crate::DiscoveryBuilder::network
/// [`HttpTokenEndpointBuilder::network`]: crate::HttpTokenEndpointBuilder::network
/// [`JwksEndpoint::network`]: crate::JwksEndpoint::network
#[derive(Clone, Default)]
pub struct Network {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
    route: Route,
}

impl Network {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these certificate authorities, in PEM, beside the operating system's.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no certificate among them, or one that cannot be read.
    pub fn certificate_authorities(mut self, pem: &str) -> Result<Self, Error> {
        let unfit = || {
            Error::new(ErrorKind::Configuration, "the certificate authorities are not certificates in PEM")
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| unfit())?;
            self.authorities.push(Certificate::from_der(&certificate).map_err(|_| unfit())?);
            roots.add(certificate).map_err(|_| unfit())?;
        }
        if roots.is_empty() { Err(unfit()) } else { Ok(self) }
    }

    /// Shows this certificate to servers that ask for one, both in PEM: the client's own first, then those that lead to
    /// an authority.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if either cannot be read, the key is encrypted, or the two do not belong together.
    pub fn client_certificate(mut self, certificate: &str, key: &str) -> Result<Self, Error> {
        let unfit = |why: &str| Error::new(ErrorKind::Configuration, format!("the client certificate {why}"));
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| unfit("is not in PEM"))?;
        if key.contains("ENCRYPTED") {
            return Err(unfit("has an encrypted key, which is not read: decrypt it, by `openssl pkey`"));
        }
        let private = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|_| unfit("has a key that is not in PEM (PKCS#8, PKCS#1 or SEC1)"))?;
        CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(
            |error| match error {
                rustls::Error::InconsistentKeys(_) => unfit("and its key do not belong together"),
                _ => unfit("or its key is of a kind that is not supported"),
            },
        )?;
        let both = Zeroizing::new(format!("{certificate}\n{key}"));
        self.identity = Some(Identity::from_pem(both.as_bytes()).map_err(|_| unfit("cannot be used"))?);
        Ok(self)
    }

    /// Goes through this HTTP proxy, `http://[user:password@]host[:port]` or the same over TLS, by CONNECT, whatever
    /// the environment says; but not to hosts in `NO_PROXY`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is no such URL. The error does not repeat it, because it may hold a password.
    pub fn proxy(mut self, url: &str) -> Result<Self, Error> {
        let refused = |why| Error::new(ErrorKind::Configuration, format!("the proxy {why}"));
        self.route = Route::Through(proxy::parse(url).map_err(refused)?.into());
        Ok(self)
    }

    /// Goes through no proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.route = Route::Straight;
        self
    }

    /// Returns the proxy between this machine and `server`, as `host:port`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the environment names a proxy by what is no URL.
    pub fn proxy_for(&self, server: &EndpointUrl) -> Result<Option<String>, Error> {
        if leads_to_this_machine(server) {
            return Ok(None);
        }
        self.route.check()?;
        Ok(self.route.to(server.as_url()).map(|proxy| proxy.name()))
    }

    /// Returns the settings of a client of one's own for requests to `server`, such as an API: trust, proxy and
    /// certificate are these.
    ///
    /// # Errors
    /// As [`proxy_for`](Self::proxy_for).
    pub fn client_builder(&self, server: &EndpointUrl) -> Result<ClientBuilder, Error> {
        self.apply(None, leads_to_this_machine(server))
    }

    /// Says why a request of a client of one's own was not answered: `asked` is what it was for.
    pub async fn explain(&self, server: &EndpointUrl, asked: &str, error: reqwest::Error) -> Error {
        let is_direct = leads_to_this_machine(server);
        match self.fault(server, is_direct, &error).await {
            Some(fault) => fault.into_error(&server.host(), asked),
            None => unanswered(&server.host(), asked, error),
        }
    }

    /// Puts this into the settings of a client. A `direct` one uses no proxy.
    pub(crate) fn apply(&self, given: Option<ClientBuilder>, direct: bool) -> Result<ClientBuilder, Error> {
        let is_ours = given.is_none();
        let mut settings = given
            .unwrap_or_else(|| reqwest::Client::builder().tls_backend_rustls())
            .resolve_to_addrs("localhost", &LOCALHOST);
        if !self.authorities.is_empty() {
            settings = settings.tls_certs_merge(self.authorities.iter().cloned());
        }
        if let Some(identity) = &self.identity {
            settings = settings.identity(identity.clone());
        }
        Ok(match &self.route {
            _ if direct => settings.no_proxy(),
            Route::Straight => settings.no_proxy(),
            Route::Through(url) => {
                let proxy = reqwest::Proxy::all(url.as_str())
                    .map_err(|_| Error::new(ErrorKind::Configuration, "the proxy cannot be used"))?;
                settings.proxy(proxy.no_proxy(NoProxy::from_env()))
            }
            Route::Environment => {
                if is_ours {
                    self.route.check()?;
                }
                settings
            }
        })
    }

    /// What of the network kept a request from `server`, if it is that.
    pub(crate) async fn fault(
        &self,
        server: &EndpointUrl,
        direct: bool,
        error: &reqwest::Error,
    ) -> Option<NetworkFault> {
        let proxy = if direct { None } else { self.route.to(server.as_url()) };
        let fault = NetworkFault::of(error, proxy.as_ref().map(proxy::Proxy::name))?;
        match proxy {
            // Which answer the proxy gave is not in the error.
            Some(proxy) if fault.is_refusal_without_status() => {
                let asked = self.apply(Some(proxy.client_builder()), false).ok()?;
                Some(fault.with_status(proxy.status_for(asked, server.as_url()).await))
            }
            _ => Some(fault),
        }
    }
}

/// What a request that got no whole answer means: whether it can have been acted on is the question.
pub(crate) fn unanswered(host: &str, asked: &str, error: reqwest::Error) -> Error {
    let delivery =
        if error.is_connect() || error.is_builder() { Delivery::NotSent } else { Delivery::Unanswered };
    let (kind, message) = if error.is_builder() {
        (ErrorKind::Configuration, format!("the request to {host} for {asked} cannot be built"))
    } else if error.is_timeout() && delivery == Delivery::NotSent {
        (ErrorKind::TimedOut, format!("no connection to {host} in time for {asked}"))
    } else if error.is_timeout() {
        (ErrorKind::TimedOut, format!("no whole answer from {host} to {asked} in time"))
    } else if delivery == Delivery::NotSent {
        (ErrorKind::Unreachable, format!("{host} cannot be reached for {asked}"))
    } else {
        (ErrorKind::Unreachable, format!("the connection to {host} broke before {asked} was answered"))
    };
    // The URL may carry a key in its query.
    Error::new(kind, message).with_delivery(delivery).with_source(error.without_url())
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("authorities", &self.authorities.len())
            .field("shows_a_certificate", &self.identity.is_some())
            .field("route", &self.route)
            .finish()
    }
}
