//! The invariants, checked wherever they could be broken: at each write, request, hand-over and end.

use std::time::Duration;

use butlr_auth_core::REFRESH_LIMIT;

use super::process::Task;
use super::server::{number_of, refresh_token};
use super::world::{World, current_token, token_key};
use crate::Id;
use crate::protocol::{Ledger, LoginReason, Outcome, State};

/// An invariant that did not hold, by its number in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Finding {
    /// I1, I2: with no fault at all a refresh token came twice.
    PresentedTwice,
    /// I3: a token was renewed before its time.
    TooEarly,
    /// I4: a spent refresh token was taken up without an intent that says so.
    OutsideItsIntent,
    /// I4: one attempt presented a refresh token a third time.
    TooOften,
    /// I4, I13: an attempt within the back-off of a failure.
    WithinBackOff,
    /// I5: a token was handed out, its refresh token was not stored, and nobody was told.
    ShownBeforeDurable,
    /// I6: generation or fence went back within a login.
    WentBack,
    /// I6: somebody who had lost the lease wrote as its holder.
    OlderFence,
    /// I7: a token of another login was stored.
    ForeignToken,
    /// I7, I8: a token that the server had issued was neither kept nor given back.
    Leaked,
    /// I10: with nothing in the way a caller was turned away.
    Stuck,
    /// I13: a refused refresh token was sent once more.
    SentThoughRefused,
    /// I14: a record does not survive its own format.
    Unreadable,
    /// A lease was taken from somebody alive.
    StolenFromTheLiving,
    /// The table: reuse in a window in which it can be avoided.
    AvoidableReuse,
    /// The table: a replay that could wait, without grace, while a token was usable.
    ReplayedTooSoon,
    /// The table: a login where the grace makes it unnecessary, or with no fault at all.
    AvoidableLogin,
    /// I17: two requests for one access token within a second.
    TooClose,
    /// A refresh token was sent again while the first request could still be under way.
    RepeatedTooSoon,
    /// A caller was told to log in although the session was well.
    FalseAlarm,
}

impl World {
    /// A request leaves a process.
    pub(super) fn check_departure(&mut self, task: &Task, token: usize) {
        let generous = !self.setting.rules.grace.is_zero();
        let earlier = self.departed.iter().find(|departed| departed.token == token).copied();
        // Within the grace the request of a dead holder is repeated at once (I10).
        let replays = generous && earlier.is_some_and(|departed| departed.abandoned);
        let tries_an_orphan = task.presented.last().is_some_and(|sent| *sent != token);
        let excused = replays || tries_an_orphan || task.overslept || self.tally.lost_writes > 0;
        if self.last_request.is_some_and(|last| self.now - last < Duration::from_secs(1)) && !excused {
            self.found(Finding::TooClose);
        }
        let under_way =
            earlier.is_some_and(|departed| !departed.answered && self.now - departed.at < REFRESH_LIMIT);
        if under_way && !excused {
            self.found(Finding::RepeatedTooSoon);
        }
    }

    /// A request with this refresh token reaches the server.
    pub(super) fn check_presentation(&mut self, task: &Task, token: usize) {
        let now = self.now;
        let known = self.server.tokens[token].clone();
        if task.presented.iter().filter(|presented| **presented == token).count() >= 2 {
            self.found(Finding::TooOften);
        }
        if known.spent_at.is_none() || known.revoked {
            return;
        }
        let kept = self.server.children(token).any(|child| self.store.has_kept(refresh_token(child)));
        if self.tally.faults == 0 {
            self.found(Finding::PresentedTwice);
        }
        if !self.server.honours(token, now) {
            self.tally.reuses += 1;
            // Whoever slept between guard and departure cannot know (R7), nor can anybody whose store forgot (R9).
            if kept && !task.overslept && self.tally.lost_writes == 0 {
                self.found(Finding::AvoidableReuse);
            }
        }
    }

    /// Somebody claimed the right to exchange.
    pub(super) fn check_claim(&mut self, number: usize, before: &Ledger, next: &Ledger) {
        let now = self.moment();
        let Some(claimed) = current_token(next) else { return };
        let issued = before.access.get(&token_key());
        if issued.is_some_and(|issued| issued.is_fresh(now)) {
            self.found(Finding::TooEarly);
        }
        if before.backing_off(token_key(), now).is_some() {
            self.found(Finding::WithinBackOff);
        }
        if matches!(before.state, State::NeedsLogin { fingerprint, .. } if fingerprint == Some(claimed)) {
            self.found(Finding::SentThoughRefused);
        }
        let known = &self.server.tokens[number_of(claimed)];
        if known.spent_at.is_some() && !known.revoked && self.tally.lost_writes == 0 {
            let marked = before.intent.is_some_and(|intent| intent.fingerprint == claimed);
            let works = issued.is_some_and(|issued| !issued.is_expired(now));
            if !marked && !before.orphans.iter().any(|orphan| orphan.fingerprint == claimed) {
                self.found(Finding::OutsideItsIntent);
            }
            if works && !self.server.honours(number_of(claimed), self.now) {
                self.found(Finding::ReplayedTooSoon);
            }
        }
        let lease = before.lease.filter(|lease| Some(lease.owner) != self.processes[number].owner);
        let robbed = self.processes.iter().find(|other| {
            let awake =
                other.task.as_ref().is_some_and(|task| task.claim.is_some() && !task.slept && !task.warned);
            awake && lease.is_some_and(|lease| Some(lease.owner) == other.owner)
        });
        if robbed.is_some()
            && !self.setting.holds
            && self.store.outage.is_none()
            && self.tally.lost_writes == 0
        {
            self.found(Finding::StolenFromTheLiving);
        }
    }

