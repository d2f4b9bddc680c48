use std::time::Duration;

use butlr_auth_core::{Fingerprint, Moment};

use super::{
    Epoch, Failure, FailureClass, Intent, Issued, Lease, Ledger, LoginReason, Orphan, Refresh, State,
};
use crate::{Event, Id, key::TokenKey};

/// A lease whose beat stands still for this long, on the observer's own boot clock, may be taken.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(6);

/// A refresh token leaves only this long after the last acknowledged beat, so that a holder that was paused finds
/// out before it sends.
const GUARD: Duration = Duration::from_secs(3);

/// A refresh token is presented at most this often in one attempt.
const PRESENTATIONS: u8 = 2;

/// An attempt that keeps finding the record changed starts over this often.
const RESTARTS: u8 = 8;

/// What does not change during an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms {
    /// This process and session, as the lease names it.
    pub(crate) owner: Id,
    /// Which access token is wanted.
    pub(crate) key: TokenKey,
    /// Whether there is a refresh token to lose. If not, the client asks with its own secret.
    pub(crate) rotates: bool,
    /// Whether the provider has an endpoint for what would be sent.
    pub(crate) supported: bool,
    /// For how long a spent refresh token may be presented again.
    pub(crate) reuse_interval: Duration,
    /// How long an urgent attempt waits for others.
    pub(crate) chain: Duration,
}

/// A lease that was seen standing still, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Watched {
    pub(crate) fence: u64,
    pub(crate) beat: u64,
    pub(crate) since: Duration,
}

/// What the machine wants done; each is answered by one [`Input`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Load the record.
    Load,
    /// Try to take the store's lock.
    Hold,
    /// Replace the record that was last seen by this one.
    Swap(Box<Ledger>),
    /// Send one request: with this refresh token, or with the client's own secret. Not after this boot time.
    Send { token: Option<Fingerprint>, not_after: Option<Duration> },
    /// Let a while pass.
    Wait(Pause),
    /// Hand out what was received.
    Publish,
    /// Give back what was received.
    Revoke,
    /// Stop.
    Done(Outcome),
}

/// How long to wait; the driver draws the jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pause {
    /// Before another look at a record that somebody else is working on.
    Poll,
    /// Before the same refresh token is presented again.
    Resend,
    /// Before another attempt to store what was received.
    Persist,
}

/// What became of an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Input {
    Loaded(Option<Box<Ledger>>),
    LoadFailed,
    Held,
    HoldBusy,
    HoldUnsupported,
    HoldFailed,
    /// The record was replaced; the request to do so was made at this boot time.
    Swapped {
        asked_at: Duration,
    },
    Conflict,
    SwapFailed,
    Answer(Answer),
    Waited,
    Published,
    Revoked,
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Granted(Received),
    /// `invalid_grant`.
    InvalidGrant,
    /// Another readable answer. `settles`: the server did not act on the request (4xx).
    Failed {
        class: FailureClass,
        settles: bool,
        concerns: Option<TokenKey>,
        retry_after: Option<Duration>,
    },
    /// Nothing left this machine.
    NotSent {
        class: FailureClass,
    },
    /// The request may have arrived, and no readable answer came.
    Unanswered {
        class: FailureClass,
    },
    /// The guard's time had passed before it could be sent.
    TooLate,
}

/// What an exchange brought, by fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Received {
    pub(crate) refresh: Option<Fingerprint>,
    pub(crate) issued: Issued,
    /// Whether the `id_token` names another person than the login did.
    pub(crate) stranger: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Outcome {
    /// The record holds a fresh token already.
    Current,
    /// A new token was issued.
    Refreshed,
    /// Somebody else is renewing it, and nobody here has to wait.
    Content,
    /// A replay could cost the session, and the token is usable: not before it no longer is.
    Deferred,
    /// An earlier failure still keeps everybody from trying.
    BackingOff(Failure),
    /// The exchange failed.
    Failed,
    LoginRequired(LoginReason),
    /// Another login or a logout overtook this attempt.
    Superseded,
    /// Others worked on the record for longer than a caller may wait.
    Busy,
    /// The store failed before anything was sent.
    StorageFailed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Loading(Goal),
    Holding,
    Healing,
    Claiming,
    Sending,
    Pausing,
    Settling,
    Committing,
    Orphaning,
    Refusing,
    Publishing { persisted: bool },
    Waiting(Goal),
    Revoking,
    Finished,
}

