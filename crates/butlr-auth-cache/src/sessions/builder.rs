use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use butlr_auth_core::{Clock, Error, ErrorKind, Grant, Scope, SystemClock};

use super::endpoints::Endpoints;
use super::shards::Shards;
use super::{Inner, Sessions};
use crate::session::{Observer, Setup};
use crate::store::Unstored;
use crate::{Event, MemoryStore, RefreshPolicy, TokenStore};

/// Sets up [`Sessions`].
///
/// # Defaults
/// - `store`: for people's sessions a [`MemoryStore`]; a login deserves a durable one. With a
///   [`grant`](Self::grant) none: the sessions are the store, and one that was closed asks again.
/// - `capacity`: 10,000, some 16 MB with tokens of 1 KiB.
/// - `max_exchanges`: 16, which renews thousands of tokens within seconds and which every server can take.
/// - `clock`: [`SystemClock`]. `policy`: [`RefreshPolicy::default`].
/// - no `grant`: each session waits for a [`login`](crate::Session::login).
pub struct SessionsBuilder {
    endpoints: Endpoints,
    store: Option<Arc<dyn TokenStore>>,
    clock: Arc<dyn Clock>,
    policy: RefreshPolicy,
    grant: Option<Grant>,
    scope: Scope,
    on_event: Option<Observer>,
    capacity: usize,
}

impl SessionsBuilder {
    pub(super) fn new(endpoints: Endpoints) -> Self {
        Self {
            endpoints,
            store: None,
            clock: Arc::new(SystemClock::new()),
            policy: RefreshPolicy::default(),
            grant: None,
            scope: Scope::empty(),
            on_event: None,
            capacity: 10_000,
        }
    }

    /// Sets a grant that every session may use by itself, as often as it needs to: the client credentials grant. Its
    /// scope is the sessions' usual one, unless [`scope`](Self::scope) says another.
    #[must_use]
    pub fn grant(mut self, grant: Grant) -> Self {
        self.grant = Some(grant);
        self
    }

    /// Sets the scope that tokens are usually asked for with.
    #[must_use]
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Sets where the sessions are kept, all of them in one store.
    #[must_use]
    pub fn store(mut self, store: impl TokenStore + 'static) -> Self {
        self.store = Some(Arc::new(store));
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

    /// Calls `observer` with the name of the identity for every [`Event`]. It must not block.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(&str, Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(observer));
        self
    }

    /// Sets how many sessions are kept open. More are, for as long as more are in use.
    #[must_use]
    pub fn capacity(mut self, sessions: usize) -> Self {
        self.capacity = sessions;
        self
    }

    /// Sets how many exchanges may be under way at once with each provider; at least one.
    #[must_use]
    pub fn max_exchanges(mut self, exchanges: usize) -> Self {
        self.endpoints = self.endpoints.with_max_exchanges(exchanges);
        self
    }

    /// Makes the set, which is empty.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the capacity is none, or the grant is one that a session may not repeat by
    /// itself: a password is never kept, and a code or a refresh token is good for one use.
    pub fn open(self) -> Result<Sessions, Error> {
        if self.capacity == 0 {
            return Err(Error::new(ErrorKind::Configuration, "sessions need room for at least one"));
        }
        let mut policy = self.policy;
        let store = self.store.unwrap_or_else(|| {
            if self.grant.is_none() {
                return Arc::new(MemoryStore::new());
            }
            // Nobody else can change what nobody else sees.
            policy.recheck = Duration::MAX;
            Arc::new(Unstored::new())
        });
        let usual = Setup::new(store, self.clock, policy, self.grant, self.scope, self.on_event)?;
        Ok(Sessions(Arc::new(Inner {
            endpoints: self.endpoints,
            setups: Setups { usual: Arc::new(usual), scoped: Mutex::default() },
            shards: Shards::new(self.capacity),
        })))
    }
}

impl fmt::Debug for SessionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("store", &self.store)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// What sessions of the same scope have in common.
pub(super) struct Setups {
    usual: Arc<Setup>,
    /// Those in use, and some that no longer are.
    scoped: Mutex<HashMap<Scope, Weak<Setup>>>,
}

impl Setups {
    pub(super) fn usual_scope(&self) -> &Scope {
        &self.usual.scope
    }

    pub(super) fn boot(&self) -> Duration {
        self.usual.clock.boot()
    }

    pub(super) fn of(&self, scope: &Scope) -> Arc<Setup> {
        if *scope == self.usual.scope {
            return Arc::clone(&self.usual);
        }
        let mut scoped = self.scoped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(setup) = scoped.get(scope).and_then(Weak::upgrade) {
            return setup;
        }
        // Scopes may come from requests: those of no session go as soon as they might be the greater part.
        if scoped.len() == scoped.capacity() {
            scoped.retain(|_, setup| setup.strong_count() > 0);
        }
        let setup = Arc::new(self.usual.with_scope(scope));
        scoped.insert(scope.clone(), Arc::downgrade(&setup));
        setup
    }
}
