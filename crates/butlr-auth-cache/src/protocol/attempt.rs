use std::time::Duration;

use butlr_auth_core::{Fingerprint, Moment};

use super::{
    Action, Epoch, FailureClass, Input, Issued, Ledger, LoginReason, Offered, Outcome, Pause, Received,
    State, Terms, Want, Watched,
};
use crate::{Event, key::TokenKey};

mod claim;
mod settle;

/// A lease whose beat stands still for this long, on the observer's own boot clock, may be taken.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(6);

/// A refresh token leaves only this long after the last acknowledged beat or claim, so that a holder that was paused
/// finds out before it sends, and the record says within as much when the request left.
const GUARD: Duration = Duration::from_secs(3);

/// A refresh token is presented at most this often in one attempt.
const PRESENTATIONS: u8 = 2;

/// Whatever happens, two requests for one access token are at least this far apart.
pub(crate) const SPACING: Duration = Duration::from_secs(1);

/// An attempt that keeps finding the record changed starts over this often.
const RESTARTS: u8 = 8;

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
    /// Whether nothing came back, so that the request may still be under way.
    silent: bool,
    /// Whether it is nobody else's failure.
    own: bool,
}

impl Noted {
    /// A failure of the whole family that says nothing of the refresh token.
    fn of(class: FailureClass) -> Self {
        Self { class, concerns: None, retry_after: None, settles: false, silent: false, own: false }
    }
}

/// One attempt to have a fresh token, from the first load to the commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    terms: Terms,
    started: Duration,
    urgent: bool,
    want: Want,
    offered: Option<Offered>,
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
    /// The generation that was claimed.
    generation: u64,
    sent: Option<Fingerprint>,
    sent_at: Option<Moment>,
    presented: u8,
    /// The access token that the first look found, by the login and exchange that brought it.
    seen: Option<Option<(Epoch, u64)>>,
    /// After which answer and which request this attempt has waited for the next one's time to come.
    rested: Option<(u64, Option<Moment>)>,
    received: Option<Received>,
    noted: Option<Noted>,
    unpersisted: bool,
    restarts: u8,
    phase: Phase,
    notices: Vec<Event>,
    /// What will have happened if the claim under way succeeds.
    claiming: Vec<Event>,
}

impl Attempt {
    /// Begins an attempt; its first action is to load.
    pub(crate) fn new(terms: Terms, now: Moment, urgent: bool) -> Self {
        Self {
            terms,
            started: now.boot,
            urgent,
            want: Want::Fresh,
            offered: None,
            memory: None,
            base: None,
            next: None,
            holding: Holding::Unknown,
            watched: None,
            acknowledged: now.boot,
            epoch: None,
            fence: 0,
            generation: 0,
            sent: None,
            sent_at: None,
            presented: 0,
            seen: None,
            rested: None,
            received: None,
            noted: None,
            unpersisted: false,
            restarts: 0,
            phase: Phase::Loading(Goal::Begin),
            notices: Vec::new(),
            claiming: Vec::new(),
        }
    }

    pub(crate) fn wanting(mut self, want: Want) -> Self {
        self.want = want;
        self
    }

    pub(crate) fn offering(mut self, offered: Option<Offered>) -> Self {
        self.offered = offered;
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

    /// Whether a request is about to be repeated.
    pub(crate) fn is_repeating(&self) -> bool {
        self.phase == Phase::Pausing
    }

    /// What happened since the last call.
    pub(crate) fn take_notices(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.notices)
    }

    /// Whether a token of the record need not be renewed yet, for this process and by the record.
    fn is_fresh(&self, issued: &Issued, now: Moment) -> bool {
        issued.is_fresh(now) && self.offered(issued).is_none_or(|offered| now.boot < offered.refresh_at)
    }

    /// Whether a token of the record is one that callers of this process get.
    fn is_usable(&self, issued: &Issued, now: Moment) -> bool {
        issued.is_usable(now) && self.offered(issued).is_none_or(|offered| now.boot < offered.mandatory_at)
    }

    fn offered(&self, issued: &Issued) -> Option<Offered> {
        self.offered.filter(|offered| {
            (offered.fingerprint, offered.generation) == (issued.fingerprint, issued.generation)
        })
    }

    /// The wanted access token of the record as it was last seen.
    fn issued(&self) -> Option<&Issued> {
        self.base.as_deref().and_then(|ledger| ledger.access.get(&self.terms.key))
    }

