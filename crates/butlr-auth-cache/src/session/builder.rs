use std::fmt;
use std::sync::Arc;

use butlr_auth_core::{Clock, Error, Grant, Scope, SystemClock, TokenEndpoint};

use super::{Observer, Session, Setup};
use crate::{Event, MemoryStore, RefreshPolicy, TokenStore};

/// Sets up a [`Session`].
///
/// # Defaults
/// - `store`: [`MemoryStore`], because it needs no decision; a person's login deserves a durable one.
/// - `name`: `default`, the only session of its client.
/// - `clock`: [`SystemClock`]. `policy`: [`RefreshPolicy::default`].
/// - no `grant`: the session waits for a [`login`](Session::login).
pub struct SessionBuilder {
    endpoint: Arc<dyn TokenEndpoint>,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    policy: RefreshPolicy,
    name: String,
    grant: Option<Grant>,
    scope: Scope,
    on_event: Option<Observer>,
    revoke_replaced: bool,
}

impl SessionBuilder {
    pub(super) fn new(endpoint: Arc<dyn TokenEndpoint>) -> Self {
        Self {
            endpoint,
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(SystemClock::new()),
            policy: RefreshPolicy::default(),
            name: "default".to_owned(),
            grant: None,
            scope: Scope::empty(),
            on_event: None,
            revoke_replaced: false,
        }
    }

    /// Sets a grant that the session may use by itself, as often as it needs to: the client credentials grant. Its
    /// scope is the session's, unless [`scope`](Self::scope) says another one.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grant = Some(grant);
        self
    }

    /// Sets the scope that this session's tokens are asked for with.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets where the session is kept.
    #[must_use]
    pub fn store(mut self, store: impl TokenStore + 'static) -> Self {
        self.store = Arc::new(store);
        self
    }

    /// Sets the local name that tells this session from others of the same client.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets when tokens are renewed.
    #[must_use]
    pub fn policy(mut self, policy: RefreshPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Calls `observer` for every [`Event`]. It must not block.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(move |_: &str, event| observer(event)));
        self
    }

    /// Makes a login over a living session revoke the old one at the server, once the new one is stored
    /// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)). Off by default: some servers end the person's whole grant
    /// by a revocation, and with it the new session.
    #[must_use]
    pub fn revoke_replaced(mut self, revoke: bool) -> Self {
        self.revoke_replaced = revoke;
        self
    }

    /// Opens the session. Nothing is read, and nobody is asked, before the first token is.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](butlr_auth_core::ErrorKind::Configuration) if the grant is one that a session may not repeat by itself: a password is never
    /// kept, and a code or a refresh token is good for one use.
    pub fn open(self) -> Result<Session, Error> {
        let Self { endpoint, store, clock, policy, name, grant, scope, on_event, revoke_replaced } = self;
        let mut setup = Setup::new(store, clock, policy, grant, scope, on_event)?;
        setup.revoke_replaced = revoke_replaced;
        Ok(Session::with_setup(endpoint, Arc::new(setup), &name, None))
    }
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("endpoint", &self.endpoint)
            .field("store", &self.store)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
