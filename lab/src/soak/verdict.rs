//! What a run proves: observations in, a verdict out, without I/O.
//!
//! Nothing here depends on how fast the machine is. Whether a renewal came too early is told by when it was sent
//! and what the session itself had announced; whether a caller waited, by its first poll; how long things took is
//! shown and decides nothing.

mod apart;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use butlr_auth_testkit::{Event, EventKind, Judgement};
use serde::Serialize;

use super::outage::{Kind, Outage};
use super::wire::Tally;
use super::{Row, SameToken};

/// How often a server that hands out one token for all its life may be asked within such a life.
const EXCHANGES_PER_LIFE: u64 = 5;

/// Everything that was seen. Times are microseconds; instants are of the boot clock, which processes share.
#[derive(Clone, Debug, Default)]
pub(super) struct Observations {
    pub(super) lifetime: u64,
    pub(super) grace: Duration,
    pub(super) lease: bool,
    /// What the server says of the life of a token that it hands out again, if it does.
    pub(super) same_token: Option<SameToken>,
    /// The wall time at zero of the boot clock.
    pub(super) wall_zero: u64,
    pub(super) elapsed: u64,
    /// The journal of the server.
    pub(super) events: Vec<Event>,
    /// For each login, how many strikes there had been.
    pub(super) logins: Vec<usize>,
    pub(super) strikes: Vec<Strike>,
    pub(super) outages: Vec<Outage>,
    /// Refresh tokens, and when a worker was about to send each.
    pub(super) sent: Vec<(String, u64)>,
    /// Access tokens that callers were handed.
    pub(super) tokens: HashMap<String, Seen>,
    /// API calls that may rightly be refused, by access token.
    pub(super) late: HashMap<String, u64>,
    /// How often the record could not be read after a kill.
    pub(super) unreadable: u64,
    pub(super) tally: Tally,
}

/// A login, and the row that was struck last before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Login {
    pub(super) window: Option<Row>,
}

/// A holder that died or stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) row: Row,
    /// The refresh token that it was about to send or had sent, where that is known.
    pub(super) presented: Option<String>,
    /// Whether the request was under way.
    pub(super) in_flight: bool,
    pub(super) at: u64,
}

/// What the session says of a token that it hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) refresh_at: u64,
    pub(super) expires_at: u64,
}

/// What was struck, as it turned out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Hit {
    pub(super) row: Row,
}

/// The verdict on a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    /// Token requests that the server granted, logins included.
    pub(super) exchanges: u64,
    /// The most that time, logins and strikes account for.
    pub(super) upper_bound: u64,
    pub(super) invalid_grant: u64,
    pub(super) reuse: u64,
    pub(super) forks: u64,
    /// The longest wait of a caller that had a usable token, in milliseconds.
    pub(super) longest_wait_ms: u64,
    /// The longest wait of a caller whose last token lived, its margin included.
    pub(super) longest_live_wait_ms: u64,
    /// The longest wait of a caller that had none.
    pub(super) longest_mandatory_wait_ms: u64,
    pub(super) expired_served: u64,
    pub(super) wrong_served: u64,
    /// The youngest token that was renewed, by the server's clock.
    pub(super) youngest_renewed_ms: Option<u64>,
    /// Gets that ended because the caller gave up.
    pub(super) given_up: u64,
    pub(super) gets: u64,
    pub(super) calls: u64,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) events: BTreeMap<String, u64>,
    /// Those after the first one.
    pub(super) logins: Vec<Login>,
    pub(super) kills: Vec<Hit>,
    /// What befell the store's server.
    pub(super) outages: Vec<Kind>,
    pub(super) ok: bool,
    pub(super) violations: Vec<String>,
}

impl Observations {
    pub(super) fn judge(&self) -> Verdict {
        let judgement = Judgement::of(&self.events);
        let window =
            |strikes: &usize| Login { window: strikes.checked_sub(1).and_then(|last| self.turned_out(last)) };
        let ages = judgement.families.values().flat_map(|family| &family.renewals).map(|renewal| renewal.age);
        let mut verdict = Verdict {
            exchanges: judgement.exchanges,
            upper_bound: self.upper_bound(),
            invalid_grant: judgement.invalid_grant,
            reuse: judgement.reuse,
            forks: self.forks(&judgement),
            longest_wait_ms: self.tally.longest_needless_wait / 1000,
            longest_live_wait_ms: self.tally.longest_live_wait / 1000,
            given_up: self.tally.given_up,
            longest_mandatory_wait_ms: self.tally.longest_wait / 1000,
            expired_served: self.expired_served().max(self.tally.expired),
            wrong_served: judgement.wrong_served,
            youngest_renewed_ms: ages.min(),
            gets: self.tally.gets,
            calls: self.tally.calls,
            errors: self.tally.errors.clone(),
            events: self.tally.events.clone(),
            logins: self.logins.iter().skip(1).map(window).collect(),
            kills: self.strikes.iter().map(|strike| Hit { row: self.row(strike) }).collect(),
            outages: self.outages.iter().map(|outage| outage.kind).collect(),
            ok: false,
            violations: Vec::new(),
        };
        verdict.violations = self.violations(&judgement, &verdict);
        verdict.ok = verdict.violations.is_empty();
        verdict
    }

