use std::fmt;
use std::sync::Arc;

use butlr_auth_core::{Error, Scope, Token, TokenEndpoint};

use crate::Session;

mod builder;
mod endpoints;
mod shards;

pub use builder::SessionsBuilder;
use builder::Setups;
use endpoints::Endpoints;
use shards::{Shards, Wanted};

/// Keeps the access tokens of many identities valid: one [`Session`] for each, opened when it is first asked for.
///
/// An identity is a name and the scope that is asked for. Two identities never share a token: they are told apart by
/// the whole name and the whole scope, never by a digest.
///
/// - An idle identity costs memory alone: no task, no timer, no thread.
/// - A slow identity delays no other. Only the number of exchanges that are under way at once is bounded, by
///   [`max_exchanges`](SessionsBuilder::max_exchanges) for each provider, and whoever has a usable token does not wait
///   for one.
/// - At most [`capacity`](SessionsBuilder::capacity) identities are kept. Beyond it the least recently used go, but
///   never one that has a renewal under way or a handle outside. What the store holds of them stays there.
///
/// Cheap to clone; clones are the same set.
///
/// ```
/// # use butlr_auth_core::*;
/// # use butlr_auth_cache::Sessions;
/// # #[derive(Debug)] struct Endpoint(EndpointIdentity);
/// # impl Endpoint { fn of(tenant: &str) -> Self { Self(EndpointIdentity::new(&Provider::butlr(), ClientId::new(tenant))) } }
/// # #[async_trait::async_trait] impl TokenEndpoint for Endpoint {
/// #     async fn exchange(&self, _: &Grant) -> Result<TokenResponse, Error> {
/// #         Ok(TokenResponse::new(AccessToken::new(format!("token-of-{}", self.0.client_id.as_str()))?))
/// #     }
/// #     fn identity(&self) -> &EndpointIdentity { &self.0 }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Error> {
/// let tenants = Sessions::builder_for_each(|tenant| Ok(Endpoint::of(tenant))) // each with a client of its own
///     .grant(Grant::client_credentials())
///     .capacity(100_000)
///     .open()?;
/// assert_eq!(tenants.token("acme").await?.access_token().expose(), "token-of-acme");
/// assert_eq!(tenants.token("umbrella").await?.access_token().expose(), "token-of-umbrella");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    endpoints: Endpoints,
    setups: Setups,
    shards: Shards,
}

impl Sessions {
    /// Begins to set up sessions at one endpoint: one client, and many people that log in to it.
    #[must_use]
    pub fn builder(endpoint: impl TokenEndpoint + 'static) -> SessionsBuilder {
        SessionsBuilder::new(Endpoints::one(Arc::new(endpoint)))
    }

    /// Begins to set up sessions with an endpoint for each: many clients, such as one per tenant.
    ///
    /// `endpoint` is called with an identity's name when its session is opened, and must not block. Endpoints that
    /// speak over the network should share their connections.
    #[must_use]
    pub fn builder_for_each<E: TokenEndpoint + 'static>(
        endpoint: impl Fn(&str) -> Result<E, Error> + Send + Sync + 'static,
    ) -> SessionsBuilder {
        SessionsBuilder::new(Endpoints::each(endpoint))
    }

    /// Returns a token of the identity `name` that is valid now, renewing it first if it must.
    ///
    /// # Errors
    /// As [`Session::token`], and what the endpoint of this identity could not be made for.
    pub async fn token(&self, name: &str) -> Result<Token, Error> {
        match self.fresh(name) {
            Some(token) => Ok(token),
            None => self.get(name)?.token().await,
        }
    }

    /// Returns a token of the identity `name` if one is usable right now, without waiting and without I/O; see
    /// [`Session::try_token`]. Never waits for another identity.
    ///
    /// # Errors
    /// What the endpoint of this identity could not be made for.
    pub fn try_token(&self, name: &str) -> Result<Option<Token>, Error> {
        match self.fresh(name) {
            Some(token) => Ok(Some(token)),
            None => Ok(self.get(name)?.try_token()),
        }
    }

    /// The token of an identity that needs nothing: then no handle on its session is made, and the clock is read once.
    fn fresh(&self, name: &str) -> Option<Token> {
        let Inner { setups, shards, .. } = &*self.0;
        let now = setups.boot();
        shards.fresh(&Wanted { name, scope: setups.usual_scope() }, now)
    }

    /// Returns the session of the identity `name`, opening it if it is not open. Nothing is read, and nobody is
    /// asked, before its first token is.
    ///
    /// As long as the handle lives the session stays open.
    ///
    /// # Errors
    /// What the endpoint of this identity could not be made for.
    pub fn get(&self, name: &str) -> Result<Session, Error> {
        self.get_scoped(name, self.0.setups.usual_scope())
    }

    /// Returns the session of the identity `name` whose tokens are asked for with `scope`.
    ///
    /// A person's sessions of the same name live by one login, whatever their scope.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_scoped(&self, name: &str, scope: &Scope) -> Result<Session, Error> {
        let Inner { endpoints, setups, shards } = &*self.0;
        let now = setups.boot();
        let wanted = Wanted { name, scope };
        if let Some(session) = shards.get(&wanted, now) {
            return Ok(session);
        }
        let (endpoint, exchanges) = endpoints.of(name)?;
        let session = Session::with_setup(endpoint, setups.of(scope), name, Some(exchanges));
        Ok(shards.insert(&wanted, session, now))
    }

    /// Returns how many sessions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.shards.len()
    }

    /// Returns whether no session is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Closes every idle session whose token has ended, and returns how many those were.
    ///
    /// The sessions do so by themselves when others are opened; this is for a program that knows better when.
    pub fn sweep(&self) -> usize {
        self.0.shards.sweep(self.0.setups.boot())
    }

    /// Waits until nothing is under way in any of them: an exchange, its commit, a revocation. They can still be used
    /// afterwards.
    pub async fn shutdown(&self) {
        for session in self.0.shards.busy() {
            session.shutdown().await;
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("len", &self.len()).finish_non_exhaustive()
    }
}
