//! The slow path of a get: callers that wait for a renewal, each until a deadline of its own.

use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{End, Error, ErrorKind, Token};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::Shared;
use super::flight::Progress;
use crate::Event;
use crate::protocol::{SPACING, Want};

/// So much longer than a renewal waits for others does a caller wait for the renewal, which says what kept it.
const PATIENCE: Duration = Duration::from_millis(500);

/// Between two renewals of one call that ended with nothing at all: somebody else keeps changing the session.
const BRAKE: Duration = Duration::from_millis(250);

/// A renewal that a caller has joined.
struct Joined {
    progress: watch::Receiver<Progress>,
    /// Whether this caller has begun it.
    own: bool,
    /// When the caller began to wait (boot time).
    began: Duration,
    /// What it had reached before.
    since: u64,
    /// What it had reached when the caller looked last.
    seen: u64,
}

impl Joined {
    fn new((progress, own): (watch::Receiver<Progress>, bool), began: Duration) -> Self {
        let since = progress.borrow().published;
        // A renewal of its own may have got somewhere already.
        let since = if own { 0 } else { since };
        Self { progress, own, began, since, seen: since }
    }
}

/// What a caller finds when a renewal has moved.
enum Reached {
    /// What it waited for.
    Token(Token),
    Failure(Error),
    /// The renewal has ended, and has neither a token nor a failure for this caller.
    Nothing,
    /// It goes on.
    Progress,
}

/// A token that answered those who were waiting when it came.
#[derive(Clone, Debug)]
pub(super) struct Came {
    pub(super) token: Token,
    /// Whether it is from an exchange of this very renewal.
    pub(super) exchanged: bool,
    /// When it was asked for (boot time).
    pub(super) asked_at: Duration,
    /// What the renewal had reached then.
    pub(super) published: u64,
}

impl Shared {
    /// Joins the one renewal, or starts it. A renewal that succeeded ends the wait, whatever it has brought.
    pub(super) async fn wait(self: &Arc<Self>, want: Want) -> Result<Token, Error> {
        let chain = self.setup.policy.chain;
        #[expect(clippy::disallowed_methods, reason = "the runtime's timer has a clock of its own")]
        let deadline = Instant::now().checked_add(chain.saturating_add(PATIENCE));
        let began = self.setup.clock.boot();
        let mut joined = None;
        loop {
            if let Some(token) = self.serving(want) {
                return Ok(self.told(token));
            }
            let mut flight = match joined.take() {
                Some(flight) => flight,
                None => match self.join(want) {
                    Ok(Some(flight)) => Joined::new(flight, began),
                    Ok(None) => continue,
                    Err(error) => return self.last_resort(error, want),
                },
            };
            match self.reached(&mut flight, want, deadline).await {
                Reached::Token(token) => return Ok(token),
                Reached::Failure(error) => {
                    return match self.serving(want) {
                        Some(token) => Ok(self.told(token)),
                        None => self.last_resort(error, want),
                    };
                }
                Reached::Nothing if flight.own && self.serving(want).is_none() => sleep(BRAKE).await,
                Reached::Nothing => {}
                Reached::Progress => joined = Some(flight),
            }
        }
    }

    /// Waits for a renewal to reach something.
    async fn reached(&self, flight: &mut Joined, want: Want, deadline: Option<Instant>) -> Reached {
        let Joined { progress, own, began, since, seen } = flight;
        let before = *seen;
        let moved = progress.wait_for(|reached| reached.done || reached.published != before);
        let moved = match deadline {
            Some(deadline) => timeout_at(deadline, moved).await,
            None => Ok(moved.await),
        };
        let reached = match moved {
            Ok(Ok(reached)) => reached,
            // The task died with its runtime or panicked.
            Ok(Err(_)) => {
                let failure = self.state().failure.as_deref().map(|(_, error)| error.clone());
                return failure.map_or(Reached::Nothing, Reached::Failure);
            }
            Err(_) => {
                let (name, chain) = (&self.name, self.setup.policy.chain);
                let message =
                    format!("the renewal of session `{name}` has not ended within {chain:?}; it goes on");
                return Reached::Failure(Error::new(ErrorKind::TimedOut, message));
            }
        };
        *seen = reached.published;
        let now = self.setup.clock.boot();
        let came = reached.came.as_ref().filter(|came| {
            // One that ended on its way is for whoever was there when it was asked for: others get a better one. Of one
            // that lives for no time at all there is no better one.
            let lived_at_all = !came.token.is_over(came.asked_at);
            let serves = !came.token.is_over(now) || came.asked_at >= *began || !lived_at_all;
            let another = Some(came.token.fingerprint()) != want.unwanted();
            serves && came.published > *since && (*own || came.exchanged || another)
        });
        match (came, &reached.failure) {
            (Some(came), _) => Reached::Token(came.token.clone()),
            (None, Some(error)) => Reached::Failure(error.clone()),
            (None, None) if reached.done => Reached::Nothing,
            (None, None) => Reached::Progress,
        }
    }

    /// The current token, if it is one that a caller need not wait for: in its margin it is while nobody may ask for
    /// another one.
    pub(super) fn serving(&self, want: Want) -> Option<Token> {
        let now = self.setup.clock.boot();
        let current = self.current.load();
        let current = current.as_ref().filter(|current| {
            let wanted = !current.rejected && Some(current.token.fingerprint()) != want.unwanted();
            wanted && !current.token.is_over(now)
        })?;
        let is_due = now >= current.token.validity().mandatory_at;
        let may_ask = now.saturating_sub(current.obtained_at()) >= SPACING;
        (!is_due || !may_ask).then(|| current.token.clone())
    }

    /// Tells of a token in its margin that is handed out.
    fn told(&self, token: Token) -> Token {
        if self.setup.clock.boot() >= token.validity().mandatory_at {
            self.emit(Event::StaleServed);
        }
        token
    }

    /// A token that has not expired is better than an error, unless it is the one that the caller does not want.
    pub(super) fn last_resort(&self, error: Error, want: Want) -> Result<Token, Error> {
        let now = self.setup.clock.boot();
        let current = self.current.load_full().filter(|current| {
            let wanted = Some(current.token.fingerprint()) != want.unwanted();
            // Nothing but a refusal ends a token whose end is unknown.
            let ended = current.rejected && current.token.validity().end == End::Unknown;
            wanted && !ended && !current.token.is_over(now)
        });
        match current {
            Some(current) => {
                self.emit(Event::StaleServed);
                Ok(current.token.clone())
            }
            None => Err(error),
        }
    }
}