    /// A write went through.
    pub(super) fn check_swap(&mut self, task: &Task, before: &Ledger, next: &Ledger) {
        if before.epoch == next.epoch && (next.generation < before.generation || next.fence < before.fence) {
            self.found(Finding::WentBack);
        }
        let overtaken = task.claim.is_some_and(|claim| claim.fence < before.fence);
        let commits = task.received.is_some() && next.generation > before.generation;
        let needed = matches!(before.state, State::NeedsLogin { fingerprint, .. }
            if task.claim.is_some_and(|claim| fingerprint == Some(refresh_token(claim.token))));
        let refuses = matches!(next.state, State::NeedsLogin { .. }) && before.state == State::Active;
        if overtaken && ((commits && !needed) || refuses) {
            self.found(Finding::OlderFence);
        }
        if refuses {
            self.tally.refusals += 1;
            let generous = !self.setting.rules.grace.is_zero();
            let blameless = self.tally.revocations == 0 && (generous || self.tally.faults == 0);
            if blameless {
                self.found(Finding::AvoidableLogin);
            }
        }
        let orphans = next.orphans.iter().map(|orphan| orphan.fingerprint);
        let families = current_token(next).into_iter().chain(orphans).map(number_of);
        let foreign =
            |number: usize| Id::from_u128(self.server.tokens[number].family as u128) != next.epoch.login;
        if families.into_iter().any(foreign) {
            self.found(Finding::ForeignToken);
        }
    }

    /// A process hands out what its attempt received.
    pub(super) fn check_published(&mut self, task: &Task) {
        let kept = task.received.is_none_or(|refresh| self.store.has_kept(refresh_token(refresh)));
        if !kept && !task.warned && self.tally.lost_writes == 0 {
            self.found(Finding::ShownBeforeDurable);
        }
    }

    /// Somebody has died: what is stored must be a record, whole and readable.
    pub(super) fn check_format(&mut self) {
        let read = |ledger| serde_json::from_value::<Ledger>(serde_json::to_value(ledger).ok()?).ok();
        let stored = self.store.ledger.as_ref();
        if stored.is_some_and(|ledger| read(ledger).as_ref() != Some(ledger)) {
            self.found(Finding::Unreadable);
        }
    }

    /// An attempt has ended.
    pub(super) fn check_outcome(&mut self, number: usize, task: &Task, outcome: &Outcome) {
        let stored = self.store.ledger.as_ref();
        if *outcome == Outcome::LoginRequired(LoginReason::RefreshTokenRefused) && !task.knows_refused {
            let well = stored.filter(|ledger| ledger.state == State::Active).and_then(current_token);
            if well.is_some_and(|token| self.server.honours(number_of(token), self.now)) {
                self.found(Finding::FalseAlarm);
            }
        }
        if self.tally.faults == 0
            && matches!(
                outcome,
                Outcome::Busy | Outcome::StorageFailed | Outcome::Failed | Outcome::Unsettled(_)
            )
        {
            self.found(Finding::Stuck);
        }
        let Some(received) = task.received else { return };
        let name = refresh_token(received);
        let remembered = self.processes[number].memory.as_ref().and_then(current_token) == Some(name);
        let stored = self.store.ledger.as_ref();
        let aside =
            stored.is_some_and(|ledger| ledger.orphans.iter().any(|orphan| orphan.fingerprint == name));
        // One that came back after others had gone on for generations is of no use to anybody.
        let claimed = task.claim.map_or(0, |claim| claim.generation);
        let stale = stored.is_some_and(|ledger| ledger.generation > claimed + 1);
        let overtaken =
            task.claim.is_some_and(|claim| stored.is_some_and(|ledger| ledger.fence > claim.fence));
        let unstorable = overtaken && *outcome == Outcome::StorageFailed;
        let kept = self.store.has_kept(name) || remembered || aside || stale || unstorable;
        if !kept && !self.server.tokens[received].revoked && self.tally.lost_writes == 0 {
            self.found(Finding::Leaked);
        }
    }
}