    fn violations(&self, judgement: &Judgement, verdict: &Verdict) -> Vec<String> {
        let mut found = Vec::new();
        let mut check = |count: u64, what: &str| {
            if count > 0 {
                found.push(format!("{what}: {count}"));
            }
        };
        check(verdict.forks, "I1: refresh tokens with two children in the chain");
        check(self.unexplained_refusals(), "I2: refused or reused refresh tokens that no strike explains");
        check(
            verdict.exchanges.saturating_sub(verdict.upper_bound),
            "I3: exchanges beyond what time required",
        );
        check(self.early(), "I3: exchanges sent before the refresh-at of the token they replaced");
        check(
            self.too_wide(),
            "I3: tokens whose refresh-at lies further from their end than the policy allows",
        );
        check(
            self.presented_too_often(judgement),
            "I4: refresh tokens presented more often than one chain may",
        );
        check(self.too_soon(), "I4: refresh tokens presented again before the first request was over");
        check(self.too_close(), "I17: exchanges less than a second after the one before");
        check(self.tally.needless_waits, "I9: callers that waited although they had a usable token");
        check(verdict.expired_served, "I11: expired tokens");
        let told = verdict.events.get("stale_served").copied().unwrap_or_default();
        check(
            self.tally.stale.saturating_sub(told),
            "I11: tokens in their margin, handed out without a word",
        );
        check(verdict.wrong_served, "I11: wrong tokens");
        check(self.unreadable, "I14: records that could not be read after a kill");
        let corrupt = self.tally.errors.get("CorruptRecord").copied().unwrap_or_default();
        check(corrupt, "I14: callers that met a corrupt record");
        let unexplained = verdict.logins.iter().filter(|login| !self.explains(login.window)).count();
        check(unexplained as u64, "logins that no row of the crash table explains");
        let journalled = self.events.iter().filter(|event| is_login(event)).count();
        check(journalled.abs_diff(self.logins.len()) as u64, "logins that the journal knows otherwise");
        check(self.not_recovered(), "K1: outages of the store after which nobody renewed");
        let errors: u64 =
            verdict.errors.iter().filter(|(kind, _)| !self.excuses(kind)).map(|(_, count)| count).sum();
        if self.strikes.is_empty() {
            check(errors, "failed gets that no fault explains");
        } else if !self.grace.is_zero() {
            let login = verdict.errors.get("LoginRequired").copied().unwrap_or_default();
            check(login, "callers that were told to log in although the server forgives");
        }
        check(u64::from(self.tally.gets == 0), "runs in which nobody asked for a token");
        found
    }

    /// Refusals of expired tokens beyond the calls that were late.
    fn expired_served(&self) -> u64 {
        // That the token ends earlier than the server says is what the API is asked for.
        if self.same_token == Some(SameToken::Full) {
            return 0;
        }
        let mut refused: HashMap<&str, u64> = HashMap::new();
        let is_expired = |event: &&Event| event.kind == EventKind::ApiRefusal && event.outcome == "expired";
        for event in self.events.iter().filter(is_expired) {
            *refused.entry(event.access_token.as_deref().unwrap_or_default()).or_default() += 1;
        }
        let excused = |token: &str| self.late.get(token).copied().unwrap_or_default();
        refused.iter().map(|(token, refused)| refused.saturating_sub(excused(token))).sum()
    }

    /// A caller whose token has ended learns that the store is away, or that a renewal waits for it.
    fn excuses(&self, kind: &str) -> bool {
        !self.outages.is_empty() && ["StoreUnreachable", "Storage", "Busy"].contains(&kind)
    }

    fn not_recovered(&self) -> u64 {
        let last = self.sent.iter().map(|(_, at)| *at).max().unwrap_or_default();
        self.outages.iter().filter(|outage| outage.over_at >= last).count() as u64
    }

    /// m: how long before its end a token is no longer handed out without waiting.
    fn margin(&self) -> u64 {
        (self.lifetime / 10).clamp(5_000_000, 300_000_000).min(self.lifetime / 4)
    }

    /// I3: five for each life of a token that is handed out again; else logins + ⌊T / `P_min`⌋, and one more for each strike, whose successor may have to ask again.
    fn upper_bound(&self) -> u64 {
        if self.same_token.is_some() {
            let lives = self.elapsed.checked_div(self.lifetime).unwrap_or(u64::MAX).saturating_add(1);
            return lives.saturating_mul(EXCHANGES_PER_LIFE).saturating_add(self.logins.len() as u64);
        }
        let shortest = self.lifetime - self.margin() - self.lifetime / 4;
        let by_time = self.elapsed.checked_div(shortest).unwrap_or(u64::MAX);
        by_time.saturating_add((self.logins.len() + self.strikes.len()) as u64)
    }