/// What a load is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Goal {
    /// To see what there is to do.
    Begin,
    /// To see whether the refused refresh token is still the current one.
    Recheck,
    /// To store what was received on top of what others wrote.
    Rebase,
    /// To note a failure on top of what others wrote.
    Settle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Holding {
    Unknown,
    Held,
    Unsupported,
}

/// A failure to be noted in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Noted {
    class: FailureClass,
    concerns: Option<TokenKey>,
    retry_after: Option<Duration>,
    /// Whether the refresh token is certainly unspent.
    settles: bool,
}

/// One attempt to have a fresh token, from the first load to the commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    terms: Terms,
    started: Duration,
    urgent: bool,
    /// An access token that somebody rejected: it counts as used up.
    avoid: Option<Fingerprint>,
    /// What this process knows to have been committed or received last.
    memory: Option<Box<Ledger>>,
    /// What the store held when it was last seen.
    base: Option<Box<Ledger>>,
    /// What the swap under way would make of it.
    next: Option<Box<Ledger>>,
    holding: Holding,
    pub(crate) watched: Option<Watched>,
    /// When the last beat was made that the store acknowledged.
    acknowledged: Duration,
    epoch: Option<Epoch>,
    fence: u64,
    sent: Option<Fingerprint>,
    presented: u8,
    received: Option<Received>,
    noted: Option<Noted>,
    unpersisted: bool,
    restarts: u8,
    phase: Phase,
    notices: Vec<Event>,
}

impl Attempt {
    /// Begins an attempt; its first action is to load.
    pub(crate) fn new(terms: Terms, now: Moment, urgent: bool) -> Self {
        Self {
            terms,
            started: now.boot,
            urgent,
            avoid: None,
            memory: None,
            base: None,
            next: None,
            holding: Holding::Unknown,
            watched: None,
            acknowledged: now.boot,
            epoch: None,
            fence: 0,
            sent: None,
            presented: 0,
            received: None,
            noted: None,
            unpersisted: false,
            restarts: 0,
            phase: Phase::Loading(Goal::Begin),
            notices: Vec::new(),
        }
    }

    pub(crate) fn avoiding(mut self, rejected: Option<Fingerprint>) -> Self {
        self.avoid = rejected;
        self
    }

    pub(crate) fn remembering(mut self, memory: Option<Ledger>) -> Self {
        self.memory = memory.map(Box::new);
        self
    }

    pub(crate) fn having_watched(mut self, watched: Option<Watched>) -> Self {
        self.watched = watched;
        self
    }

    /// A caller has come that must wait for the result.
    pub(crate) fn hurry(&mut self) {
        self.urgent = true;
    }