    /// The record as this process knows it: what was last seen, or what the store would not take.
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        if self.unpersisted { self.next.as_deref() } else { self.base.as_deref() }
    }

    /// The lease's next beat, if this attempt holds one that must beat.
    pub(crate) fn beat(&self) -> Option<Ledger> {
        let beats =
            self.holding == Holding::Unsupported && matches!(self.phase, Phase::Sending | Phase::Pausing);
        let mut next = self.base.as_deref().filter(|base| beats && base.fence == self.fence)?.clone();
        next.lease.as_mut().filter(|lease| lease.owner == self.terms.owner)?.beat += 1;
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
            // Another process may have a newer one: nobody is told to log in before that is known.
            (Phase::Loading(Goal::Recheck), Input::LoadFailed) => self.done(Outcome::StorageFailed),
            // A client that asks with its own secret has nothing to lose and goes on without the store.
            (Phase::Loading(Goal::Begin), Input::LoadFailed) if !self.terms.rotates => self.send(now),
            (Phase::Loading(Goal::Begin), Input::LoadFailed) => self.done(Outcome::StorageFailed),

            // Whoever held it until now may have finished meanwhile: what is known of the record is from before.
            (Phase::Holding, Input::Held) => {
                self.holding = Holding::Held;
                self.load(Goal::Begin)
            }
            (Phase::Holding, Input::HoldUnsupported) => {
                self.holding = Holding::Unsupported;
                self.claim_unless_leased(now)
            }
            (Phase::Holding, Input::HoldBusy) => self.wait_or_leave(now),
            (Phase::Holding, _) if !self.terms.rotates => self.send(now),
            (Phase::Holding, _) => self.done(Outcome::StorageFailed),

            (Phase::Healing, Input::Swapped) => {
                self.base = self.next.take();
                self.notices.push(Event::Healed);
                self.decide(now)
            }
            (Phase::Claiming, Input::Swapped) => {
                self.base = self.next.take();
                self.notices.append(&mut self.claiming);
                self.send(now)
            }
            (Phase::Healing | Phase::Claiming, Input::Conflict) => self.restart(),
            // What this process remembers stands in for the record that cannot be written.
            (Phase::Healing, _) if !self.terms.rotates => {
                self.base = self.next.take();
                self.send(now)
            }
            (Phase::Claiming, _) if !self.terms.rotates => self.send(now),
            (Phase::Healing | Phase::Claiming, _) => self.done(Outcome::StorageFailed),

            (Phase::Sending, Input::Answer(answer)) => self.answered(answer, now),
            // Claimed once more, so that the record says when it left.
            (Phase::Pausing, _) => self.claim_with(self.sent, now),

            (Phase::Settling, Input::Conflict) if self.restarts < RESTARTS => {
                self.restarts += 1;
                self.load(Goal::Settle)
            }
            (Phase::Settling, Input::Swapped) => {
                self.base = self.next.take();
                self.done(Outcome::Failed)
            }
            (Phase::Settling, _) => self.done(Outcome::Failed),

            (Phase::Committing, Input::Swapped) => {
                self.base = self.next.take();
                self.unpersisted = false;
                if self.received.as_ref().is_some_and(|received| received.stranger) {
                    self.notices.push(Event::LoginRequired);
                    return self.done(Outcome::LoginRequired(LoginReason::IdentityChanged));
                }
                if self.brought_nothing() {
                    return self.done(Outcome::Failed);
                }
                self.notices.push(Event::Refreshed);
                self.phase = Phase::Publishing { persisted: true };
                Action::Publish
            }
            (Phase::Committing | Phase::Orphaning, Input::Conflict) => self.load(Goal::Rebase),
            (Phase::Committing, _) => self.keep_trying_to_persist(),
            (Phase::Orphaning, Input::Swapped) => {
                self.base = self.next.take();
                self.notices.push(Event::Orphaned);
                self.done(Outcome::Superseded)
            }
            (Phase::Orphaning, _) => self.wait(Pause::Persist, Goal::Rebase),

            (Phase::Refusing, Input::Conflict) => self.load(Goal::Recheck),
            (Phase::Refusing, input) => {
                let state = self.next.as_ref().map(|next| next.state);
                if matches!(input, Input::Swapped) {
                    self.base = self.next.take();
                }
                let (why, event) = match state {
                    Some(State::NeedsLogin { why, .. }) => (why, Event::LoginRequired),
                    _ => (LoginReason::RenewalRefused, Event::RenewalRefused),
                };
                self.notices.push(event);
                self.done(Outcome::LoginRequired(why))
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