    fn early(&self) -> u64 {
        // A token that stands for several answers has several of them.
        if self.same_token.is_some() {
            return 0;
        }
        let access_tokens: HashMap<&str, &str> = self
            .events
            .iter()
            .filter_map(|event| Some((event.issued.as_deref()?, event.access_token.as_deref()?)))
            .collect();
        let is_early = |(presented, at): &&(String, u64)| {
            let access_token = access_tokens.get(presented.as_str());
            let seen = access_token.and_then(|access_token| self.tokens.get(*access_token));
            seen.is_some_and(|seen| *at < seen.refresh_at)
        };
        self.sent.iter().filter(is_early).count() as u64
    }

    fn too_wide(&self) -> u64 {
        // Two instants, each cut to whole microseconds.
        let widest = self.margin() + self.lifetime / 4 + 1;
        self.tokens
            .values()
            .filter(|seen| seen.expires_at - seen.refresh_at.min(seen.expires_at) > widest)
            .count() as u64
    }

    /// A refresh token is presented once; one that was caught in a strike by its holder and by its successors.
    fn presented_too_often(&self, judgement: &Judgement) -> u64 {
        let presentations = judgement.families.values().flat_map(|family| &family.presentations);
        presentations.filter(|(token, times)| **times > self.may_be_presented(token)).count() as u64
    }

    fn may_be_presented(&self, token: &str) -> u64 {
        match self.strikes.iter().filter(|strike| strike.presented.as_deref() == Some(token)).count() as u64 {
            0 => 1,
            strikes => 2 * (1 + strikes),
        }
    }

    /// Forks of the chain that was committed. Children that nobody ever presented are the server's own affair
    /// when it forgives a sleeper with another child.
    fn forks(&self, judgement: &Judgement) -> u64 {
        if self.strikes.iter().all(|strike| strike.row.is_kill()) {
            return judgement.forks;
        }
        let presented: BTreeSet<&str> =
            self.events.iter().filter_map(|event| event.presented.as_deref()).collect();
        let mut children: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for event in self.events.iter().filter(|event| event.outcome == "issued") {
            if let (Some(parent), Some(child)) = (event.presented.as_deref(), event.issued.as_deref())
                && presented.contains(child)
            {
                children.entry(parent).or_default().insert(child);
            }
        }
        children.values().filter(|children| children.len() > 1).count() as u64
    }

    /// A refusal is explained if its family had a strike that may cost the session, and a second presentation if
    /// its refresh token was caught in one.
    fn unexplained_refusals(&self) -> u64 {
        let costly: BTreeSet<&str> = self
            .strikes
            .iter()
            .filter(|strike| self.explains(Some(self.row(strike))))
            .filter_map(|strike| strike.presented.as_deref())
            .collect();
        let of_costly =
            |event: &&Event| event.presented.as_deref().is_some_and(|token| costly.contains(token));
        let families: BTreeSet<u64> =
            self.events.iter().filter(of_costly).filter_map(|event| event.family).collect();
        let struck = |event: &Event| {
            event.presented.is_some() && self.strikes.iter().any(|strike| strike.presented == event.presented)
        };
        let is_unexplained = |event: &&Event| {
            let refused = event.outcome == "invalid_grant"
                && !event.family.is_some_and(|family| families.contains(&family));
            refused || (event.reuse && !struck(event))
        };
        let exchanges = self.events.iter().filter(|event| event.kind == EventKind::Exchange);
        exchanges.filter(is_unexplained).count() as u64
    }

    /// The row as it turned out: a request that was under way when its sender died, and that the server honoured
    /// nevertheless, was a lost answer.
    fn row(&self, strike: &Strike) -> Row {
        let reused = |event: &Event| event.reuse && event.presented == strike.presented;
        if strike.row == Row::R1 && strike.in_flight && self.events.iter().any(reused) {
            Row::R2
        } else {
            strike.row
        }
    }

    fn turned_out(&self, strike: usize) -> Option<Row> {
        self.strikes.get(strike).map(|strike| self.row(strike))
    }

    /// The column "G = 0" of the crash table. With the kernel's lock nobody takes over from a sleeper: one that had
    /// not sent yet is the first to, and one that had reads the answer that came while it slept.
    fn explains(&self, window: Option<Row>) -> bool {
        self.grace.is_zero()
            && match window {
                Some(Row::R2 | Row::R3 | Row::R4) => true,
                Some(Row::R7 | Row::R8) => self.lease,
                _ => false,
            }
    }
}

fn is_login(event: &Event) -> bool {
    event.grant_type.as_deref() == Some("password") && event.outcome == "issued"
}
