use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind, Fingerprint, Grant, IdToken, Moment, RefreshToken, TokenResponse};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Known, Shared, failure};
use crate::protocol::{
    Action, Answer, Attempt, Epoch, FailureClass, Input, Ledger, Outcome, Pause, Received, Terms, Watched,
};
use crate::record::{Record, Subject};
use crate::{Guard, Hold, Id, Swap, id, metrics};

/// How often a lease beats while a request is under way.
const BEAT: Duration = Duration::from_millis(1500);

/// Whoever has not seen the record for longer than this has not seen its lease stand still: the store may have been
/// out of everybody's reach, the holder's included. Half of how long a lease lasts.
const SIGHT: Duration = Duration::from_secs(3);

/// How long a typed "log in" stands before the record is looked at again, and a store's failure.
const RELOAD: Duration = Duration::from_secs(1);

/// Another one's lease as an attempt last saw it, and when.
pub(super) struct Sight {
    watched: Watched,
    read_at: Duration,
}

/// What a renewal has reached, for those who wait for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) published: u64,
    pub(super) urgent: bool,
    pub(super) done: bool,
}

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
        response: &Result<TokenResponse, Error>,
        sent_at: Moment,
    ) {
        let took = self.setup.clock.boot().saturating_sub(sent_at.boot);
        metrics::exchanged(self.provider(), grant.grant_type(), response, took);
    }

    fn attempt(&self, urgent: bool, avoid: Option<Fingerprint>) -> Attempt {
        let terms = Terms {
            owner: self.owner,
            key: self.setup.token_key,
            rotates: self.rotates(),
            supported: self.can_renew(),
            reuse_interval: self.endpoint.identity().reuse_interval,
            chain: self.setup.policy.chain,
        };
        let state = self.state();
        Attempt::new(terms, self.setup.clock.now(), urgent)
            .avoiding(avoid)
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
            let _ = self.start(false, None);
        }
    }

    /// Joins the one renewal, or starts it; an error if an earlier failure still stands.
    pub(super) fn join(
        self: &Arc<Self>,
        avoid: Option<Fingerprint>,
    ) -> Result<watch::Receiver<Progress>, Error> {
        let now = self.setup.clock.boot();
        let mut state = self.state();
        if let Some(flight) = &state.flight {
            return Ok(flight.clone());
        }
        if let Some(failure) = state.failure.take_if(|failure| failure.0 <= now) {
            tracing::trace!(session = &*self.name, error = %failure.1, "the back-off has passed");
        }
        if let Some(failure) = &state.failure {
            return Err(failure.1.clone());
        }
        drop(state);
        self.start(true, avoid)
    }

    fn start(
        self: &Arc<Self>,
        urgent: bool,
        avoid: Option<Fingerprint>,
    ) -> Result<watch::Receiver<Progress>, Error> {
        let mut state = self.state();
        if let Some(flight) = &state.flight {
            return Ok(flight.clone());
        }
        let (sender, receiver) = watch::channel(Progress { urgent, ..Progress::default() });
        state.flight = Some(receiver.clone());
        drop(state);
        let rejected =
            self.current.load().as_ref().filter(|current| current.rejected).map(|c| c.token.fingerprint());
        let flight = Flight::new(Arc::clone(self), sender, urgent, avoid.or(rejected));
        self.spawn(flight.run()).inspect_err(|_| {
            // Nothing was tried, and the next caller may be on a runtime.
            let mut state = self.state();
            state.failure = None;
            state.not_before = Duration::ZERO;
        })?;
        Ok(receiver)
    }
}

/// Drives one attempt of the protocol: it owns what the machine only names.
struct Flight {
    /// Dropped before `progress`: whoever is woken by the end of that finds what this leaves behind.
    ended: Ended,
    shared: Arc<Shared>,
    progress: watch::Sender<Progress>,
    attempt: Attempt,
    /// The access token that is not wanted any more.
    avoid: Option<Fingerprint>,
    /// Leave to have an exchange under way, where their number is bounded.
    turn: Option<OwnedSemaphorePermit>,
    /// The version that the store was last seen to hold.
    version: Option<Id>,
    /// Secrets and subject that go into the next record.
    record: Record,
    /// When it was last read (boot time).
    read_at: Duration,
    guard: Option<Guard>,
    received: Option<TokenResponse>,
    error: Option<Error>,
    /// Since when it has been waiting for another process's renewal (boot time).
    waiting_since: Option<Duration>,
}