    /// What happened since the last call.
    pub(crate) fn take_notices(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.notices)
    }

    /// The record as this process knows it: what was last seen, or what the store would not take.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        if self.unpersisted { self.next.as_deref() } else { self.base.as_deref() }
    }

    /// The lease's next beat, if this attempt holds one that must beat.
    pub(crate) fn beat(&self) -> Option<Ledger> {
        let beats = self.holding == Holding::Unsupported
            && self.terms.rotates
            && matches!(self.phase, Phase::Sending | Phase::Pausing);
        let mut next = self.base.as_deref().filter(|base| beats && base.fence == self.fence)?.clone();
        next.lease.as_mut()?.beat += 1;
        Some(next)
    }

    /// The store acknowledged a beat that was asked for at `asked_at`.
    pub(crate) fn beaten(&mut self, next: Ledger, asked_at: Duration) {
        self.base = Some(Box::new(next));
        self.acknowledged = asked_at;
    }

    /// The first action.
    pub(crate) fn begin(&mut self) -> Action {
        self.load(Goal::Begin)
    }

    /// Takes what became of the last action and says what to do next.
    pub(crate) fn step(&mut self, input: Input, now: Moment) -> Action {
        match (self.phase, input) {
            (Phase::Loading(goal), Input::Loaded(ledger)) => {
                self.base = ledger;
                match goal {
                    Goal::Begin => self.decide(now),
                    Goal::Recheck => self.recheck(now),
                    Goal::Rebase => self.rebase(now),
                    Goal::Settle => self.settle(now),
                }
            }
            (Phase::Loading(Goal::Rebase), Input::LoadFailed) => self.keep_trying_to_persist(),
            (Phase::Loading(Goal::Settle), Input::LoadFailed) => self.done(Outcome::Failed),
            (Phase::Loading(Goal::Recheck), Input::LoadFailed) => {
                self.refuse_in_memory(now);
                self.done(Outcome::LoginRequired(LoginReason::RefreshTokenRefused))
            }
            // A client that asks with its own secret has nothing to lose and goes on without the store.
            (Phase::Loading(Goal::Begin), Input::LoadFailed) if !self.terms.rotates => self.send(),
            (Phase::Loading(Goal::Begin), Input::LoadFailed) => self.done(Outcome::StorageFailed),

            (Phase::Holding, Input::Held) => {
                self.holding = Holding::Held;
                self.claim(now)
            }
            (Phase::Holding, Input::HoldUnsupported) => {
                self.holding = Holding::Unsupported;
                self.claim_unless_leased(now)
            }
            (Phase::Holding, Input::HoldBusy) => self.wait_or_leave(now),
            (Phase::Holding, _) if !self.terms.rotates => self.send(),
            (Phase::Holding, _) => self.done(Outcome::StorageFailed),

            (Phase::Healing, Input::Swapped { .. }) => {
                self.base = self.next.take();
                self.notices.push(Event::Healed);
                self.decide(now)
            }
            (Phase::Claiming, Input::Swapped { asked_at }) => {
                self.base = self.next.take();
                self.acknowledged = asked_at;
                self.send()
            }
            (Phase::Healing | Phase::Claiming, Input::Conflict) => self.restart(),
            (Phase::Healing | Phase::Claiming, _) => self.done(Outcome::StorageFailed),

            (Phase::Sending, Input::Answer(answer)) => self.answered(answer, now),
            (Phase::Pausing, _) => self.send(),

            (Phase::Settling, Input::Conflict) if self.restarts < RESTARTS => {
                self.restarts += 1;
                self.load(Goal::Settle)
            }
            (Phase::Settling, Input::Swapped { .. }) => {
                self.base = self.next.take();
                self.done(Outcome::Failed)
            }
            (Phase::Settling, _) => self.done(Outcome::Failed),

            (Phase::Committing, Input::Swapped { .. }) => {
                self.base = self.next.take();
                self.unpersisted = false;
                if self.received.as_ref().is_some_and(|received| received.stranger) {
                    self.notices.push(Event::LoginRequired);
                    return self.done(Outcome::LoginRequired(LoginReason::IdentityChanged));
                }
                self.notices.push(Event::Refreshed);
                self.phase = Phase::Publishing { persisted: true };
                Action::Publish
            }
            (Phase::Committing | Phase::Orphaning, Input::Conflict) => self.load(Goal::Rebase),
            (Phase::Committing, _) => self.keep_trying_to_persist(),
            (Phase::Orphaning, Input::Swapped { .. }) => {
                self.base = self.next.take();
                self.notices.push(Event::Orphaned);
                self.done(Outcome::Superseded)
            }
            (Phase::Orphaning, _) => self.keep_trying_to_persist(),

            (Phase::Refusing, Input::Conflict) => self.load(Goal::Recheck),
            (Phase::Refusing, input) => {
                if matches!(input, Input::Swapped { .. }) {
                    self.base = self.next.take();
                }
                self.notices.push(Event::LoginRequired);
                self.done(Outcome::LoginRequired(LoginReason::RefreshTokenRefused))
            }

            (Phase::Publishing { persisted: true }, _) => self.done(Outcome::Refreshed),
            // A client's own token is worth one write, not a loop: the next one is a request away.
            (Phase::Publishing { persisted: false }, _) if !self.terms.rotates => {
                self.done(Outcome::Refreshed)
            }
            (Phase::Publishing { persisted: false }, _) => self.wait(Pause::Persist, Goal::Rebase),
            (Phase::Waiting(goal), _) => self.load(goal),
            (Phase::Revoking, _) => self.done(Outcome::Superseded),
            // An answer to nothing that was asked: the driver is wrong, and stopping is the safe way on.
            (_, _) => self.done(Outcome::StorageFailed),
        }
    }

    /// Looks at the record and finds out what is to be done.
    fn decide(&mut self, now: Moment) -> Action {
        if self.base.is_none() {
            if self.terms.rotates {
                return self.done(Outcome::LoginRequired(LoginReason::NeverLoggedIn));
            }
            return self.acquire(now);
        }
        if let Some(healed) = self.healed() {
            return self.swap(Phase::Healing, healed);
        }
        let Some(ledger) = self.base.as_deref() else { return self.done(Outcome::StorageFailed) };
        match ledger.state {
            State::LoggedOut if self.terms.rotates => {
                return self.done(Outcome::LoginRequired(LoginReason::LoggedOut));
            }
            State::NeedsLogin { fingerprint, why, .. }
                if fingerprint == ledger.refresh.map(|refresh| refresh.fingerprint) =>
            {
                return self.done(Outcome::LoginRequired(why));
            }
            _ => {}
        }
        let issued =
            ledger.access.get(&self.terms.key).filter(|issued| Some(issued.fingerprint) != self.avoid);
        if issued.is_some_and(|issued| issued.is_fresh(now)) {
            return self.done(Outcome::Current);
        }
        let usable = issued.is_some_and(|issued| issued.is_usable(now));
        if let Some(failure) = ledger.backing_off(self.terms.key, now) {
            return self.done(Outcome::BackingOff(failure));
        }
        if self.terms.rotates && (ledger.refresh.is_none() || !self.terms.supported) {
            let outcome =
                if usable { Outcome::Deferred } else { Outcome::LoginRequired(LoginReason::NoRefreshToken) };
            return self.done(outcome);
        }
        // Whoever waits has got the usable token from this very load.
        self.urgent &= !usable;
        self.acquire(now)
    }

    /// Makes sure that nobody else exchanges at the same time.
    fn acquire(&mut self, now: Moment) -> Action {
        match self.holding {
            Holding::Unknown => {
                self.phase = Phase::Holding;
                Action::Hold
            }
            Holding::Held => self.claim(now),
            Holding::Unsupported => self.claim_unless_leased(now),
        }
    }

    fn claim_unless_leased(&mut self, now: Moment) -> Action {
        let other = self
            .base
            .as_deref()
            .and_then(|ledger| ledger.lease)
            .filter(|lease| lease.owner != self.terms.owner);
        let Some(lease) = other.filter(|_| self.terms.rotates) else { return self.claim(now) };
        match self.watched.filter(|watched| (watched.fence, watched.beat) == (lease.fence, lease.beat)) {
            Some(watched) if now.boot.saturating_sub(watched.since) >= LEASE_TTL => {
                self.notices.push(Event::LeaseStolen);
                self.claim(now)
            }
            Some(_) => self.wait_or_leave(now),
            None => {
                self.watched = Some(Watched { fence: lease.fence, beat: lease.beat, since: now.boot });
                self.wait_or_leave(now)
            }
        }
    }

    fn wait_or_leave(&mut self, now: Moment) -> Action {
        if !self.urgent {
            return self.done(Outcome::Content);
        }
        if now.boot.saturating_sub(self.started) >= self.terms.chain {
            return self.done(Outcome::Busy);
        }
        self.wait(Pause::Poll, Goal::Begin)
    }

    /// Writes lease and intent, in one swap, before anything is sent.
    fn claim(&mut self, now: Moment) -> Action {
        if !self.terms.rotates {
            return self.send();
        }
        let Some(ledger) = self.base.as_deref() else { return self.restart() };
        let Some(current) = ledger.refresh.map(|refresh| refresh.fingerprint) else { return self.restart() };
        let unsettled = ledger.intent.filter(|intent| intent.fingerprint == current);
        let Some(intent) = unsettled else { return self.claim_with(current, now) };
        if let Some(orphan) = ledger.orphans.iter().find(|orphan| orphan.parent == current) {
            return self.claim_with(orphan.fingerprint, now);
        }
        let within_reuse = now.since(&intent.first_at).is_some_and(|age| age < self.terms.reuse_interval);
        let usable = ledger
            .access
            .get(&self.terms.key)
            .is_some_and(|issued| issued.is_usable(now) && Some(issued.fingerprint) != self.avoid);
        if !within_reuse && usable {
            return self.done(Outcome::Deferred);
        }
        self.notices.push(Event::Replayed);
        self.claim_with(current, now)
    }

    fn claim_with(&mut self, token: Fingerprint, now: Moment) -> Action {
        let Some(mut next) = self.base.clone() else { return self.restart() };
        next.fence += 1;
        next.lease = Some(Lease { owner: self.terms.owner, fence: next.fence, beat: 0 });
        let replay = next.intent.filter(|intent| intent.fingerprint == token);
        next.intent = Some(Intent {
            fence: next.fence,
            fingerprint: token,
            first_at: replay.map_or(now, |intent| intent.first_at),
            tries: replay.map_or(1, |intent| intent.tries.saturating_add(1)),
        });
        next.refresh = Some(Refresh { fingerprint: token });
        next.orphans.retain(|orphan| orphan.fingerprint != token);
        if let Some(issued) = next.access.get_mut(&self.terms.key) {
            issued.rejected |= Some(issued.fingerprint) == self.avoid;
        }
        self.fence = next.fence;
        self.epoch = Some(next.epoch);
        self.sent = Some(token);
        self.presented = 0;
        self.swap(Phase::Claiming, next)
    }

    fn send(&mut self) -> Action {
        if !self.terms.rotates {
            self.epoch = self.base.as_deref().map(|ledger| ledger.epoch);
            self.fence = self.base.as_deref().map_or(0, |ledger| ledger.fence);
        }
        self.presented += 1;
        self.phase = Phase::Sending;
        let guarded = self.terms.rotates && self.holding != Holding::Held;
        Action::Send { token: self.sent, not_after: guarded.then(|| self.acknowledged + GUARD) }
    }

    fn answered(&mut self, answer: Answer, now: Moment) -> Action {
        match answer {
            Answer::Granted(received) => {
                self.received = Some(received);
                self.commit(now)
            }
            Answer::InvalidGrant if self.terms.rotates => self.load(Goal::Recheck),
            Answer::InvalidGrant => self.note(FailureClass::Refused, None, None, true, now),
            Answer::Failed { class, settles, concerns, retry_after } => {
                self.note(class, concerns, retry_after, settles, now)
            }
            Answer::NotSent { class } => {
                let intent = self.base.as_deref().and_then(|ledger| ledger.intent);
                let unspent = self.presented == 1 && intent.is_none_or(|intent| intent.tries == 1);
                self.note(class, None, None, unspent, now)
            }
            Answer::Unanswered { .. } if self.terms.rotates && self.presented < PRESENTATIONS => {
                self.phase = Phase::Pausing;
                Action::Wait(Pause::Resend)
            }
            Answer::Unanswered { class } => self.note(class, None, None, false, now),
            Answer::TooLate => {
                self.presented = self.presented.saturating_sub(1);
                self.restart()
            }
        }
    }

    fn note(
        &mut self,
        class: FailureClass,
        concerns: Option<TokenKey>,
        retry_after: Option<Duration>,
        settles: bool,
        now: Moment,
    ) -> Action {
        self.noted = Some(Noted { class, concerns, retry_after, settles });
        if self.terms.rotates { self.settle(now) } else { self.done(Outcome::Failed) }
    }

    /// Notes a failure and lets go of the lease, unless somebody else has it by now.
    fn settle(&mut self, now: Moment) -> Action {
        let ours = self
            .base
            .as_deref()
            .filter(|ledger| Some(ledger.epoch) == self.epoch && ledger.fence == self.fence);
        let (Some(ledger), Some(noted)) = (ours, self.noted) else { return self.done(Outcome::Failed) };
        let mut next = ledger.clone();
        next.lease = None;
        if noted.settles {
            next.intent = None;
        }
        next.fail(noted.class, noted.concerns, noted.retry_after, now);
        self.swap(Phase::Settling, Box::new(next))
    }

    /// Stores what was received: the refresh token first of all, and nothing is handed out before.
    fn commit(&mut self, now: Moment) -> Action {
        let Some(received) = self.received.clone() else { return self.done(Outcome::Failed) };
        let login = Epoch { counter: 1, login: self.terms.owner };
        let mut next = self.base.clone().unwrap_or_else(|| Box::new(Ledger::new(login)));
        if !self.terms.rotates && next.state != State::Active {
            next.state = State::Active;
        }
        next.prune(now);
        next.generation += 1;
        next.lease = None;
        next.intent = None;
        next.failure = None;
        next.orphans.clear();
        if self.terms.rotates {
            next.state = State::Active;
            // RFC 6749 §6: an answer without a refresh token leaves the old one in force.
            next.refresh = received.refresh.or(self.sent).map(|fingerprint| Refresh { fingerprint });
        }
        if received.stranger {
            next.access.clear();
            next.state = State::NeedsLogin {
                fingerprint: next.refresh.map(|refresh| refresh.fingerprint),
                why: LoginReason::IdentityChanged,
                since: now,
            };
        } else {
            let issued = Issued { generation: next.generation, ..received.issued };
            next.access.insert(self.terms.key, issued);
        }
        self.swap(Phase::Committing, next)
    }

    /// Somebody else wrote between the claim and the commit.
    fn rebase(&mut self, now: Moment) -> Action {
        let Some(ledger) = self.base.as_deref() else {
            // A record that was never written is a client's first token; one that vanished is a logout.
            return if self.epoch.is_none() { self.commit(now) } else { self.revoke() };
        };
        if !self.terms.rotates {
            return if ledger.state == State::LoggedOut { self.revoke() } else { self.commit(now) };
        }
        if Some(ledger.epoch) != self.epoch || ledger.state == State::LoggedOut {
            return self.revoke();
        }
        if matches!(ledger.state, State::NeedsLogin { fingerprint, .. } if fingerprint == self.sent) {
            return self.commit(now);
        }
        if ledger.fence > self.fence { self.orphan() } else { self.commit(now) }
    }

    /// Keeps a refresh token that arrived after the lease was lost: the new holder may need it.
    fn orphan(&mut self) -> Action {
        let received = self.received.as_ref().and_then(|received| received.refresh);
        let (Some(fingerprint), Some(parent), Some(mut next)) = (received, self.sent, self.base.clone())
        else {
            return self.done(Outcome::Superseded);
        };
        let known = next.fingerprints().any(|known| known == fingerprint);
        if known {
            return self.done(Outcome::Superseded);
        }
        next.orphans.push(Orphan { fingerprint, parent });
        if next.orphans.len() > 2 {
            next.orphans.remove(0);
        }
        self.swap(Phase::Orphaning, next)
    }

    /// The server refused the refresh token. Only if it is still the current one, and no other is at hand, is the
    /// session over.
    fn recheck(&mut self, now: Moment) -> Action {
        let Some(ledger) = self.base.as_deref().filter(|ledger| Some(ledger.epoch) == self.epoch) else {
            self.notices.push(Event::Superseded);
            return self.done(Outcome::Superseded);
        };
        if ledger.refresh.map(|refresh| refresh.fingerprint) != self.sent {
            return self.restarted_decision(now);
        }
        if let Some(orphan) = ledger.orphans.first().copied() {
            return self.claim_with(orphan.fingerprint, now);
        }
        let mut next = ledger.clone();
        next.lease = None;
        next.intent = None;
        next.state =
            State::NeedsLogin { fingerprint: self.sent, why: LoginReason::RefreshTokenRefused, since: now };
        self.note_early_refusal(now);
        self.swap(Phase::Refusing, Box::new(next))
    }

    fn restarted_decision(&mut self, now: Moment) -> Action {
        self.restarts += 1;
        if self.restarts > RESTARTS { self.done(Outcome::Busy) } else { self.decide(now) }
    }

    fn refuse_in_memory(&mut self, now: Moment) {
        self.note_early_refusal(now);
        self.notices.push(Event::LoginRequired);
    }

    fn note_early_refusal(&mut self, now: Moment) {
        let alive = self.base.as_deref().and_then(|ledger| ledger.access.get(&self.terms.key));
        if alive.is_some_and(|issued| !issued.is_expired(now))
            && !self.notices.contains(&Event::RefreshRefusedEarly)
        {
            self.notices.push(Event::RefreshRefusedEarly);
        }
    }

    /// The server has issued a token and the store will not take it: hand it out, say so, and go on trying.
    fn keep_trying_to_persist(&mut self) -> Action {
        let stranger = self.received.as_ref().is_some_and(|received| received.stranger);
        if self.unpersisted || stranger {
            return self.wait(Pause::Persist, Goal::Rebase);
        }
        self.unpersisted = true;
        self.notices.push(Event::NotPersisted);
        self.phase = Phase::Publishing { persisted: false };
        Action::Publish
    }

    /// What this process remembers, if the store has lost it.
    fn healed(&self) -> Option<Box<Ledger>> {
        let (memory, ledger) = (self.memory.as_deref()?, self.base.as_deref()?);
        memory.is_newer_than(ledger).then(|| {
            let mut healed = memory.clone();
            healed.fence = memory.fence.max(ledger.fence);
            healed.lease = None;
            healed.intent = None;
            Box::new(healed)
        })
    }

    fn restart(&mut self) -> Action {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return self.done(Outcome::Busy);
        }
        self.load(Goal::Begin)
    }

    fn load(&mut self, goal: Goal) -> Action {
        self.phase = Phase::Loading(goal);
        Action::Load
    }

    fn wait(&mut self, pause: Pause, then: Goal) -> Action {
        self.phase = Phase::Waiting(then);
        Action::Wait(pause)
    }

    fn swap(&mut self, phase: Phase, next: Box<Ledger>) -> Action {
        self.phase = phase;
        self.next = Some(next.clone());
        Action::Swap(next)
    }

    fn revoke(&mut self) -> Action {
        self.notices.push(Event::Superseded);
        self.phase = Phase::Revoking;
        Action::Revoke
    }

    fn done(&mut self, outcome: Outcome) -> Action {
        self.phase = Phase::Finished;
        Action::Done(outcome)
    }
}
