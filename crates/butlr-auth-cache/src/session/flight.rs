use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use butlr_auth_core::{Error, Grant, Moment, TokenResponse};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::wait::Came;
use super::{Known, Shared};
use crate::protocol::{Action, Attempt, Epoch, Input, Ledger, Outcome, Pause, Terms, Want, Watched};
use crate::record::{Reason, Record};
use crate::{Guard, Id, id, metrics};

mod conclude;
mod exchange;
mod stored;

use conclude::Ended;
use exchange::Brought;

/// Another one's lease as an attempt last saw it, and when.
pub(super) struct Sight {
    watched: Watched,
    read_at: Duration,
}

/// What a renewal has reached, for those who wait for it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Counts what there was to see. A thousand may wait, and each of them looks.
    pub(super) published: u64,
    pub(super) done: bool,
    /// Why there is no token, for everybody who waited for this renewal: what the session remembers of it may have
    /// passed before the last of them has looked.
    pub(super) failure: Option<Error>,
    /// What whoever waits gets, however short its life is.
    pub(super) came: Option<Came>,
    urgent: bool,
}

/// A renewal to wait for, and whether it was begun for whoever asked.
pub(super) type Joinable = (watch::Receiver<Progress>, bool);

impl Shared {
    /// Leave to have an exchange under way; `None` where their number is not bounded.
    pub(super) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let exchanges = self.exchanges.as_ref()?;
        if let Ok(turn) = Arc::clone(exchanges).try_acquire_owned() {
            return Some(turn);
        }
        let asked_at = self.setup.clock.boot();
        // It fails only when the semaphore is closed, which nobody does.
        let turn = Arc::clone(exchanges).acquire_owned().await.ok();
        metrics::queued(self.provider(), self.setup.clock.boot().saturating_sub(asked_at));
        turn
    }

    /// Measures a request to the token endpoint.
    pub(super) fn tell_of_exchange(
        &self,
        grant: &Grant,
        response: Result<&TokenResponse, &Error>,
        sent_at: Moment,
    ) {
        let took = self.setup.clock.boot().saturating_sub(sent_at.boot);
        metrics::exchanged(self.provider(), grant.grant_type(), response, took);
    }

    fn attempt(&self, urgent: bool, want: Want) -> Attempt {
        let terms = Terms {
            owner: self.owner,
            key: self.token_key(),
            rotates: self.rotates(),
            supported: self.can_renew(),
            reuse_interval: self.endpoint.identity().reuse_interval,
            chain: self.setup.policy.chain,
        };
        let state = self.state();
        Attempt::new(terms, self.setup.clock.now(), urgent)
            .wanting(want)
            .offering(self.current.load().as_ref().map(|current| current.offered()))
            .remembering(state.known.as_ref().map(Known::ledger))
            .having_watched(state.sight.as_ref().map(|sight| sight.watched))
    }

    /// Makes sure that a renewal is under way; nobody waits for it.
    pub(super) fn renew_in_background(self: &Arc<Self>, now: Duration) {
        let state = self.state();
        let excused = state.flight.is_some() || now < state.not_before;
        drop(state);
        if !excused {
            // A failure is remembered, and told to whoever has to wait.
            let _ = self.start(false, Want::Fresh);
        }
    }

    /// Joins the one renewal, or starts it, and says which; an error if an earlier failure still stands. `None` if one
    /// has just ended that brought what is wanted.
    pub(super) fn join(self: &Arc<Self>, want: Want) -> Result<Option<Joinable>, Error> {
        let now = self.setup.clock.boot();
        let mut state = self.state();
        if let Some(flight) = &state.flight {
            return Ok(Some((flight.clone(), false)));
        }
        if let Some(failure) = state.failure.take_if(|failure| failure.0 <= now) {
            tracing::trace!(session = &*self.name, error = %failure.1, "the back-off has passed");
        }
        if let Some(failure) = &state.failure {
            return Err(failure.1.clone());
        }
        drop(state);
        self.start(true, want)
    }

    fn start(self: &Arc<Self>, urgent: bool, want: Want) -> Result<Option<Joinable>, Error> {
        let mut state = self.state();
        if let Some(flight) = &state.flight {
            return Ok(Some((flight.clone(), false)));
        }
        // What a renewal brings is there before it has ended.
        if urgent && self.serving(want).is_some() {
            return Ok(None);
        }
        let (sender, receiver) = watch::channel(Progress { urgent, ..Progress::default() });
        state.flight = Some(receiver.clone());
        drop(state);
        let rejected =
            self.current.load().as_ref().filter(|current| current.rejected).map(|c| c.token.fingerprint());
        let want = match rejected {
            Some(rejected) if want.unwanted().is_none_or(|unwanted| unwanted == rejected) => {
                Want::Unrefused(rejected)
            }
            _ => want,
        };
        let flight = Flight::new(Arc::clone(self), sender, urgent, want);
        self.spawn(flight.run()).inspect_err(|_| {
            // Nothing was tried, and the next caller may be on a runtime.
            let mut state = self.state();
            state.failure = None;
            state.not_before = Duration::ZERO;
        })?;
        Ok(Some((receiver, true)))
    }
}

