//! What leads up to a request: what the record says, who else is at it, and the claim.

use butlr_auth_core::{Fingerprint, Moment};

use super::{Attempt, GUARD, Goal, Holding, LEASE_TTL, Phase};
use crate::Event;
use crate::protocol::{
    Action, Intent, Issued, Lease, Ledger, LoginReason, Outcome, Pause, Refresh, State, Watched,
};

impl Attempt {
    /// Looks at the record and finds out what is to be done.
    pub(super) fn decide(&mut self, now: Moment) -> Action {
        self.claiming.clear();
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
        if issued.is_some_and(|issued| self.is_fresh(issued, now)) {
            return self.done(Outcome::Current);
        }
        let usable = issued.is_some_and(|issued| self.is_usable(issued, now));
        if let Some(failure) = ledger.backing_off(self.terms.key, now) {
            return self.done(Outcome::BackingOff(failure));
        }
        if self.terms.rotates && (ledger.refresh.is_none() || !self.terms.supported) {
            let why = issued.map_or(LoginReason::NoRefreshToken, Issued::why_over);
            let outcome = if usable { Outcome::Deferred } else { Outcome::LoginRequired(why) };
            return self.done(outcome);
        }
        // Whoever waits has got the usable token from this very load.
        self.urgent &= !usable;
        self.acquire(now)
    }

    /// Makes sure that nobody else exchanges at the same time.
    pub(super) fn acquire(&mut self, now: Moment) -> Action {
        match self.holding {
            Holding::Unknown => {
                self.phase = Phase::Holding;
                Action::Hold
            }
            Holding::Held => self.claim(now),
            Holding::Unsupported => self.claim_unless_leased(now),
        }
    }

    pub(super) fn claim_unless_leased(&mut self, now: Moment) -> Action {
        let other = self
            .base
            .as_deref()
            .and_then(|ledger| ledger.lease)
            .filter(|lease| lease.owner != self.terms.owner);
        let Some(lease) = other.filter(|_| self.terms.rotates) else {
            self.watched = None;
            return self.claim(now);
        };
        match self.watched.filter(|watched| (watched.fence, watched.beat) == (lease.fence, lease.beat)) {
            Some(watched) if now.boot.saturating_sub(watched.since) >= LEASE_TTL => {
                self.claiming.push(Event::LeaseStolen);
                self.claim(now)
            }
            Some(_) => self.wait_or_leave(now),
            None => {
                self.watched = Some(Watched { fence: lease.fence, beat: lease.beat, since: now.boot });
                self.wait_or_leave(now)
            }
        }
    }

    pub(super) fn wait_or_leave(&mut self, now: Moment) -> Action {
        if !self.urgent {
            return self.done(Outcome::Content);
        }
        if now.boot.saturating_sub(self.started) >= self.terms.chain {
            return self.done(Outcome::Busy);
        }
        self.wait(Pause::Poll, Goal::Begin)
    }

    /// Writes lease and intent, in one swap, before anything is sent.
    pub(super) fn claim(&mut self, now: Moment) -> Action {
        if !self.terms.rotates {
            return self.send();
        }
        let Some(ledger) = self.base.as_deref() else { return self.restart() };
        let Some(current) = ledger.refresh.map(|refresh| refresh.fingerprint) else { return self.restart() };
        let unsettled =
            ledger.intent.filter(|intent| intent.fingerprint == current && !self.is_unused(ledger, intent));
        let Some(intent) = unsettled else { return self.claim_with(current, now) };
        if let Some(orphan) = ledger.orphans.iter().find(|orphan| orphan.parent == current) {
            return self.claim_with(orphan.fingerprint, now);
        }
        // The age of an intent is not compared across boots or hosts: their clocks may differ by more than the grace.
        let within_reuse = now.boot_id == intent.first_at.boot_id
            && now.since(&intent.first_at).is_some_and(|age| age < self.terms.reuse_interval);
        let usable = ledger
            .access
            .get(&self.terms.key)
            .is_some_and(|issued| self.is_usable(issued, now) && Some(issued.fingerprint) != self.avoid);
        if !within_reuse && usable {
            return self.done(Outcome::Deferred);
        }
        self.claiming.push(Event::Replayed);
        self.claim_with(current, now)
    }

    /// Whether the intent is this attempt's own, from a claim after which it was too late to send anything.
    fn is_unused(&self, ledger: &Ledger, intent: &Intent) -> bool {
        let ours = (self.terms.owner, self.fence);
        let held = ledger.lease.is_some_and(|lease| (lease.owner, lease.fence) == ours);
        held && intent.fence == self.fence && intent.tries == 1 && self.presented == 0
    }

    pub(super) fn claim_with(&mut self, token: Fingerprint, now: Moment) -> Action {
        let Some(mut next) = self.base.clone() else { return self.restart() };
        let replay =
            next.intent.filter(|intent| intent.fingerprint == token && !self.is_unused(&next, intent));
        next.fence += 1;
        next.lease = Some(Lease { owner: self.terms.owner, fence: next.fence, beat: 0 });
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
        self.generation = next.generation;
        self.epoch = Some(next.epoch);
        if self.sent.replace(token) != Some(token) {
            self.presented = 0;
        }
        self.swap(Phase::Claiming, next)
    }

    pub(super) fn send(&mut self) -> Action {
        if !self.terms.rotates {
            self.epoch = self.base.as_deref().map(|ledger| ledger.epoch);
            self.fence = self.base.as_deref().map_or(0, |ledger| ledger.fence);
        }
        self.presented += 1;
        self.phase = Phase::Sending;
        let guarded = self.terms.rotates && self.holding != Holding::Held;
        Action::Send { token: self.sent, not_after: guarded.then(|| self.acknowledged + GUARD) }
    }

    /// What this process remembers, if the store has lost it. A store that knows of the remembered refresh token that
    /// it is being spent, kept aside or refused has lost nothing.
    pub(super) fn healed(&self) -> Option<Box<Ledger>> {
        let (memory, ledger) = (self.memory.as_deref()?, self.base.as_deref()?);
        let remembered = memory.refresh.map(|refresh| refresh.fingerprint);
        let known = ledger.intent.is_some_and(|intent| Some(intent.fingerprint) == remembered)
            || ledger.orphans.iter().any(|orphan| Some(orphan.fingerprint) == remembered)
            || matches!(ledger.state, State::NeedsLogin { fingerprint, .. } if fingerprint == remembered);
        (memory.is_newer_than(ledger) && !known).then(|| {
            let mut healed = memory.clone();
            healed.fence = memory.fence.max(ledger.fence);
            healed.lease = None;
            healed.intent = None;
            Box::new(healed)
        })
    }
}
