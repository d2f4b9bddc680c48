//! What follows a request: the commit, and every other way that it can end.

use std::time::Duration;

use butlr_auth_core::{Moment, REFRESH_LIMIT};

use super::{Attempt, Goal, Holding, Noted, PRESENTATIONS, Phase, RESTARTS, SPACING};
use crate::Event;
use crate::protocol::{
    Action, Answer, FailureClass, Issued, LoginReason, Orphan, Outcome, Pause, Refresh, State, Want,
};

impl Attempt {
    pub(super) fn answered(&mut self, answer: Answer, now: Moment) -> Action {
        match answer {
            Answer::Granted(received) => {
                self.received = Some(received);
                self.commit(now)
            }
            Answer::InvalidGrant if self.terms.rotates => {
                self.noted = None;
                self.load(Goal::Recheck)
            }
            Answer::InvalidGrant => {
                self.note(Noted { settles: true, ..Noted::of(FailureClass::Refused) }, now)
            }
            Answer::Refused { class } => {
                let settles = self.is_first_presentation();
                let noted = Noted { settles, ..Noted::of(class) };
                if !self.terms.rotates {
                    return self.note(noted, now);
                }
                self.noted = Some(noted);
                self.load(Goal::Recheck)
            }
            Answer::Failed { class, settles, concerns, retry_after } => {
                let settles = settles && self.is_first_presentation();
                self.note(Noted { concerns, retry_after, settles, ..Noted::of(class) }, now)
            }
            Answer::NotSent { class } => {
                let settles = self.is_first_presentation();
                self.note(Noted { settles, ..Noted::of(class) }, now)
            }
            Answer::OutOfTime => {
                let settles = self.is_first_presentation();
                self.sent_at = None;
                self.note(Noted { settles, own: true, ..Noted::of(FailureClass::TimedOut) }, now)
            }
            Answer::Unanswered { class, begun } => match self.repeat(begun, now) {
                Some(wait) => {
                    self.phase = Phase::Pausing;
                    Action::Wait(Pause::For(wait))
                }
                None => self.note(Noted { silent: !begun, ..Noted::of(class) }, now),
            },
            Answer::TooLate => {
                self.presented = self.presented.saturating_sub(1);
                // Nothing has left.
                self.sent_at = None;
                if self.presented == 0 {
                    return self.restart();
                }
                self.note(Noted::of(FailureClass::TimedOut), now)
            }
        }
    }

    /// Whether nobody can have sent this refresh token before: an answer to a replay says nothing about what an
    /// earlier request has done.
    fn is_first_presentation(&self) -> bool {
        let intent = self.base.as_deref().and_then(|ledger| ledger.intent);
        self.presented == 1 && intent.is_none_or(|intent| intent.tries == 1)
    }

    /// After which time this attempt sends a refresh token again that got no whole answer. Not before the first
    /// request has ended, or cannot be under way any more; not if somebody could still use the token in hand, unless the
    /// server answers a spent refresh token then; and not if nobody waits for it so long.
    fn repeat(&self, begun: bool, now: Moment) -> Option<Duration> {
        let intent = self.base.as_deref().and_then(|ledger| ledger.intent)?;
        let age = now.since(&self.sent_at?)?;
        let wait = if begun { SPACING } else { REFRESH_LIMIT.saturating_sub(age).max(SPACING) };
        let first = now.since(&intent.first_at)?;
        let within_reuse = first.saturating_add(wait) < self.terms.reuse_interval;
        let ended = self.issued().is_none_or(|issued| issued.is_over_in(wait, now));
        let waits = self.urgent && self.presented < PRESENTATIONS && self.has_time_for(wait, now);
        (waits && (within_reuse || ended)).then_some(wait)
    }

    /// Whether a failure keeps everybody from asking. What a client lacks, such as its secret, another process may have,
    /// and what does not pass by itself is told in full each time: it spends nothing.
    fn is_shared(&self, class: FailureClass) -> bool {
        self.terms.rotates || class.passes()
    }

