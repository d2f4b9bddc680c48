use std::fmt;
#[cfg(feature = "blocking")]
use std::sync::atomic::AtomicBool;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use async_trait::async_trait;
use butlr_auth_core::{
    EndpointIdentity, Error, Fingerprint, Grant, GrantType, Scope, Token, TokenEndpoint, TokenSource,
};
use tokio::sync::{Semaphore, watch};

use crate::protocol::Want;
use crate::{Event, Id, Party, SessionKey, key::TokenKey, metrics};

mod builder;
mod current;
mod failure;
mod flight;
mod id_token;
mod known;
mod login;
mod refused;
mod revocation;
mod setup;
mod status;
mod tasks;
mod wait;

pub use builder::SessionBuilder;
use current::Current;
use flight::{Progress, Sight};
use known::Known;
pub use login::Logout;
pub(crate) use setup::{Observer, Setup};
pub use status::{SessionState, SessionStatus};
use tasks::Tasks;

/// Keeps one identity's access token valid: for every task of this process, and with a shared store for every
/// process and host.
///
/// [`token`](Self::token) is meant to be called for every request. As long as the token is fresh it costs no lock,
/// no I/O and no wait. Cheap to clone; clones are the same session.
///
/// A renewal is a task of the session's own: a caller that gives up changes nothing. All callers share its result,
/// a failure included. Before a short-lived program ends it awaits [`shutdown`](Self::shutdown).
///
/// ```
/// # use butlr_auth_core::*;
/// # use butlr_auth_cache::{MemoryStore, Session};
/// # #[derive(Debug)] struct Endpoint(EndpointIdentity);
/// # #[async_trait::async_trait] impl TokenEndpoint for Endpoint {
/// #     async fn exchange(&self, _: &Grant) -> Result<TokenResponse, Error> {
/// #         Ok(TokenResponse::new(AccessToken::new("mF_9.B5f-4.1JqM")?))
/// #     }
/// #     fn identity(&self) -> &EndpointIdentity { &self.0 }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// # let endpoint = Endpoint(EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli")));
/// let session = Session::builder(endpoint)
///     .grant(Grant::client_credentials())
///     .store(MemoryStore::new())
///     .open()?;
/// let token = session.token().await?;
/// assert_eq!(token.access_token().expose(), "mF_9.B5f-4.1JqM");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session(Arc<Shared>);

/// What one session is. A program may have a hundred thousand, so whatever several have in common is in
/// [`Setup`], and what is seldom there is behind a pointer. What a get needs stands together, because a session that
/// was not asked for in a while is in no cache.
#[repr(C)]
struct Shared {
    name: Box<str>,
    setup: Arc<Setup>,
    current: ArcSwapOption<Current>,
    /// When to look again whether another process changed the record, in milliseconds of boot time.
    next_look: AtomicU64,
    endpoint: Arc<dyn TokenEndpoint>,
    /// This session in this process, as a lease names it.
    owner: Id,
    /// How many exchanges may be under way at once, of all sessions that share this.
    exchanges: Option<Arc<Semaphore>>,
    version: AtomicU64,
    state: Mutex<Renewal>,
    tasks: Tasks,
    #[cfg(feature = "blocking")]
    on_own_thread: AtomicBool,
}

/// What the session knows beyond the current token.
#[derive(Default)]
struct Renewal {
    /// The one renewal under way.
    flight: Option<watch::Receiver<Progress>>,
    /// The record as it was last seen or made.
    known: Option<Known>,
    sight: Option<Box<Sight>>,
    /// The shared result of the last renewal, if it failed, and until when it stands (boot time).
    failure: Option<Box<(Duration, Error)>>,
    /// No renewal in the background before this (boot time).
    not_before: Duration,
}

impl Session {
    /// Begins to set up a session at an endpoint.
    #[must_use]
    pub fn builder(endpoint: impl TokenEndpoint + 'static) -> SessionBuilder {
        SessionBuilder::new(Arc::new(endpoint))
    }

