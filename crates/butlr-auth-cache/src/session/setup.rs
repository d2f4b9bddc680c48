use std::sync::Arc;

use butlr_auth_core::{Clock, Error, ErrorKind, Grant, Scope};
use tokio::sync::Notify;

use crate::{Event, RefreshPolicy, TokenStore};

/// Told of every event, with the name of its session.
pub(crate) type Observer = Arc<dyn Fn(&str, Event) + Send + Sync>;

/// How a session works, beyond whose it is: the same for all that are opened together.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) store: Arc<dyn TokenStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: RefreshPolicy,
    /// What a client asks with on its own; `None` for a session that lives by a refresh token.
    pub(crate) own_grant: Option<Grant>,
    pub(crate) scope: Scope,
    pub(crate) on_event: Option<Observer>,
    /// Whether a login revokes what it replaces.
    pub(crate) revoke_replaced: bool,
    /// Told when nothing is under way any more in one of the sessions.
    pub(crate) idle: Arc<Notify>,
}

impl Setup {
    /// Checks that a session may repeat `grant` by itself, and settles the scope that it asks for.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it may not: a password is never kept, and a code or a refresh token is good
    /// for one use.
    pub(crate) fn new(
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        policy: RefreshPolicy,
        grant: Option<Grant>,
        scope: Scope,
        on_event: Option<Observer>,
    ) -> Result<Self, Error> {
        let scope = match &grant {
            Some(grant) if scope.is_empty() => grant.scope().clone(),
            _ => scope,
        };
        let own_grant = match grant {
            None => None,
            Some(grant @ Grant::ClientCredentials { .. }) => Some(grant.with_scope(scope.clone())),
            Some(grant) => {
                let message = format!(
                    "a session cannot repeat the {} grant by itself: open it without a grant and call `login`",
                    grant.grant_type()
                );
                return Err(Error::new(ErrorKind::Configuration, message));
            }
        };
        Ok(Self {
            store,
            clock,
            policy,
            own_grant,
            scope,
            on_event,
            revoke_replaced: false,
            idle: Arc::default(),
        })
    }

    /// The same for another scope.
    pub(crate) fn with_scope(&self, scope: &Scope) -> Self {
        let own_grant = self.own_grant.clone().map(|grant| grant.with_scope(scope.clone()));
        Self { own_grant, scope: scope.clone(), ..self.clone() }
    }
}
