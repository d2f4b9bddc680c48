//! What the tests of the stores across a network share: a key, a document with a canary, silent servers, deadlines.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use butlr_auth_cache::{Entry, Id, Party, SessionKey, Swap, TokenStore};
use butlr_auth_core::{ClientId, EndpointIdentity, Error, ErrorKind, Provider};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// A deadline for tests that let it pass.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) fn key() -> SessionKey {
    SessionKey::new(&EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli")), Party::User, "default")
}

pub(crate) fn entry() -> Entry {
    Entry::new(Id::random(), r#"{"refresh_token":"canary-refresh"}"#)
}

pub(crate) async fn write(store: &dyn TokenStore, expected: Option<Id>, entry: &Entry) {
    assert_eq!(store.compare_and_swap(&key(), expected, entry).await.unwrap(), Swap::Swapped);
}

/// An address at which nobody listens.
pub(crate) fn closed_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server that takes every connection and never says a word.
pub(crate) struct Tarpit(SocketAddr, JoinHandle<()>);

impl Tarpit {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let held = tokio::spawn(async move {
            let mut connections: Vec<TcpStream> = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.push(connection);
            }
        });
        Self(address, held)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0
    }
}

impl Drop for Tarpit {
    fn drop(&mut self) {
        self.1.abort();
    }
}

/// Both calls fail, as those of a store that is away, before `deadline`.
pub(crate) async fn check_fails_in_time(store: &dyn TokenStore, deadline: Duration) {
    let (key, entry) = (key(), entry());
    let load = async { store.load(&key).await.map(drop) };
    check_failure(timeout(deadline, load).await);
    let swap = async { store.compare_and_swap(&key, None, &entry).await.map(drop) };
    check_failure(timeout(deadline, swap).await);
}

/// `Elapsed` would mean that the call has no deadline of its own.
fn check_failure(ended: Result<Result<(), Error>, Elapsed>) {
    let error = ended.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StoreUnreachable, "{error}");
    check_no_secret(&error);
}

#[track_caller]
pub(crate) fn check_no_secret(shown: &dyn Debug) {
    let shown = format!("{shown:?}");
    assert!(!shown.contains("canary"), "{shown}");
}

/// A relay before a server, which holds answers back or breaks them off.
pub(crate) struct Proxy {
    address: SocketAddr,
    switches: Arc<watch::Sender<Switches>>,
    relay: JoinHandle<()>,
}

#[derive(Clone, Copy)]
struct Switches {
    held: bool,
    /// How many more bytes of answers there are, on all connections together.
    left: usize,
}

impl Proxy {
    pub(crate) async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let switches = Arc::new(watch::channel(Switches { held: false, left: usize::MAX }).0);
        let shared = Arc::clone(&switches);
        let relay = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(to).await.unwrap();
                tokio::spawn(relay(client, server, Arc::clone(&shared)));
            }
        });
        Self { address, switches, relay }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn hold_answers(&self) {
        self.switches.send_modify(|switches| switches.held = true);
    }

    pub(crate) fn let_answers_go(&self) {
        self.switches.send_modify(|switches| switches.held = false);
    }

    /// Closes the connection after so many more bytes of answers.
    pub(crate) fn cut_after(&self, bytes: usize) {
        self.switches.send_modify(|switches| switches.left = bytes);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn relay(client: TcpStream, server: TcpStream, switches: Arc<watch::Sender<Switches>>) {
    let (mut questions, mut to_client) = client.into_split();
    let (mut answers, mut to_server) = server.into_split();
    let asking = async { tokio::io::copy(&mut questions, &mut to_server).await.map(drop) };
    let answering = async {
        let mut buffer = [0; 4096];
        loop {
            let length = answers.read(&mut buffer).await?;
            let mut watched = switches.subscribe();
            let _ = watched.wait_for(|switches| !switches.held).await;
            let mut allowed = 0;
            switches.send_modify(|switches| {
                allowed = length.min(switches.left);
                switches.left -= allowed;
            });
            to_client.write_all(buffer.get(..allowed).unwrap()).await?;
            if length == 0 || allowed < length {
                return std::io::Result::Ok(());
            }
        }
    };
    // Whichever side ends, both connections are closed.
    let _ = tokio::select! { ended = asking => ended, ended = answering => ended };
}
