//! What follows a request: the commit, and every other way that it can end.

use std::time::Duration;

use butlr_auth_core::Moment;

use super::{Attempt, Goal, Noted, PRESENTATIONS, Phase, RESTARTS};
use crate::protocol::{
    Action, Answer, Epoch, FailureClass, Issued, Ledger, LoginReason, Orphan, Outcome, Pause, Refresh, State,
};
use crate::{Event, key::TokenKey};

impl Attempt {
    pub(super) fn answered(&mut self, answer: Answer, now: Moment) -> Action {
        match answer {
            Answer::Granted(received) => {
                self.received = Some(received);
                self.commit(now)
            }
            Answer::InvalidGrant if self.terms.rotates => self.load(Goal::Recheck),
            Answer::InvalidGrant => self.note(FailureClass::Refused, None, None, true, now),
            Answer::Failed { class, settles, concerns, retry_after } => {
                self.note(class, concerns, retry_after, settles && self.is_first_presentation(), now)
            }
            Answer::NotSent { class } => self.note(class, None, None, self.is_first_presentation(), now),
            Answer::Unanswered { .. } if self.terms.rotates && self.presented < PRESENTATIONS => {
                self.phase = Phase::Pausing;
                Action::Wait(Pause::Resend)
            }
            Answer::Unanswered { class } => self.note(class, None, None, false, now),
            Answer::TooLate => {
                self.presented = self.presented.saturating_sub(1);
                if self.presented == 0 {
                    return self.restart();
                }
                self.note(FailureClass::TimedOut, None, None, false, now)
            }
        }
    }

    /// Whether nobody can have sent this refresh token before: an answer to a replay says nothing about what an
    /// earlier request has done.
    fn is_first_presentation(&self) -> bool {
        let intent = self.base.as_deref().and_then(|ledger| ledger.intent);
        self.presented == 1 && intent.is_none_or(|intent| intent.tries == 1)
    }

    pub(super) fn note(
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
    pub(super) fn settle(&mut self, now: Moment) -> Action {
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
    pub(super) fn commit(&mut self, now: Moment) -> Action {
        let Some(received) = self.received.clone() else { return self.done(Outcome::Failed) };
        let login = Epoch { counter: 1, login: self.terms.owner };
        let mut next = self.base.clone().unwrap_or_else(|| Box::new(Ledger::new(login)));
        if !self.terms.rotates && next.state != State::Active {
            next.state = State::Active;
        }
        next.prune(now);
        next.generation += 1;
        // A store that lost the claim would let the fence go back.
        next.fence = next.fence.max(self.fence);
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
    pub(super) fn rebase(&mut self, now: Moment) -> Action {
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
        if let State::NeedsLogin { fingerprint, why: LoginReason::RefreshTokenRefused, .. } = ledger.state
            && fingerprint == self.sent
        {
            return self.commit(now);
        }
        if ledger.fence > self.fence { self.orphan() } else { self.commit(now) }
    }

    /// Keeps a refresh token that arrived after the lease was lost: the new holder may need it. Not if others have
    /// gone on for generations: then it may be one that they have spent, and nobody is waiting for it.
    pub(super) fn orphan(&mut self) -> Action {
        let received = self.received.as_ref().and_then(|received| received.refresh);
        let (Some(fingerprint), Some(parent), Some(mut next)) = (received, self.sent, self.base.clone())
        else {
            return self.done(Outcome::Superseded);
        };
        let known = next.fingerprints().any(|known| known == fingerprint);
        if known || next.generation > self.generation + 1 {
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
    pub(super) fn recheck(&mut self, now: Moment) -> Action {
        let Some(ledger) = self.base.as_deref().filter(|ledger| Some(ledger.epoch) == self.epoch) else {
            self.notices.push(Event::Superseded);
            return self.done(Outcome::Superseded);
        };
        if ledger.refresh.map(|refresh| refresh.fingerprint) != self.sent {
            return self.restarted_decision(now);
        }
        if ledger.fence > self.fence {
            // Somebody else has taken over and sends the same one: it is theirs to judge.
            return self.done(Outcome::Superseded);
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

    pub(super) fn restarted_decision(&mut self, now: Moment) -> Action {
        self.restarts += 1;
        if self.restarts > RESTARTS { self.done(Outcome::Busy) } else { self.decide(now) }
    }

    pub(super) fn note_early_refusal(&mut self, now: Moment) {
        let alive = self.base.as_deref().and_then(|ledger| ledger.access.get(&self.terms.key));
        if alive.is_some_and(|issued| !issued.is_expired(now))
            && !self.notices.contains(&Event::RefreshRefusedEarly)
        {
            self.notices.push(Event::RefreshRefusedEarly);
        }
    }

    /// The server has issued a token and the store will not take it: hand it out, say so, and go on trying. Letting go
    /// of the store's lock before would let somebody else spend the refresh token again.
    pub(super) fn keep_trying_to_persist(&mut self) -> Action {
        let stranger = self.received.as_ref().is_some_and(|received| received.stranger);
        if self.unpersisted || stranger {
            return self.wait(Pause::Persist, Goal::Rebase);
        }
        self.unpersisted = true;
        self.notices.push(Event::NotPersisted);
        self.phase = Phase::Publishing { persisted: false };
        Action::Publish
    }
}
