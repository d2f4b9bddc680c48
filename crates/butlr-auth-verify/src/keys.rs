//! The keys of one issuer, kept for a bounded time and read again when a token names one that is not among them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{Clock, Error, ErrorKind, Moment};
use tokio::sync::watch;

use crate::jws::Jws;
use crate::{KeySet, Reason, VerifyError};

/// Keys are not read again for a token with an unknown one more often than this: once a minute.
//= https://openid.net/specs/openid-connect-core-1_0.html#RotateSigKeys
//# The verifier knows to go back to the jwks_uri location to re-retrieve the keys when it sees an unfamiliar kid value.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(60);

/// After a failure nothing is asked for this long: 1 second without any keys, a minute with some.
const FAILURE_PAUSE: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(60)];

/// Keys are good for at least and at most this long, whatever their source says: 1 minute, 1 day.
const GOOD_FOR: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(86_400)];

/// For how long keys are used on when they are due and their source is down: 1 day from when they were read.
const STALE: Duration = Duration::from_secs(86_400);

/// Brings the keys of one issuer: by HTTP, from a file, from wherever a program keeps them.
///
/// It is asked rarely: when what it brought is due, and at most once a minute for tokens with an unknown key. It need
/// keep nothing.
#[async_trait]
pub trait KeySource: fmt::Debug + Send + Sync {
    /// Reads the JWK set, and says for how long it is good. Less than a minute counts as a minute, more than a day as
    /// a day.
    ///
    /// # Errors
    /// Whatever keeps it from reading. Verification then goes on with the keys it has, for up to a day.
    async fn fetch(&self) -> Result<(KeySet, Duration), Error>;
}

const _: fn(&dyn KeySource) = |_| {};

#[cfg(feature = "http")]
#[async_trait]
impl KeySource for butlr_auth_http::JwksEndpoint {
    async fn fetch(&self) -> Result<(KeySet, Duration), Error> {
        let document = self.read().await?;
        Ok((KeySet::from_json(&document.body)?, document.good_for))
    }
}

/// Where the keys come from.
#[derive(Debug)]
pub(crate) enum Keys {
    /// Given once.
    Fixed(KeySet),
    Fetched(Arc<Fetched>),
}

/// Keys from a source, and when it was asked.
#[derive(Debug)]
pub(crate) struct Fetched {
    source: Box<dyn KeySource>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Kept>,
    failure: Option<(Moment, Error)>,
    /// When a token with an unknown key last caused a look.
    surprised_at: Option<Moment>,
    /// Closed when the look that is under way is over.
    flight: Option<watch::Receiver<()>>,
}

#[derive(Clone, Debug)]
struct Kept {
    keys: Arc<KeySet>,
    asked_at: Moment,
    good_for: Duration,
}

impl Keys {
    pub(crate) fn fetched(source: Box<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        Self::Fetched(Arc::new(Fetched { source, clock, state: Mutex::default() }))
    }

    /// Checks the signature of a token, with the keys at hand wherever that is possible.
    pub(crate) async fn check(&self, jws: &Jws<'_>) -> Result<(), VerifyError> {
        let fetched = match self {
            Self::Fixed(keys) => return Ok(keys.check(jws)?),
            Self::Fetched(fetched) => fetched,
        };
        let keys = fetched.current().await?;
        match keys.check(jws) {
            Err(Reason::UnknownKey) => Ok(fetched.newer_than(&keys).await.check(jws)?),
            outcome => Ok(outcome?),
        }
    }
}

impl Fetched {
    /// The keys at hand. Nobody waits for the source while there are some, except the first to ask when they are due.
    async fn current(self: &Arc<Self>) -> Result<Arc<KeySet>, VerifyError> {
        let flight = {
            let mut state = self.state();
            let now = self.clock.now();
            match &state.kept {
                Some(kept) if kept.age(now) < kept.good_for => return Ok(Arc::clone(&kept.keys)),
                Some(kept) if kept.age(now) < STALE => {
                    let keys = Arc::clone(&kept.keys);
                    if state.is_in_flight() || state.failed_lately(now, FAILURE_PAUSE[1]) {
                        return Ok(keys);
                    }
                    self.look(&mut state, now)
                }
                _ => {
                    state.kept = None;
                    match state.flight.clone().filter(is_open) {
                        Some(flight) => flight,
                        None if state.failed_lately(now, FAILURE_PAUSE[0]) => return Err(state.unavailable()),
                        None => self.look(&mut state, now),
                    }
                }
            }
        };
        landed(flight).await;
        let state = self.state();
        state.kept.as_ref().map(|kept| Arc::clone(&kept.keys)).ok_or_else(|| state.unavailable())
    }

    /// Looks for newer keys than these, unless that was done a moment ago; these again if there are none.
    async fn newer_than(self: &Arc<Self>, known: &Arc<KeySet>) -> Arc<KeySet> {
        let flight = {
            let mut state = self.state();
            let now = self.clock.now();
            if let Some(kept) = state.kept.as_ref().filter(|kept| !Arc::ptr_eq(&kept.keys, known)) {
                return Arc::clone(&kept.keys);
            }
            match state.flight.clone().filter(is_open) {
                Some(flight) => flight,
                None if lately(state.surprised_at, now, UNKNOWN_KEY_PAUSE) => return Arc::clone(known),
                None => {
                    state.surprised_at = Some(now);
                    self.look(&mut state, now)
                }
            }
        };
        landed(flight).await;
        self.state().kept.as_ref().map_or_else(|| Arc::clone(known), |kept| Arc::clone(&kept.keys))
    }

    /// Starts a look at the source in a task of its own, so that a caller who leaves takes nothing along.
    fn look(self: &Arc<Self>, state: &mut State, now: Moment) -> watch::Receiver<()> {
        let (landing, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let found = this.source.fetch().await;
            let mut state = this.state();
            match found {
                Ok((keys, good_for)) => {
                    let good_for = good_for.clamp(GOOD_FOR[0], GOOD_FOR[1]);
                    state.kept = Some(Kept { keys: Arc::new(keys), asked_at: now, good_for });
                    state.failure = None;
                }
                Err(error) => {
                    tracing::warn!(%error, "the keys of the issuer could not be read");
                    state.failure = Some((this.clock.now(), error));
                }
            }
            state.flight = None;
            drop(state);
            drop(landing);
        });
        flight
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_in_flight(&self) -> bool {
        self.flight.as_ref().is_some_and(is_open)
    }

    fn failed_lately(&self, now: Moment, pause: Duration) -> bool {
        lately(self.failure.as_ref().map(|(at, _)| *at), now, pause)
    }

    fn unavailable(&self) -> VerifyError {
        let error = self.failure.as_ref().map(|(_, error)| error.clone());
        VerifyError::keys_unavailable(error.unwrap_or_else(|| {
            Error::new(ErrorKind::Unreachable, "the keys of the issuer were not read to the end")
        }))
    }
}

impl Kept {
    /// A clock that was set back cannot tell the age: then the keys are due.
    fn age(&self, now: Moment) -> Duration {
        now.since(&self.asked_at).unwrap_or(Duration::MAX)
    }
}

fn lately(at: Option<Moment>, now: Moment, pause: Duration) -> bool {
    at.and_then(|at| now.since(&at)).is_some_and(|elapsed| elapsed < pause)
}

/// Whether the task that looks is still there: one that died lands nothing.
fn is_open(flight: &watch::Receiver<()>) -> bool {
    flight.has_changed().is_ok()
}

async fn landed(mut flight: watch::Receiver<()>) {
    // Nothing is ever sent: this ends when the sender is gone.
    while flight.changed().await.is_ok() {}
}
