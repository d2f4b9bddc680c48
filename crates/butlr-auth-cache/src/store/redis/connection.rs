use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::script::{AskWhetherSynced, Request};
use crate::store::tls::kind_of_failed_connection;

/// What a server says while it starts, changes its master or runs a script: it passes.
const PASSING: [&str; 8] =
    ["LOADING", "BUSY", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS", "READONLY", "TRYAGAIN", "UNBLOCKED"];

/// Where a server listens.
pub(super) enum Address {
    Tcp {
        host: String,
        port: u16,
        tls: Option<(TlsConnector, ServerName<'static>)>,
    },
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has them"))]
    Unix(PathBuf),
}

/// Makes the one connection, and makes it again after any doubt.
pub(super) struct Connector {
    pub(super) address: Address,
    /// User, password and database. Its `Debug` shows the password, so that there is none of the connector's.
    pub(super) login: RedisConnectionInfo,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    /// Whether the server is said to sync each write.
    pub(super) synced: bool,
    pub(super) current: Mutex<Option<Arc<Connection>>>,
    /// Held while connecting: many callers make one connection.
    pub(super) connecting: tokio::sync::Mutex<()>,
}

pub(super) struct Connection {
    requests: MultiplexedConnection,
    /// The task that writes requests and reads answers. It ends when the connection does, or its runtime.
    driver: JoinHandle<()>,
}

impl Connector {
    pub(super) fn host(&self) -> &dyn fmt::Display {
        &self.address
    }

    /// How long the server may wait for replicas: it answers within the deadline either way.
    pub(super) fn replication_wait(&self) -> Duration {
        self.timeout / 2
    }

    /// Sends one request and waits for its answer. After any failure the next request has a new connection: nothing
    /// that is still under way can meet it.
    pub(super) async fn call<R: Request>(&self, request: R) -> Result<R::Answer, Error> {
        let connection = match timeout(self.connect_timeout, self.connection()).await {
            Ok(connected) => connected?,
            Err(_) => return Err(self.silent("did not take a connection", self.connect_timeout)),
        };
        let answered = timeout(self.timeout, request.send(&mut connection.requests.clone())).await;
        let error = match answered {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.silent("did not answer", self.timeout),
        };
        self.discard(&connection);
        Err(error)
    }

    async fn connection(&self) -> Result<Arc<Connection>, Error> {
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(current) = self.current() {
            return Ok(current);
        }
        let connection = Arc::new(self.connect().await?);
        *self.slot() = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn current(&self) -> Option<Arc<Connection>> {
        self.slot().as_ref().filter(|connection| !connection.driver.is_finished()).cloned()
    }

    fn discard(&self, connection: &Arc<Connection>) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|current| Arc::ptr_eq(current, connection)) {
            *slot = None;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Connection, Error> {
        let unreachable = |error: io::Error| {
            let message = format!("redis at {} cannot be reached", self.address);
            Error::new(kind_of_failed_connection(&error), message).with_source(error)
        };
        let stream = self.address.connect().await.map_err(unreachable)?;
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let connected = MultiplexedConnection::new_with_config(&self.login, stream, config).await;
        let (requests, driver) = connected.map_err(|error| self.failed(&error))?;
        let mut connection = Connection { requests, driver: tokio::spawn(driver) };
        if self.synced {
            let asked = AskWhetherSynced.send(&mut connection.requests).await;
            if asked.map_err(|error| self.failed(&error))? == Some(false) {
                let message = format!(
                    "redis at {} does not sync each write: set `appendonly yes` and `appendfsync always`",
                    self.address
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        }
        Ok(connection)
    }

    /// Says what went wrong without the server's own words, which may quote what it was sent.
    fn failed(&self, error: &RedisError) -> Error {
        let address = &self.address;
        let (kind, message) = match error.code() {
            Some("OOM") => (
                ErrorKind::Storage,
                format!(
                    "redis at {address} answered OOM: it is full, give it more `maxmemory`, or other keys a time to live"
                ),
            ),
            Some(code) if !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
                let kind =
                    if PASSING.contains(&code) { ErrorKind::StoreUnreachable } else { ErrorKind::Storage };
                (kind, format!("redis at {address} answered {code}"))
            }
            // A password that is refused is told without a code.
            _ if error.kind() == redis::ErrorKind::AuthenticationFailed => {
                (ErrorKind::Storage, format!("redis at {address} refuses the user or the password"))
            }
            _ => (
                ErrorKind::StoreUnreachable,
                format!("the connection to redis at {address} broke: {}", error.category()),
            ),
        };
        Error::new(kind, message)
    }

    fn silent(&self, what: &str, deadline: Duration) -> Error {
        let message = format!("redis at {} {what} within {} ms", self.address, deadline.as_millis());
        Error::new(ErrorKind::StoreUnreachable, message)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Whoever still waits for an answer has a handle of its own on the requests, and keeps us alive with it.
        self.driver.abort();
    }
}

impl Address {
    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Tcp { host, port, tls } => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                match tls {
                    Some((connector, name)) => Ok(Box::new(connector.connect(name.clone(), stream).await?)),
                    None => Ok(Box::new(stream)),
                }
            }
            #[cfg(unix)]
            Self::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}
