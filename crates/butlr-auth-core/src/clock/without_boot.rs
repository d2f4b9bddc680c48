//! Boot time where the system has no clock for it that everybody may read.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::Moment;
use crate::Fingerprint;

/// What the system's two clocks read: the monotonic one, which may stand still while the machine sleeps, and the wall
/// clock, which anybody may set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elapsed {
    /// Since the start.
    pub(super) monotonic: Duration,
    pub(super) wall: SystemTime,
}

/// Makes boot time from both: the later of the two since the start. It never goes back, not even when a wall clock is
/// put right that was ahead: a token that was asked for in between would never come of age.
#[derive(Debug)]
pub(super) struct WithoutBootClock {
    boot_id: Fingerprint,
    start: SystemTime,
    /// By how much the wall clock has been ahead of the monotonic one, at most, in nanoseconds.
    lead: AtomicU64,
}

impl WithoutBootClock {
    /// Begins a boot of its own.
    pub(super) fn starting_at(start: SystemTime) -> Self {
        Self { boot_id: Fingerprint::of(crate::random::token().as_bytes()), start, lead: AtomicU64::new(0) }
    }

    pub(super) fn now(&self, Elapsed { monotonic, wall }: Elapsed) -> Moment {
        let by_wall = wall.duration_since(self.start).unwrap_or_default();
        let lead = u64::try_from(by_wall.saturating_sub(monotonic).as_nanos()).unwrap_or(u64::MAX);
        let lead = self.lead.fetch_max(lead, Ordering::AcqRel).max(lead);
        Moment::new(wall, monotonic.saturating_add(Duration::from_nanos(lead)), self.boot_id)
    }
}

#[cfg(test)]
mod tests;