    pub(crate) fn with_setup(
        endpoint: Arc<dyn TokenEndpoint>,
        setup: Arc<Setup>,
        name: &str,
        exchanges: Option<Arc<Semaphore>>,
    ) -> Self {
        let next_look = if setup.policy.recheck == Duration::MAX { u64::MAX } else { 0 };
        Self(Arc::new(Shared {
            endpoint,
            setup,
            name: name.into(),
            owner: Id::random(),
            exchanges,
            current: ArcSwapOption::empty(),
            version: AtomicU64::new(0),
            next_look: AtomicU64::new(next_look),
            state: Mutex::new(Renewal::default()),
            tasks: Tasks::default(),
            #[cfg(feature = "blocking")]
            on_own_thread: AtomicBool::new(false),
        }))
    }

    pub(crate) fn is(&self, name: &str, scope: &Scope) -> bool {
        *self.0.name == *name && self.0.setup.scope == *scope
    }

    /// The current token, if neither it nor anybody else needs anything.
    pub(crate) fn fresh(&self, now: Duration) -> Option<Token> {
        let current = self.0.current.load();
        let current = current.as_ref().filter(|current| !current.rejected)?;
        let fresh = now < current.token.validity().refresh_at && !self.0.is_look_due(now);
        fresh.then(|| current.token.clone())
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn ready(&self) -> Option<Token> {
        self.0.ready(self.0.setup.clock.boot(), Duration::ZERO)
    }

    #[cfg(feature = "blocking")]
    pub(crate) fn longest_wait(&self) -> Duration {
        self.0.setup.policy.chain
    }

    /// From now on its tasks run on the thread of blocking sessions: one that waits on a thread of the caller's
    /// runtime must not wait for a task of that very thread.
    #[cfg(feature = "blocking")]
    pub(crate) fn renew_on_own_thread(&self) {
        self.0.on_own_thread.store(true, Ordering::Relaxed);
    }

    /// Whether this is the only handle, and no task has one either.
    pub(crate) fn is_unreferenced(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.0.tasks.are_running()
    }

    /// Whether there is neither a token nor a failure to remember.
    pub(crate) fn has_ended(&self, now: Duration) -> bool {
        let ended = |current: &Arc<Current>| current.token.is_over(now);
        self.0.current.load().as_ref().is_none_or(ended) && self.0.state().not_before <= now
    }

    /// Returns a token that is valid now, renewing it first if it must.
    ///
    /// A fresh token is returned at once, and so is a stale one, while it is renewed in the background. Only when
    /// its end is near does the caller wait, and if the renewal fails while the token still works it is returned
    /// nevertheless ([`Event::StaleServed`]). Dropping the future loses nothing.
    ///
    /// # Errors
    /// - [`LoginRequired`](butlr_auth_core::ErrorKind::LoginRequired) if nothing but a person can bring a token: see
    ///   [`login`](Self::login).
    /// - The failure of the one exchange that every caller shares, until its back-off has passed.
    /// - [`Busy`](butlr_auth_core::ErrorKind::Busy) if another process renews it for longer than
    ///   [`RefreshPolicy::chain`](crate::RefreshPolicy::chain).
    /// - [`Storage`](butlr_auth_core::ErrorKind::Storage),
    ///   [`CorruptRecord`](butlr_auth_core::ErrorKind::CorruptRecord) and
    ///   [`Configuration`](butlr_auth_core::ErrorKind::Configuration) of the store.
    pub async fn token(&self) -> Result<Token, Error> {
        self.token_outliving(Duration::ZERO).await
    }

    /// Returns a token that is good for at least `min_ttl` more, renewing it first if it must. What the renewal brings
    /// is returned even if it is good for less, and so is the current token if there is no other.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn token_outliving(&self, min_ttl: Duration) -> Result<Token, Error> {
        let now = self.0.setup.clock.boot();
        if let Some(token) = self.0.ready(now, min_ttl) {
            return Ok(token);
        }
        if !min_ttl.is_zero() && self.0.current.load().is_none() {
            // What is stored has to be measured too. If it cannot be read, the renewal will say so.
            let _ = self.0.look().await;
            if let Some(token) = self.0.ready(now, min_ttl) {
                return Ok(token);
            }
        }
        let short = self.0.current.load_full().filter(|current| !current.token.outlives(min_ttl, now));
        let want = short.map_or(Want::Fresh, |current| Want::Another(current.token.fingerprint()));
        match self.0.wait(want).await {
            Err(error) => self.0.last_resort(error, Want::Fresh),
            token => token,
        }
    }