impl Flight {
    fn new(
        shared: Arc<Shared>,
        progress: watch::Sender<Progress>,
        urgent: bool,
        avoid: Option<Fingerprint>,
    ) -> Self {
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
            ended: Ended { shared: Arc::clone(&shared), concluded: false },
            attempt: shared.attempt(urgent, avoid),
            shared,
            progress,
            avoid,
            turn: None,
            version: None,
            record,
            read_at,
            guard: None,
            received: None,
            error: None,
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
        self.conclude(outcome);
        let Self { ended, progress, .. } = self;
        drop(ended);
        progress.send_modify(|progress| progress.done = true);
    }

    /// Waits until an exchange may be begun. It looks before it waits: a token that another process has brought helps
    /// at once, however long the queue is.
    async fn take_turn(&mut self) {
        let Some(exchanges) = &self.shared.exchanges else { return };
        if let Ok(turn) = Arc::clone(exchanges).try_acquire_owned() {
            self.turn = Some(turn);
            return;
        }
        if let Err(error) = self.shared.look().await {
            tracing::debug!(session = &*self.shared.name, %error, "the store could not be read");
        }
        self.progress.send_modify(|progress| progress.published += 1);
        self.turn = self.shared.turn().await;
        // What an attempt may take counts from its beginning, and others may have come to wait for it.
        let urgent = self.progress.borrow().urgent || self.progress.receiver_count() > 1;
        self.attempt = self.shared.attempt(urgent, self.avoid);
    }

    fn tell(&mut self) {
        for event in self.attempt.take_notices() {
            self.shared.emit(event);
        }
    }

    async fn load(&mut self) -> Input {
        match self.shared.read().await {
            Ok(read) => {
                let now = self.shared.setup.clock.boot();
                let last = std::mem::replace(&mut self.read_at, now);
                if now.saturating_sub(last) > SIGHT {
                    self.attempt.watched = None;
                }
                self.shared.adopt(read.as_ref().map(|(_, record)| record));
                self.progress.send_modify(|progress| progress.published += 1);
                self.version = read.as_ref().map(|(entry, _)| entry.write_id());
                let ledger = read.map(|(_, record)| {
                    let ledger = record.ledger.clone();
                    self.remember(record);
                    Box::new(ledger)
                });
                Input::Loaded(ledger)
            }
            Err(error) => {
                self.attempt.watched = None;
                self.error = Some(error);
                Input::LoadFailed
            }
        }
    }

    /// Takes over a stored record without losing secrets that only this process has.
    fn remember(&mut self, record: Record) {
        let mine = std::mem::replace(&mut self.record, record);
        // What two maps have under one fingerprint is the same secret.
        self.record.refresh_tokens.extend(mine.refresh_tokens);
        self.record.access_tokens.extend(mine.access_tokens);
    }

    async fn hold(&mut self) -> Input {
        match self.shared.setup.store.hold(&self.shared.key()).await {
            Ok(Hold::Held(guard)) => {
                self.guard = Some(guard);
                Input::Held
            }
            Ok(Hold::Busy) => Input::HoldBusy,
            Ok(_) => Input::HoldUnsupported,
            Err(error) => {
                self.error = Some(error);
                Input::HoldFailed
            }
        }
    }

    async fn swap(&mut self, next: Ledger) -> Input {
        let asked_at = self.shared.setup.clock.boot();
        match self.write(next).await {
            Ok(true) => Input::Swapped { asked_at },
            Ok(false) => Input::Conflict,
            Err(error) => {
                self.error = Some(error);
                Input::SwapFailed
            }
        }
    }

