use std::fmt;
use std::net::IpAddr;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use deadpool_postgres::tokio_postgres::config::{Host, SslMode};
use deadpool_postgres::tokio_postgres::{Config, NoTls};
use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::pool::Pool;
use super::statements::Statements;
use super::{Inner, PostgresStore};
use crate::store::tls::{client_config, is_loopback, plaintext_refused};

/// Builds a [`PostgresStore`].
///
/// # Defaults
/// - [`table`](Self::table): `butlr_auth_sessions`.
/// - [`connect_timeout`](Self::connect_timeout): 2 s. [`timeout`](Self::timeout): 5 s, because a commit may wait for
///   a busy disk.
/// - [`max_connections`](Self::max_connections): 4. A session makes a statement every few seconds.
/// - [`certificate_authorities`](Self::certificate_authorities): those of the operating system.
#[must_use = "a builder does nothing before `build`"]
pub struct PostgresStoreBuilder {
    url: Zeroizing<String>,
    table: String,
    connect_timeout: Duration,
    timeout: Duration,
    max_connections: usize,
    authorities: Option<String>,
    plaintext: bool,
}

impl PostgresStoreBuilder {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: Zeroizing::new(url.to_owned()),
            table: "butlr_auth_sessions".to_owned(),
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            max_connections: 4,
            authorities: None,
            plaintext: false,
        }
    }

    /// Names the table: `name` or `schema.name`, of lower-case letters, digits and underscores.
    pub fn table(mut self, name: impl Into<String>) -> Self {
        self.table = name.into();
        self
    }

    /// Sets how long it may take to get a connection: TLS, login, and waiting for a free one included.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long a statement may take.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many connections there are at most; at least one.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count.max(1);
        self
    }

    /// Trusts these certificate authorities, in PEM, instead of the operating system's.
    pub fn certificate_authorities(mut self, pem: impl Into<String>) -> Self {
        self.authorities = Some(pem.into());
        self
    }

    /// Lets secrets go to another machine without TLS. Whoever is in between reads every token, and may change it: for
    /// networks that encrypt by themselves.
    pub fn danger_allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// Builds the store. It connects at the first call.
    ///
    /// Other machines are spoken to over TLS, with the certificate checked, whatever `sslmode` says; this machine only
    /// with `sslmode=require`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the URL is not one of PostgreSQL, `sslmode=disable` is said of another machine,
    /// the table has no plain name, or the certificate authorities are not certificates.
    pub fn build(self) -> Result<PostgresStore, Error> {
        if !is_plain_name(&self.table) {
            let message = "the table of sessions has a name of other characters than a-z, 0-9 and _";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let mut config = self.parse()?;
        let host = hosts(&config);
        self.decide_on_tls(&mut config)?;
        config.connect_timeout(self.connect_timeout);
        if config.get_application_name().is_none() {
            config.application_name("butlr-auth");
        }
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = if config.get_ssl_mode() == SslMode::Disable {
            Manager::from_config(config, NoTls, settings)
        } else {
            let tls = MakeRustlsConnect::new(client_config(self.authorities.as_deref())?);
            Manager::from_config(config, tls, settings)
        };
        let connections = deadpool_postgres::Pool::builder(manager)
            .max_size(self.max_connections)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| {
                Error::new(ErrorKind::Configuration, "the pool of connections could not be set up")
            })?;
        let pool = Pool { connections, host, connect_timeout: self.connect_timeout, timeout: self.timeout };
        Ok(PostgresStore(Arc::new(Inner { pool, statements: Statements::new(self.table) })))
    }

    fn parse(&self) -> Result<Config, Error> {
        // The parser's own message may quote the URL, and with it the password.
        let unfit = || Error::new(ErrorKind::Configuration, "the URL of postgres is not one");
        let config = Config::from_str(&self.url).map_err(|_| unfit())?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            Err(unfit())
        } else {
            Ok(config)
        }
    }

    fn decide_on_tls(&self, config: &mut Config) -> Result<(), Error> {
        let Some(host) = other_machine(config) else {
            // "Prefer" is what a URL that says nothing says, and a server on this machine often has a certificate
            // that nobody signed.
            if config.get_ssl_mode() == SslMode::Prefer {
                config.ssl_mode(SslMode::Disable);
            }
            return Ok(());
        };
        match config.get_ssl_mode() {
            SslMode::Disable if !self.plaintext => return Err(plaintext_refused(&host, "sslmode=require")),
            SslMode::Disable => {}
            _ if self.plaintext => {
                config.ssl_mode(SslMode::Disable);
            }
            _ => {
                config.ssl_mode(SslMode::Require);
            }
        }
        Ok(())
    }
}

impl fmt::Debug for PostgresStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStoreBuilder")
            .field("url", &"[redacted]")
            .field("table", &self.table)
            .finish_non_exhaustive()
    }
}

/// The first host that is not this machine. An address that is given beside a name is where it goes.
fn other_machine(config: &Config) -> Option<String> {
    let addresses = config.get_hostaddrs();
    if let Some(address) = addresses.iter().find(|address| !address.is_loopback()) {
        return Some(address.to_string());
    }
    if !addresses.is_empty() {
        return None;
    }
    config.get_hosts().iter().find_map(|host| match host {
        Host::Tcp(name) if !is_loopback(name) => Some(name.clone()),
        _ => None,
    })
}

/// All hosts, as messages show them.
fn hosts(config: &Config) -> String {
    let ports = config.get_ports();
    let port = |number: usize| ports.get(number).or_else(|| ports.first()).copied().unwrap_or(5432);
    let named = config.get_hosts().iter().enumerate().map(|(number, host)| match host {
        Host::Tcp(name) if name.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()) => {
            format!("[{name}]:{}", port(number))
        }
        Host::Tcp(name) => format!("{name}:{}", port(number)),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<String> = named.collect();
    if hosts.is_empty() {
        let addresses: Vec<String> = config.get_hostaddrs().iter().map(ToString::to_string).collect();
        return addresses.join(", ");
    }
    hosts.join(", ")
}

fn is_plain_name(table: &str) -> bool {
    let is_identifier = |name: &str| {
        let mut bytes = name.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
            && name.len() <= 63
    };
    let parts: Vec<&str> = table.split('.').collect();
    (1..=2).contains(&parts.len()) && parts.into_iter().all(is_identifier)
}
