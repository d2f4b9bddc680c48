//! What leads up to a request: what the record says, who else is at it, and the claim.

use std::time::Duration;

use butlr_auth_core::{Fingerprint, Moment, REFRESH_LIMIT};

use super::{Attempt, GUARD, Goal, Holding, LEASE_TTL, Phase, SPACING};
use crate::Event;
use crate::protocol::{
    Action, Epoch, Intent, Issued, Lease, Ledger, LoginReason, Outcome, Pause, Refresh, State, Want, Watched,
};

/// When a refresh token may be sent again whose first request has no answer.
enum Replay {
    Now,
    /// When the first request cannot be under way any more.
    In(Duration),
    /// When the token in hand has ended, in so long: sending it may cost the session.
    WhenEnded(Duration),
}

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
        let refused = ledger.state.refusal_remaining(ledger.refresh.map(|refresh| refresh.fingerprint), now);
        let issue = self.issued().map(|issued| (ledger.epoch, issued.generation));
        let seen = *self.seen.get_or_insert(issue);
        let Some(ledger) = self.base.as_deref() else { return self.done(Outcome::StorageFailed) };
        let issued = ledger.access.get(&self.terms.key);
        if issued.is_some_and(|issued| self.satisfies(issued, is_later(issue, seen), now)) {
            return self.done(Outcome::Current);
        }
        let usable = issued.is_some_and(|issued| {
            self.is_usable(issued, now) && self.want.unwanted() != Some(issued.fingerprint)
        });
        if !refused.is_zero() {
            let outcome =
                if usable { Outcome::Deferred } else { Outcome::LoginRequired(LoginReason::RenewalRefused) };
            return self.done(outcome);
        }
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

    /// Whether a token of the record ends the attempt. `came`: it did so since the first look, so that whoever waits
    /// here has waited for it, however short its life is.
    fn satisfies(&self, issued: &Issued, came: bool, now: Moment) -> bool {
        if came && (!issued.is_expired(now) || issued.lives_shorter_than(SPACING)) {
            return true;
        }
        match self.want {
            Want::Unrefused(fingerprint) if fingerprint == issued.fingerprint => {
                issued.is_just_confirmed(now)
            }
            want => want.unwanted() != Some(issued.fingerprint) && self.is_fresh(issued, now),
        }
    }

    /// How long until the next request for this access token may be sent.
    fn rest(&mut self, now: Moment) -> Option<Duration> {
        let generation = self.issued().map_or(0, |issued| issued.generation);
        // What another host's clock says may be wrong; the wait itself is not.
        if self.rested == Some((generation, self.sent_at)) {
            return None;
        }
        let last = [self.issued().map(|issued| issued.obtained_at), self.sent_at];
        let youngest = last.into_iter().flatten().filter_map(|at| now.since(&at)).min();
        let spaced = youngest.map_or(Duration::ZERO, |youngest| SPACING.saturating_sub(youngest));
        // At its end the server still has the token that it keeps to the end, by as much as requests take to get there.
        let lingers = self.issued().and_then(|issued| issued.lingers(now)).unwrap_or_default();
        let rest = Some(spaced.max(lingers)).filter(|rest| !rest.is_zero())?;
        self.rested = Some((generation, self.sent_at));
        Some(rest)
    }

    /// Makes sure that nobody else exchanges at the same time, nor has a moment ago.
    pub(super) fn acquire(&mut self, now: Moment) -> Action {
        if let Some(rest) = self.rest(now) {
            return if self.urgent {
                self.wait(Pause::For(rest), Goal::Begin)
            } else {
                self.done(Outcome::Content)
            };
        }
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
        let Some(lease) = other else {
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

    /// Writes lease and intent, in one swap, before anything is sent. A client's own secret is not spent: it needs no
    /// intent, and where the store has a lock no lease.
    pub(super) fn claim(&mut self, now: Moment) -> Action {
        if !self.terms.rotates {
            let held = self.holding == Holding::Held;
            return if held { self.send(now) } else { self.claim_with(None, now) };
        }
        let Some(ledger) = self.base.as_deref() else { return self.restart() };
        let Some(current) = ledger.refresh.map(|refresh| refresh.fingerprint) else { return self.restart() };
        let unsettled =
            ledger.intent.filter(|intent| intent.fingerprint == current && !self.is_unused(ledger, intent));
        let Some(intent) = unsettled else { return self.claim_with(Some(current), now) };
        if let Some(orphan) = ledger.orphans.iter().find(|orphan| orphan.parent == current) {
            return self.claim_with(Some(orphan.fingerprint), now);
        }
        let usable = self.issued().is_some_and(|issued| self.is_usable(issued, now));
        match self.replay(&intent, now) {
            Replay::WhenEnded(_) if usable && self.want == Want::Fresh => self.done(Outcome::Deferred),
            Replay::WhenEnded(wait) => self.done(Outcome::Unsettled(wait)),
            Replay::In(wait) if self.urgent && self.has_time_for(wait, now) => {
                self.wait(Pause::For(wait), Goal::Begin)
            }
            Replay::In(wait) => self.done(Outcome::Unsettled(wait)),
            Replay::Now => {
                self.claiming.push(Event::Replayed);
                self.claim_with(Some(current), now)
            }
        }
    }

    /// When the refresh token of an intent may be sent again. A holder that left its lease behind is dead, and its
    /// request too: within the reuse interval the answer is asked for at once.
    fn replay(&self, intent: &Intent, now: Moment) -> Replay {
        // The age of an intent is not compared across boots or hosts: their clocks may differ by more than the grace.
        let within_reuse = now.boot_id == intent.first_at.boot_id
            && now.since(&intent.first_at).is_some_and(|age| age < self.terms.reuse_interval);
        let left = self.issued().map_or(Duration::ZERO, |issued| issued.left(now));
        if !within_reuse && !left.is_zero() {
            return Replay::WhenEnded(left);
        }
        let abandoned = self.base.as_deref().is_some_and(|ledger| ledger.lease.is_some());
        if abandoned && within_reuse {
            return Replay::Now;
        }
        let limit = if intent.answered { SPACING } else { REFRESH_LIMIT };
        let age = now.since(&intent.last_at).unwrap_or(Duration::MAX);
        match limit.saturating_sub(age) {
            Duration::ZERO => Replay::Now,
            wait => Replay::In(wait),
        }
    }

    /// Whether those who wait for this attempt still do so then.
    pub(super) fn has_time_for(&self, wait: Duration, now: Moment) -> bool {
        now.boot.saturating_sub(self.started).saturating_add(wait) <= self.terms.chain
    }

    /// Whether the intent is this attempt's own, from a claim after which it was too late to send anything.
    fn is_unused(&self, ledger: &Ledger, intent: &Intent) -> bool {
        let ours = (self.terms.owner, self.fence);
        let held = ledger.lease.is_some_and(|lease| (lease.owner, lease.fence) == ours);
        held && intent.fence == self.fence && intent.tries == 1 && self.presented == 0
    }

    pub(super) fn claim_with(&mut self, token: Option<Fingerprint>, now: Moment) -> Action {
        let mut next = self.base.clone().unwrap_or_else(|| self.first_record());
        next.fence += 1;
        next.lease = Some(Lease { owner: self.terms.owner, fence: next.fence, beat: 0 });
        if let Some(token) = token {
            let replay =
                next.intent.filter(|intent| intent.fingerprint == token && !self.is_unused(&next, intent));
            next.intent = Some(Intent {
                fence: next.fence,
                fingerprint: token,
                first_at: replay.map_or(now, |intent| intent.first_at),
                last_at: now,
                answered: false,
                tries: replay.map_or(1, |intent| intent.tries.saturating_add(1)),
            });
            next.refresh = Some(Refresh { fingerprint: token });
            next.orphans.retain(|orphan| orphan.fingerprint != token);
        }
        self.fence = next.fence;
        self.generation = next.generation;
        self.epoch = Some(next.epoch);
        // What the record says of the request is from now, whenever it is written.
        self.acknowledged = now.boot;
        if self.sent != token {
            self.sent = token;
            self.presented = 0;
        }
        self.swap(Phase::Claiming, next)
    }

    /// What a client's first token is written to.
    pub(super) fn first_record(&self) -> Box<Ledger> {
        Box::new(Ledger::new(Epoch { counter: 1, login: self.terms.owner }))
    }

    pub(super) fn send(&mut self, now: Moment) -> Action {
        if !self.terms.rotates {
            self.epoch = self.base.as_deref().map(|ledger| ledger.epoch);
            self.fence = self.base.as_deref().map_or(0, |ledger| ledger.fence);
        }
        self.presented += 1;
        self.sent_at = Some(now);
        self.phase = Phase::Sending;
        let not_after = self.terms.rotates.then(|| self.acknowledged + GUARD);
        Action::Send { token: self.sent, not_after }
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

/// Whether an access token was brought by a later login or exchange than another one.
fn is_later(issue: Option<(Epoch, u64)>, seen: Option<(Epoch, u64)>) -> bool {
    match (issue, seen) {
        (Some((epoch, generation)), Some((seen, before))) => {
            epoch.counter > seen.counter || (epoch == seen && generation > before)
        }
        (found, None) => found.is_some(),
        (None, Some(_)) => false,
    }
}
