use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use zeroize::Zeroizing;

use super::connection::{Address, Connector};
use super::{Inner, RedisStore};
use crate::Durability;
use crate::store::tls::{client_config, is_loopback, plaintext_refused};

/// Builds a [`RedisStore`].
///
/// # Defaults
/// - [`key_prefix`](Self::key_prefix): `butlr-auth:`.
/// - [`connect_timeout`](Self::connect_timeout) and [`timeout`](Self::timeout): 2 s each. A lease beats every 1.5 s
///   and counts as lost after 6 s, so a store that is slower is of no use to a renewal.
/// - [`certificate_authorities`](Self::certificate_authorities): those of the operating system.
#[must_use = "a builder does nothing before `build`"]
pub struct RedisStoreBuilder {
    url: Zeroizing<String>,
    key_prefix: String,
    connect_timeout: Duration,
    timeout: Duration,
    authorities: Option<String>,
    plaintext: bool,
    synced: bool,
    replicas: u32,
}

impl RedisStoreBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: Zeroizing::new(url.to_owned()),
            key_prefix: "butlr-auth:".to_owned(),
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(2),
            authorities: None,
            plaintext: false,
            synced: false,
            replicas: 0,
        }
    }

    /// Sets what the names of the keys begin with. Whoever shares sessions has the same.
    pub fn key_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.key_prefix = prefix.into();
        self
    }

    /// Sets how long connecting may take, TLS and login included.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long the answer to a request may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts these certificate authorities, in PEM, instead of the operating system's.
    pub fn certificate_authorities(mut self, pem: impl Into<String>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Lets secrets go to another machine without TLS. Whoever is in between reads the password and every token, and
    /// may change them: for networks that encrypt by themselves.
    pub fn danger_allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// States that the server syncs each write before it answers (`appendonly yes`, `appendfsync always`): then the
    /// store promises [`Durability::Disk`].
    ///
    /// The server is asked at each connection. One that says otherwise is refused with
    /// [`ErrorKind::Configuration`]; one that does not tell, as hosted ones do not, is taken at your word.
    pub fn synced(mut self) -> Self {
        self.synced = true;
        self
    }

    /// Waits with each write until this many replicas have it (`WAIT`), for half the [`timeout`](Self::timeout) at
    /// most.
    ///
    /// A write that fewer have is an error, though the write stands: the session looks again, and finds it. Waiting
    /// makes the loss at a fail-over unlikely and not impossible, so the promise stays as it is.
    pub fn wait_for_replicas(mut self, count: u32) -> Self {
        self.replicas = count;
        self
    }

    /// Builds the store. It connects at the first call.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the URL is not one of Redis, a host other than this machine would be spoken to
    /// without TLS, or the certificate authorities are not certificates.
    pub fn build(self) -> Result<RedisStore, Error> {
        let (address, login) = self.parse()?;
        let connector = Connector {
            address,
            login,
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            synced: self.synced,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        };
        let durability = if self.synced { Durability::Disk } else { Durability::Asynchronous };
        let Self { key_prefix, replicas, .. } = self;
        Ok(RedisStore(Arc::new(Inner { connector, key_prefix, replicas, durability })))
    }

    fn parse(&self) -> Result<(Address, redis::RedisConnectionInfo), Error> {
        // The parser's own message may quote the URL, and with it the password. It knows of TLS only with a TLS of its
        // own, which would be a second way to set it up.
        let unfit = || Error::new(ErrorKind::Configuration, "the URL of redis is not one");
        let secure = ["rediss://", "valkeys://"].iter().find_map(|scheme| self.url.strip_prefix(scheme));
        let plain = secure.map(|rest| Zeroizing::new(format!("redis://{rest}")));
        let url = plain.as_ref().unwrap_or(&self.url);
        if url.contains('#') {
            return Err(unfit());
        }
        let info: ConnectionInfo = url.as_str().into_connection_info().map_err(|_| unfit())?;
        let address = match info.addr() {
            ConnectionAddr::Tcp(host, port) if secure.is_some() => {
                let name = ServerName::try_from(host.clone()).map_err(|_| unfit())?;
                let config = client_config(self.authorities.as_deref())?;
                let tls = Some((TlsConnector::from(Arc::new(config)), name));
                Address::Tcp { host: host.clone(), port: *port, tls }
            }
            ConnectionAddr::Tcp(host, port) if is_loopback(host) || self.plaintext => {
                Address::Tcp { host: host.clone(), port: *port, tls: None }
            }
            ConnectionAddr::Tcp(host, _) => return Err(plaintext_refused(host, "rediss://")),
            ConnectionAddr::Unix(path) => Address::Unix(path.clone()),
            _ => return Err(unfit()),
        };
        Ok((address, info.redis_settings().clone()))
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("url", &"[redacted]")
            .field("key_prefix", &self.key_prefix)
            .finish_non_exhaustive()
    }
}