    pub(super) fn note(&mut self, noted: Noted, now: Moment) -> Action {
        self.noted = Some(noted);
        if !self.is_shared(noted.class) && self.holding == Holding::Held {
            return self.done(Outcome::Failed);
        }
        self.settle(now)
    }

    /// Notes a failure and lets go of the lease, unless somebody else has it by now.
    pub(super) fn settle(&mut self, now: Moment) -> Action {
        let next = match self.base.as_deref() {
            Some(ledger) if Some(ledger.epoch) == self.epoch && ledger.fence == self.fence => {
                Some(Box::new(ledger.clone()))
            }
            None if !self.terms.rotates && self.epoch.is_none() => Some(self.first_record()),
            _ => None,
        };
        let (Some(mut next), Some(noted)) = (next, self.noted) else { return self.done(Outcome::Failed) };
        next.lease = None;
        if noted.settles {
            next.intent = None;
        }
        if let (Some(intent), Some(sent_at)) = (&mut next.intent, self.sent_at) {
            intent.last_at = sent_at;
            intent.answered = !noted.silent;
        }
        if self.is_shared(noted.class) && !noted.own {
            next.fail(noted.class, noted.concerns, noted.retry_after, now);
        }
        self.swap(Phase::Settling, next)
    }

    /// Whether the answer had nothing to hand out.
    pub(super) fn brought_nothing(&self) -> bool {
        self.received.as_ref().is_some_and(|received| received.issued.is_err())
    }

    /// Stores what was received: the refresh token first of all, and nothing is handed out before.
    pub(super) fn commit(&mut self, now: Moment) -> Action {
        let Some(received) = self.received.clone() else { return self.done(Outcome::Failed) };
        let mut next = self.base.clone().unwrap_or_else(|| self.first_record());
        if !self.terms.rotates && next.state != State::Active {
            next.state = State::Active;
        }
        next.prune(now);
        next.generation += 1;
        // A store that lost the claim would let the fence go back.
        next.fence = next.fence.max(self.fence);
        next.lease = None;
        next.intent = None;
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
        }
        match received.issued {
            _ if received.stranger => next.failure = None,
            Ok(issued) => {
                next.failure = None;
                let issued = Issued { generation: next.generation, ..issued };
                let before = next.access.get(&self.terms.key);
                let before = before.filter(|before| before.fingerprint == issued.fingerprint);
                let was_refused = self.want == Want::Unrefused(issued.fingerprint);
                let issued = match before {
                    Some(before) => issued.again(before, now, was_refused),
                    None => issued,
                };
                next.access.insert(self.terms.key, issued);
            }
            // The new refresh token stands; the access token in hand goes on.
            Err(class) => next.fail(class, None, None, now),
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
        if let State::NeedsLogin {
            fingerprint,
            why: LoginReason::RefreshTokenRefused | LoginReason::RenewalRefused,
            ..
        } = ledger.state
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
        let orphan = ledger.orphans.first().copied();
        let mut next = Box::new(ledger.clone());
        next.lease = None;
        match (self.noted, self.sent) {
            // Another one is at hand, and it is not the time to send it.
            (Some(noted), _) if orphan.is_some() => return self.note(Noted { settles: false, ..noted }, now),
            (Some(noted), Some(sent)) => {
                if noted.settles {
                    next.intent = None;
                }
                next.state = next.state.refused(sent, now);
            }
            _ => {
                if let Some(orphan) = orphan {
                    return self.claim_with(Some(orphan.fingerprint), now);
                }
                next.intent = None;
                let why = LoginReason::RefreshTokenRefused;
                next.state = State::NeedsLogin { fingerprint: self.sent, why, since: now };
                self.note_early_refusal(now);
            }
        }
        self.swap(Phase::Refusing, next)
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
