//! How far apart requests with refresh tokens are: I17, and when one may be sent again (I4).

use std::collections::{BTreeMap, HashMap};

use butlr_auth_testkit::Event;

use super::Observations;
use crate::soak::Row;

/// I17: how far apart two exchanges are, in microseconds.
const SPACING: u64 = 1_000_000;

/// What instants lose that are cut to whole milliseconds.
const CUT: u64 = 1_000;

/// How long a request with a refresh token may be under way, in microseconds.
const LIMIT: u64 = butlr_auth_core::REFRESH_LIMIT.as_micros() as u64;

impl Observations {
    /// I17: exchanges closer to the one before than the spacing, but for those that recover: an orphan that is tried
    /// after a refusal, and what a dead holder had sent.
    pub(super) fn too_close(&self) -> u64 {
        let sent = self.sent_in_order();
        let is_too_close = |pair: &&[(&str, u64)]| match pair {
            [(before, began), (presented, at)] => {
                at - began < SPACING - CUT && self.strike_at(presented).is_none() && !self.was_refused(before)
            }
            _ => false,
        };
        sent.windows(2).filter(is_too_close).count() as u64
    }

    /// Refresh tokens that were sent again before the first request had been answered or could no longer be, or,
    /// where the server forgives nothing, while the token in hand was still good.
    pub(super) fn too_soon(&self) -> u64 {
        if !self.grace.is_zero() {
            return 0;
        }
        let sent = self.sent_in_order();
        let mut first: BTreeMap<&str, u64> = BTreeMap::new();
        for (presented, at) in &sent {
            first.entry(presented).or_insert(*at);
        }
        let ends = self.ends();
        let is_too_soon = |(presented, at): &&(&str, u64)| {
            let began = first.get(presented).copied().unwrap_or(*at);
            let is_over = self.answered(presented, *at) || at - began >= LIMIT - SPACING;
            let lives = ends.get(presented).is_some_and(|end| at + CUT < *end);
            *at > began && (!is_over || lives) && !self.may_have_stayed(presented)
        };
        sent.iter().filter(is_too_soon).count() as u64
    }

    fn sent_in_order(&self) -> Vec<(&str, u64)> {
        let mut sent: Vec<_> = self.sent.iter().map(|(presented, at)| (presented.as_str(), *at)).collect();
        sent.sort_by_key(|(_, at)| *at);
        sent
    }

    /// Whether nothing had left, or the sender slept between its last look and the first byte.
    fn may_have_stayed(&self, presented: &str) -> bool {
        self.strike_at(presented).is_some_and(|strike| !strike.in_flight || strike.row == Row::R7)
    }

    /// When the access token ends that came with each refresh token.
    fn ends(&self) -> HashMap<&str, u64> {
        let issued = self.events.iter().filter_map(|event| {
            let seen = self.tokens.get(event.access_token.as_deref()?)?;
            Some((event.issued.as_deref()?, seen.expires_at))
        });
        issued.collect()
    }

    /// Whether the server had answered a refresh token at this time of the boot clock.
    fn answered(&self, presented: &str, at: u64) -> bool {
        let of_it = self.events.iter().filter(|event| event.presented.as_deref() == Some(presented));
        of_it.map(|event| (event.at * 1000).saturating_sub(self.wall_zero)).any(|when| when <= at + CUT)
    }

    fn strike_at(&self, presented: &str) -> Option<&super::Strike> {
        self.strikes.iter().find(|strike| strike.presented.as_deref() == Some(presented))
    }

    fn was_refused(&self, presented: &str) -> bool {
        let refused = |event: &Event| event.outcome == "invalid_grant";
        self.events.iter().any(|event| event.presented.as_deref() == Some(presented) && refused(event))
    }
}