/// Drives one attempt of the protocol: it owns what the machine only names.
struct Flight {
    /// Dropped before `progress`: whoever is woken by the end of that finds what this leaves behind.
    ended: Ended,
    shared: Arc<Shared>,
    progress: watch::Sender<Progress>,
    attempt: Attempt,
    want: Want,
    /// Leave to have an exchange under way, where their number is bounded.
    turn: Option<OwnedSemaphorePermit>,
    /// The version that the store was last seen to hold.
    version: Option<Id>,
    /// Secrets and subject that go into the next record.
    record: Record,
    /// When it was last read (boot time).
    read_at: Duration,
    guard: Option<Guard>,
    /// This process, as it signs its lease.
    signature: Option<Box<str>>,
    received: Option<Brought>,
    error: Option<Error>,
    /// What is remembered of a failure, for everybody who reads the record.
    reason: Option<Reason>,
    /// Since when it has been waiting for another process's renewal (boot time).
    waiting_since: Option<Duration>,
}

impl Flight {
    fn new(shared: Arc<Shared>, progress: watch::Sender<Progress>, urgent: bool, want: Want) -> Self {
        let identity = shared.endpoint.identity();
        let state = shared.state();
        let record = state.known.as_ref().map(|known| known.record(identity));
        let record = record.unwrap_or_else(|| {
            let empty = Ledger::new(Epoch { counter: 0, login: shared.owner });
            Record::new(identity.origin.clone(), empty)
        });
        let read_at = state.sight.as_ref().map_or(Duration::ZERO, |sight| sight.read_at);
        drop(state);
        Self {
            ended: Ended::new(Arc::clone(&shared)),
            attempt: shared.attempt(urgent, want),
            shared,
            progress,
            want,
            turn: None,
            version: None,
            record,
            read_at,
            guard: None,
            signature: None,
            received: None,
            error: None,
            reason: None,
            waiting_since: None,
        }
    }

    async fn run(mut self) {
        self.take_turn().await;
        let mut action = self.attempt.begin();
        let outcome = loop {
            let input = match action {
                Action::Done(outcome) => break outcome,
                Action::Load => self.load().await,
                Action::Hold => self.hold().await,
                Action::Swap(next) => self.swap(*next).await,
                Action::Send { token, not_after } => self.send(token, not_after).await,
                Action::Wait(pause) => {
                    self.pause(pause).await;
                    Input::Waited
                }
                Action::Publish => self.publish(),
                Action::Revoke => self.revoke().await,
            };
            action = self.attempt.step(input, self.shared.setup.clock.now());
            self.tell();
        };
        self.tell();
        self.guard = None;
        self.turn = None;
        if outcome == Outcome::Busy {
            // Whoever kept this one waiting may have finished since it last looked.
            self.look().await;
        }
        if outcome == Outcome::Current {
            self.answer(false);
        }
        let failure = self.conclude(outcome);
        let Self { ended, progress, .. } = self;
        drop(ended);
        progress.send_modify(|progress| {
            progress.failure = failure;
            progress.done = true;
        });
    }