    /// One compare-and-swap; after a doubtful one, a load tells by the write id whether it happened.
    async fn write(&mut self, next: Ledger) -> Result<bool, Error> {
        let (store, key) = (&self.shared.setup.store, &self.shared.key());
        let write_id = Id::random();
        let entry = self.record.with_ledger(next).encode(write_id)?;
        let swapped = match store.compare_and_swap(key, self.version, &entry).await {
            Ok(swap) => swap == Swap::Swapped,
            Err(doubt) => match store.load(key).await {
                Ok(Some(stored)) if stored.write_id() == write_id => true,
                Ok(stored) if stored.as_ref().map(crate::Entry::write_id) != self.version => false,
                _ => return Err(doubt),
            },
        };
        if swapped {
            self.version = Some(write_id);
        }
        Ok(swapped)
    }

    async fn send(&mut self, token: Option<Fingerprint>, not_after: Option<Duration>) -> Input {
        let grant = match token {
            Some(fingerprint) => {
                self.record.refresh_tokens.get(&fingerprint).cloned().map(Grant::refresh_token)
            }
            None => self.shared.setup.own_grant.clone(),
        };
        let Some(grant) = grant else {
            self.error =
                Some(Error::new(ErrorKind::CorruptRecord, "a session record names a token that it lacks"));
            return Input::Answer(Answer::NotSent { class: FailureClass::Configuration });
        };
        let sent_at = self.shared.setup.clock.now();
        if not_after.is_some_and(|guard| sent_at.boot > guard) {
            return Input::Answer(Answer::TooLate);
        }
        self.tell_of_the_wait();
        let endpoint = Arc::clone(&self.shared.endpoint);
        let exchange = endpoint.exchange(&grant);
        tokio::pin!(exchange);
        let response = loop {
            match tokio::time::timeout(BEAT, &mut exchange).await {
                Ok(response) => break response,
                Err(_) => self.beat().await,
            }
        };
        self.shared.tell_of_exchange(&grant, &response, sent_at);
        Input::Answer(self.judge(response, sent_at))
    }

    /// Shows that this process is alive and still holds the lease.
    async fn beat(&mut self) {
        let Some(next) = self.attempt.beat() else { return };
        let asked_at = self.shared.setup.clock.boot();
        // A beat that does not get through shows at the guard and at the commit.
        if let Ok(true) = self.write(next.clone()).await {
            self.attempt.beaten(next, asked_at);
        }
    }

    fn judge(&mut self, response: Result<TokenResponse, Error>, sent_at: Moment) -> Answer {
        match response {
            Ok(response) => {
                let received = self.receive(&response, sent_at);
                self.received = Some(response);
                Answer::Granted(received)
            }
            Err(error) => {
                let answer = failure::classify(&error, self.shared.setup.token_key);
                self.error = Some(error);
                answer
            }
        }
    }

    /// Puts what the server issued where the next record will be made from.
    fn receive(&mut self, response: &TokenResponse, sent_at: Moment) -> Received {
        let issued = self.shared.issued(response, sent_at);
        self.record.access_tokens.insert(issued.fingerprint, response.access_token.clone());
        let stranger = response.id_token.as_ref().is_some_and(|id_token| self.is_stranger(id_token));
        if let Some(id_token) = response.id_token.as_ref().filter(|_| !stranger) {
            self.record.id_token = Some(id_token.clone());
            self.record.subject = Subject::of(id_token).or_else(|| self.record.subject.take());
        }
        // RFC 6749 §4.4.3: a refresh token should not come with a client's own token; it is dropped if it does.
        let refresh = response.refresh_token.as_ref().filter(|_| self.shared.rotates());
        if let Some(token) = refresh {
            self.record.refresh_tokens.insert(token.fingerprint(), token.clone());
        }
        Received { refresh: refresh.map(RefreshToken::fingerprint), issued, stranger }
    }

