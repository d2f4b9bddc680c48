//! The server as a test sees it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::builder::Builder;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::registry::{Client, Registry, Samples, User};
use crate::settings::{API_AUDIENCE, Settings};
use crate::state::State;
use crate::{connection, user_agent};

/// An OAuth 2.0 authorization server and a small Butlr API, in memory, on a loopback port.
///
/// It runs on a thread and a runtime of its own: a test may pause its clock, block its thread or
/// drop its runtime, and the server answers all the same. Dropping it stops it.
pub struct AuthorizationServer {
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl AuthorizationServer {
    /// Starts a server with every default.
    ///
    /// # Errors
    ///
    /// When no loopback port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Sets up a server that differs from the defaults.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where the server is, such as `http://127.0.0.1:41234`, without a slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.state.base_url
    }

    /// The issuer identifier of its tokens and metadata: the same as the base URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.state.base_url
    }

    /// The audience of the API.
    #[must_use]
    pub fn audience(&self) -> &str {
        API_AUDIENCE
    }

    /// The pre-registered confidential client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.state.samples.client
    }

    /// The pre-registered public client: no secret, PKCE required.
    #[must_use]
    pub fn public_client(&self) -> &Client {
        &self.state.samples.public
    }

    /// A confidential client whose id and secret hold every character that is easily encoded
    /// wrongly.
    #[must_use]
    pub fn odd_client(&self) -> &Client {
        &self.state.samples.odd
    }

    /// The pre-registered user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.state.samples.user
    }

    /// A copy of the journal as it stands.
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.state.journal.snapshot()
    }

    /// Asks for trouble. Faults strike in the order in which they were asked for.
    pub fn inject(&self, fault: Fault) {
        self.state.faults.inject(fault);
    }

    /// Takes back every fault that has not struck.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Moves the server's clock forward, so that tokens expire without waiting.
    pub fn advance_time(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    /// Signs with a new key from now on. Tokens signed before stay good.
    ///
    /// # Errors
    ///
    /// When no key can be made.
    pub fn rotate_keys(&self) -> io::Result<()> {
        self.state.keys_mut().rotate()
    }

    /// Logs the sample user in at an authorization URL of this server and allows the request, as
    /// a person with a browser would, and gives the URL to which the browser is sent back.
    ///
    /// # Errors
    ///
    /// When the page is not the consent page, for example because the request is refused.
    pub async fn approve(&self, authorization_url: &str) -> io::Result<String> {
        user_agent::decide(&self.state, authorization_url, self.user(), "allow").await
    }

    /// Opens an authorization URL of this server and cancels, and gives the URL to which the
    /// browser is sent back.
    ///
    /// # Errors
    ///
    /// As [`approve`](Self::approve).
    pub async fn deny(&self, authorization_url: &str) -> io::Result<String> {
        user_agent::decide(&self.state, authorization_url, self.user(), "deny").await
    }

    /// Enters a user code, logs the sample user in and allows the device, as a person with a browser would.
    ///
    /// # Errors
    ///
    /// When no device waits for the code.
    pub async fn approve_device(&self, user_code: &str) -> io::Result<()> {
        user_agent::decide_device(&self.state, user_code, self.user(), "allow").await
    }

    /// Enters a user code and cancels.
    ///
    /// # Errors
    ///
    /// As [`approve_device`](Self::approve_device).
    pub async fn deny_device(&self, user_code: &str) -> io::Result<()> {
        user_agent::decide_device(&self.state, user_code, self.user(), "deny").await
    }

    /// Stops the server and closes every connection.
    pub async fn shutdown(mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // Joining blocks for as long as the listener takes to close: no task of the server
            // outlives its runtime, and none of them blocks.
            let _ = thread.join();
        }
    }

    pub(crate) async fn spawn(
        settings: Settings,
        clients: Vec<Client>,
        users: Vec<User>,
    ) -> io::Result<Self> {
        if !settings.address.is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "this server listens on loopback addresses only",
            ));
        }
        let runtime = Apart::new()?;
        let listener = {
            let _of_the_server = runtime.enter();
            listen(SocketAddr::new(settings.address, settings.port))?
        };
        let base_url = format!("http://{}", listener.local_addr()?);
        let samples = Samples::new();
        let (mut known_clients, mut known_users) = Samples::of_the_documents();
        known_clients.extend([samples.client.clone(), samples.public.clone(), samples.odd.clone()]);
        known_clients.extend(clients);
        known_users.push(samples.user.clone());
        known_users.extend(users);
        let registry = Registry { clients: known_clients, users: known_users };
        let state = Arc::new(State::new(settings, samples, registry, base_url)?);
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&state);
        let thread = thread::Builder::new().name("authorization-server".to_owned()).spawn(move || {
            runtime.block_on(connection::serve(served, listener, stopped));
        })?;
        Ok(Self { state, stop: Some(stop), thread: Some(thread) })
    }

    fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The receiver is gone only when the server has stopped already.
            let _ = stop.send(());
        }
    }
}

impl Drop for AuthorizationServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for AuthorizationServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationServer").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

/// The server's own runtime. Whatever fails on the way, it may end inside the runtime of whoever asked for a server, where
/// waiting for the end of its tasks would be a panic: nothing waits.
struct Apart(Option<Runtime>);

impl Apart {
    fn new() -> io::Result<Self> {
        Ok(Self(Some(tokio::runtime::Builder::new_current_thread().enable_all().build()?)))
    }

    fn enter(&self) -> Option<tokio::runtime::EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }

    fn block_on(&self, served: impl Future<Output = ()>) {
        if let Some(runtime) = &self.0 {
            runtime.block_on(served);
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Listens with room for a herd: the usual queue of 128 would make the 129th client of a thousand
/// wait a second for its second try.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(4096)
}