    /// Waits until an exchange may be begun. It looks before it waits: a token that another process has brought helps
    /// at once, however long the queue is.
    async fn take_turn(&mut self) {
        let Some(exchanges) = &self.shared.exchanges else { return };
        if let Ok(turn) = Arc::clone(exchanges).try_acquire_owned() {
            self.turn = Some(turn);
            return;
        }
        self.look().await;
        self.turn = self.shared.turn().await;
        // What an attempt may take counts from its beginning, and others may have come to wait for it.
        let urgent = self.progress.borrow().urgent || self.progress.receiver_count() > 1;
        self.attempt = self.shared.attempt(urgent, self.want);
    }

    /// Takes over what the store holds, for those who wait.
    async fn look(&mut self) {
        let version = self.shared.version.load(Ordering::Acquire);
        if let Err(error) = self.shared.look().await {
            tracing::debug!(session = &*self.shared.name, %error, "the store could not be read");
        }
        self.tell_of_change_since(version);
    }

    /// Wakes those who wait if there is another token than at that version of the session.
    fn tell_of_change_since(&self, version: u64) {
        if self.shared.version.load(Ordering::Acquire) != version {
            self.progress.send_modify(|progress| progress.published += 1);
        }
    }

    fn tell(&mut self) {
        for event in self.attempt.take_notices() {
            self.shared.emit(event);
        }
    }

    fn publish(&mut self) -> Input {
        if let Some(ledger) = self.attempt.ledger() {
            self.shared.publish_made(self.record.with_ledger(ledger.clone()));
        }
        self.answer(self.error.is_none());
        Input::Published
    }

    /// Hands the current token to everybody who waits.
    fn answer(&self, exchanged: bool) {
        let current = self.shared.current.load_full();
        self.progress.send_modify(|progress| {
            progress.published += 1;
            let published = progress.published;
            progress.came = current.map(|current| {
                let asked_at = current.obtained_at();
                Came { token: current.token.clone(), exchanged, asked_at, published }
            });
        });
    }

    async fn pause(&mut self, pause: Pause) {
        let held_stores_are_quick = self.guard.is_some() || self.attempt.watched.is_none();
        let milliseconds = match pause {
            Pause::Poll if held_stores_are_quick => 20 + id::draw(40),
            Pause::Poll => 50 + id::draw(200),
            Pause::For(wait) => u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1),
            Pause::Persist => 200 + id::draw(300),
        };
        if pause == Pause::Poll {
            self.waiting_since.get_or_insert_with(|| self.shared.setup.clock.boot());
        }
        if pause == Pause::Persist {
            self.tell_of_the_store();
        }
        // Nothing of this session is at the server now: another one may be.
        let returns = !self.attempt.is_repeating();
        if returns {
            self.turn = None;
        }
        // Beats go on: a pause before a second presentation belongs to the exchange.
        let mut left = Duration::from_millis(milliseconds);
        while !left.is_zero() {
            self.beat().await;
            let slice = left.min(exchange::BEAT);
            tokio::time::sleep(slice).await;
            left -= slice;
        }
        if self.progress.borrow().urgent || self.progress.receiver_count() > 1 {
            self.attempt.hurry();
        }
        if returns && pause != Pause::Persist {
            self.turn = self.shared.turn().await;
        }
    }

    /// A token that cannot be stored may come of age meanwhile: then whoever waits is told why there is no other, while
    /// this attempt goes on trying and keeps everybody else from spending the refresh token again.
    fn tell_of_the_store(&mut self) {
        if let Some(error) = self.error.clone() {
            self.shared.state().failure = Some(Box::new((self.shared.setup.clock.boot(), error.clone())));
            self.progress.send_modify(|progress| {
                progress.failure = Some(error);
                progress.published += 1;
            });
        }
    }

    /// Measures how long another process has kept this one waiting, if any has.
    fn tell_of_the_wait(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            let waited = self.shared.setup.clock.boot().saturating_sub(since);
            metrics::waited_for_lease(self.shared.provider(), waited);
        }
    }
}
