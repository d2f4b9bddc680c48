//! What a flight leaves behind.

use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};

use super::super::Shared;
use super::{Flight, Sight};
use crate::protocol::{Ledger, Outcome};
use crate::store::holder;

/// How long a typed "log in" stands before the record is looked at again, and a store's failure.
const RELOAD: Duration = Duration::from_secs(1);

impl Flight {
    /// Leaves behind what the next caller needs to know, and returns what whoever waits is told.
    pub(super) fn conclude(&mut self, outcome: Outcome) -> Option<Error> {
        self.tell_of_the_wait();
        let now = self.shared.setup.clock.boot();
        let session = &*self.shared.name;
        tracing::debug!(session, ?outcome, "renewal ended");
        let mut state = self.shared.state();
        let read_at = self.read_at;
        state.sight = self.attempt.watched.map(|watched| Box::new(Sight { watched, read_at }));
        self.ended.concluded = true;
        let backoff = |ledger: Option<&Ledger>| {
            let failure = ledger.and_then(|ledger| ledger.failure);
            failure.map_or(RELOAD, |failure| failure.remaining(self.shared.setup.clock.now()).max(RELOAD))
        };
        let error = self.error.take();
        let reason = self.reason.as_ref().or(self.record.reason.as_deref());
        let failure = match outcome {
            Outcome::Current | Outcome::Refreshed => None,
            Outcome::Content | Outcome::Superseded => {
                state.not_before = now + Duration::from_millis(250);
                None
            }
            Outcome::Deferred => {
                let mandatory =
                    self.shared.current.load().as_ref().map(|current| current.token.validity().mandatory_at);
                state.not_before = mandatory.unwrap_or(now + RELOAD);
                None
            }
            Outcome::Unsettled(wait) => {
                Some((now + wait.min(RELOAD), self.shared.unsettled(wait, self.leased_to())))
            }
            Outcome::BackingOff(failure) => {
                let until = now + failure.remaining(self.shared.setup.clock.now());
                Some((until, self.shared.shared_failure(failure, reason)))
            }
            Outcome::Failed => {
                let error = error.unwrap_or_else(|| Error::new(ErrorKind::Busy, "the renewal failed"));
                let wait = match self.attempt.ledger().and_then(|ledger| ledger.failure) {
                    None => error.retry_after().unwrap_or(RELOAD).min(Duration::from_secs(60)),
                    Some(_) => backoff(self.attempt.ledger()),
                };
                Some((now + wait, error))
            }
            Outcome::LoginRequired(why) => {
                Some((now + RELOAD, self.shared.login_required_because(why, reason)))
            }
            Outcome::Busy => {
                let holder = self.holder().unwrap_or_else(|| "another process".to_owned());
                let message = format!(
                    "somebody else has been renewing session `{session}` for too long: {holder}; nothing was done to it"
                );
                Some((now, Error::new(ErrorKind::Busy, message)))
            }
            Outcome::StorageFailed => {
                let unknown = || Error::new(ErrorKind::Storage, "the token store failed");
                Some((now + RELOAD, error.unwrap_or_else(unknown)))
            }
        };
        if let Some((until, _)) = &failure {
            state.not_before = *until;
            // There is no better one: whoever can use it goes on with it.
            self.shared.pardon();
        }
        state.failure = failure.map(Box::new);
        state.failure.as_deref().map(|(_, error)| error.clone())
    }
}

impl Flight {
    /// Who keeps everybody else from renewing the session, in words: a store's lock knows it, or else the lease says it.
    fn holder(&self) -> Option<String> {
        self.shared.setup.store.holder(&self.shared.key()).or_else(|| self.leased_to())
    }

    /// Who has the lease, or had it when it ended, in words.
    fn leased_to(&self) -> Option<String> {
        self.record.holder.as_deref().and_then(holder::describe)
    }
}

/// Makes room for the next renewal when this one ends, even by a panic or with its runtime, before it has begun.
pub(super) struct Ended {
    shared: Arc<Shared>,
    concluded: bool,
}

impl Ended {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, concluded: false }
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.flight = None;
        if !self.concluded {
            // Whoever waits gets an error, and the next attempt is due in a while: what broke once may break again.
            let until = self.shared.setup.clock.boot() + RELOAD;
            let message = format!("the renewal of session `{}` was cut off", self.shared.name);
            state.failure = Some(Box::new((until, Error::new(ErrorKind::Busy, message))));
            state.not_before = until;
        }
    }
}