    /// Returns what a renewal brings that begins now: what `--force-refresh` does. That is another token than the
    /// current one, unless the server issues the same once more. If it fails, the current token is none the worse.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn renew(&self) -> Result<Token, Error> {
        if self.0.current.load().is_none() {
            self.0.look().await?;
        }
        let current = self.0.current.load_full();
        let want = current.map_or(Want::Fresh, |current| Want::Another(current.token.fingerprint()));
        self.0.wait(want).await
    }

    /// Returns the token if one is usable right now, without waiting and without I/O.
    ///
    /// If it is stale, or if there is none, a renewal is under way afterwards, unless an earlier failure still stands
    /// or there is no tokio runtime here to run it on. So a caller that cannot wait asks again later.
    #[must_use]
    pub fn try_token(&self) -> Option<Token> {
        let now = self.0.setup.clock.boot();
        let token = self.0.ready(now, Duration::ZERO);
        if token.is_none() {
            self.0.renew_in_background(now);
        }
        token
    }

    /// Reports that a resource server refused `rejected`; see [`TokenSource::reject`].
    pub fn reject(&self, rejected: &Fingerprint) {
        self.0.reject(rejected);
    }

    /// Returns a number that changes whenever the token does.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Returns what the session is filed under.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        self.0.key()
    }

    /// Returns who asks whom.
    #[must_use]
    pub fn identity(&self) -> &EndpointIdentity {
        self.0.endpoint.identity()
    }

    /// Waits until nothing of this session is under way: an exchange, its commit, a revocation. The session can
    /// still be used afterwards.
    pub async fn shutdown(&self) {
        self.0.tasks.finished(&self.0.setup.idle).await;
    }
}

impl Shared {
    /// The fast path: the current token if nobody has to wait for another one.
    fn ready(self: &Arc<Self>, now: Duration, min_ttl: Duration) -> Option<Token> {
        let current = self.current.load();
        let current = current.as_ref().filter(|current| !current.rejected)?;
        let validity = current.token.validity();
        if now >= validity.mandatory_at || (!min_ttl.is_zero() && !current.token.outlives(min_ttl, now)) {
            return None;
        }
        if now >= validity.refresh_at {
            self.renew_in_background(now);
        } else {
            self.look_in_background(now);
        }
        Some(current.token.clone())
    }

    fn state(&self) -> MutexGuard<'_, Renewal> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self) -> SessionKey {
        SessionKey::new(self.endpoint.identity(), self.party(), &*self.name)
    }

    fn token_key(&self) -> TokenKey {
        TokenKey::new(&self.endpoint.identity().purpose, self.party(), &self.setup.scope)
    }

    fn party(&self) -> Party {
        if self.rotates() { Party::User } else { Party::Client }
    }

    /// The provider's id, as metrics name it.
    fn provider(&self) -> &str {
        &self.endpoint.identity().provider_id
    }

    fn rotates(&self) -> bool {
        self.setup.own_grant.is_none()
    }

    /// Whether the provider takes what a renewal would send.
    fn can_renew(&self) -> bool {
        let grant_type = self.setup.own_grant.as_ref().map_or(GrantType::RefreshToken, Grant::grant_type);
        self.endpoint.supports(grant_type)
    }

    fn emit(&self, event: Event) {
        let session = &*self.name;
        if event.is_warning() {
            tracing::warn!(event = event.as_str(), session, "session event");
        } else {
            tracing::debug!(event = event.as_str(), session, "session event");
        }
        metrics::happened(self.provider(), event);
        if event == Event::Rejected {
            metrics::rejected(self.provider());
        }
        if let Some(on_event) = &self.setup.on_event {
            on_event(session, event);
        }
    }
}

#[async_trait]
impl TokenSource for Session {
    async fn token(&self) -> Result<Token, Error> {
        Self::token(self).await
    }

    fn try_token(&self) -> Option<Token> {
        Self::try_token(self)
    }

    fn reject(&self, rejected: &Fingerprint) {
        Self::reject(self, rejected);
    }

    fn version(&self) -> u64 {
        Self::version(self)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("key", &self.0.key())
            .field("store", &self.0.setup.store)
            .finish_non_exhaustive()
    }
}