    /// OpenID Connect Core §12.2: `iss` and `sub` must be those of the login.
    fn is_stranger(&self, id_token: &IdToken) -> bool {
        self.record.subject.as_ref().is_some_and(|login| Subject::of(id_token).as_ref() != Some(login))
    }

    fn publish(&mut self) -> Input {
        if let Some(ledger) = self.attempt.ledger() {
            self.shared.publish_made(self.record.with_ledger(ledger.clone()));
        }
        self.progress.send_modify(|progress| progress.published += 1);
        Input::Published
    }

    async fn revoke(&mut self) -> Input {
        if let Some(response) = self.received.take() {
            let result = self.shared.revoke(response.refresh_token.as_ref(), &[&response.access_token]).await;
            if let Err(error) = result {
                tracing::debug!(session = &*self.shared.name, %error, "a superseded token could not be revoked");
            }
        }
        Input::Revoked
    }

    async fn pause(&mut self, pause: Pause) {
        let held_stores_are_quick = self.guard.is_some() || self.attempt.watched.is_none();
        let milliseconds = match pause {
            Pause::Poll if held_stores_are_quick => 20 + id::draw(40),
            Pause::Poll => 50 + id::draw(200),
            Pause::Resend => 250,
            Pause::Persist => 200 + id::draw(300),
        };
        if pause == Pause::Poll {
            self.waiting_since.get_or_insert_with(|| self.shared.setup.clock.boot());
        }
        if pause == Pause::Persist {
            self.tell_of_the_store();
        }
        // Nothing of this session is at the server now: another one may be.
        if pause != Pause::Resend {
            self.turn = None;
        }
        // Beats go on: a pause before a second presentation belongs to the exchange.
        self.beat().await;
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        if self.progress.borrow().urgent || self.progress.receiver_count() > 1 {
            self.attempt.hurry();
        }
        if pause == Pause::Poll {
            self.turn = self.shared.turn().await;
        }
    }

    /// A token that cannot be stored may come of age meanwhile: then whoever waits is told why there is no other, while
    /// this attempt goes on trying and keeps everybody else from spending the refresh token again.
    fn tell_of_the_store(&mut self) {
        if let Some(error) = self.error.clone() {
            self.shared.state().failure = Some(Box::new((self.shared.setup.clock.boot(), error)));
            self.progress.send_modify(|progress| progress.published += 1);
        }
    }

    /// Measures how long another process has kept this one waiting, if any has.
    fn tell_of_the_wait(&mut self) {
        if let Some(since) = self.waiting_since.take() {
            let waited = self.shared.setup.clock.boot().saturating_sub(since);
            metrics::waited_for_lease(self.shared.provider(), waited);
        }
    }

    /// Leaves behind what the next caller needs to know.
    fn conclude(&mut self, outcome: Outcome) {
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
            Outcome::BackingOff(failure) => {
                let until = now + failure.remaining(self.shared.setup.clock.now());
                Some((until, self.shared.shared_failure(failure)))
            }
            Outcome::Failed => {
                let error = error.unwrap_or_else(|| Error::new(ErrorKind::Busy, "the renewal failed"));
                let wait = if self.shared.rotates() {
                    backoff(self.attempt.ledger())
                } else {
                    error.retry_after().unwrap_or(RELOAD).min(Duration::from_secs(60))
                };
                Some((now + wait, error))
            }
            Outcome::LoginRequired(why) => Some((now + RELOAD, self.shared.login_required(why))),
            Outcome::Busy => {
                let message = format!("another process has been renewing session `{session}` for too long");
                Some((now, Error::new(ErrorKind::Busy, message)))
            }
            Outcome::StorageFailed => {
                let unknown = || Error::new(ErrorKind::Storage, "the token store failed");
                Some((now + RELOAD, error.unwrap_or_else(unknown)))
            }
        };
        if let Some((until, _)) = &failure {
            state.not_before = *until;
        }
        state.failure = failure.map(Box::new);
    }
}

/// Makes room for the next renewal when this one ends, even by a panic or with its runtime, before it has begun.
struct Ended {
    shared: Arc<Shared>,
    concluded: bool,
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
