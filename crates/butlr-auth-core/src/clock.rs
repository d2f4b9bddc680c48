use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::Fingerprint;

mod system;
#[cfg(any(test, not(target_os = "linux")))]
mod without_boot;

pub use system::SystemClock;

/// How far another clock may be ahead of ours before its time counts as nonsense: 60 seconds.
const TOLERANCE: Duration = Duration::from_secs(60);

/// One reading of a [`Clock`]: wall time and boot time, taken together.
///
/// Within one boot the boot clock alone decides: it counts suspend, and nobody can set it. Across boots and hosts
/// wall times are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Moment {
    /// Wall time: for people, and for comparison across boots and hosts.
    pub wall: SystemTime,
    /// Time since boot, suspend included.
    pub boot: Duration,
    /// Which boot of which machine [`boot`](Self::boot) counts from.
    pub boot_id: Fingerprint,
}

impl Moment {
    /// Makes a reading, for a `Clock` of one's own. A wall time before 1970 is read as 1970.
    #[must_use]
    pub fn new(wall: SystemTime, boot: Duration, boot_id: Fingerprint) -> Self {
        // A clock before 1970 is wrong, and no time before it can be written down.
        Self { wall: wall.max(SystemTime::UNIX_EPOCH), boot, boot_id }
    }

    /// Returns how long before `self` the `earlier` reading was taken, or `None` if that cannot be told: by the
    /// clock they share, `earlier` is more than 60 seconds ahead. A shorter lead counts as no time at all.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Duration> {
        let (elapsed, ahead) = if self.boot_id == earlier.boot_id {
            (self.boot.checked_sub(earlier.boot), earlier.boot.saturating_sub(self.boot))
        } else {
            match self.wall.duration_since(earlier.wall) {
                Ok(elapsed) => (Some(elapsed), Duration::ZERO),
                Err(error) => (None, error.duration()),
            }
        };
        if elapsed.is_none() && ahead <= TOLERANCE { Some(Duration::ZERO) } else { elapsed }
    }
}

/// Tells the time. Every time in this product comes from one, so that tests own it.
///
/// ```
/// use std::time::Duration;
/// use butlr_auth_core::{Clock, ManualClock};
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now().since(&before), Some(Duration::from_secs(3600)));
/// ```
pub trait Clock: fmt::Debug + Send + Sync {
    /// Returns wall time and boot time, together.
    fn now(&self) -> Moment;

    /// Returns the time since boot alone: the cheapest reading, for the path of every request.
    fn boot(&self) -> Duration {
        self.now().boot
    }
}

const _: fn(&dyn Clock) = |_| {};

impl<C: Clock + ?Sized> Clock for Arc<C> {
    fn now(&self) -> Moment {
        (**self).now()
    }

    fn boot(&self) -> Duration {
        (**self).boot()
    }
}

impl<C: Clock + ?Sized> Clock for Box<C> {
    fn now(&self) -> Moment {
        (**self).now()
    }

    fn boot(&self) -> Duration {
        (**self).boot()
    }
}

/// A clock that stands still until a test moves it.
///
/// Clones share their time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Moment>>);

impl ManualClock {
    /// Makes a clock that reads one hour after its boot, on 2026-01-01 at noon UTC.
    #[must_use]
    pub fn new() -> Self {
        let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_268_800);
        Self(Arc::new(Mutex::new(Moment::new(noon, Duration::from_secs(3600), Fingerprint::of(b"manual")))))
    }

    /// Lets time pass, on both clocks; a suspended machine looks the same to a clock that counts suspend.
    pub fn advance(&self, by: Duration) {
        self.change(|moment| {
            moment.boot = moment.boot.saturating_add(by);
            moment.wall = moment.wall.checked_add(by).unwrap_or(moment.wall);
        });
    }

    /// Sets the wall clock, as a person or a time server does; boot time does not move.
    pub fn set_wall(&self, wall: SystemTime) {
        self.change(|moment| moment.wall = wall);
    }

    /// Restarts the machine: boot time starts again under another boot id.
    pub fn reboot(&self) {
        self.change(|moment| {
            moment.boot = Duration::ZERO;
            moment.boot_id = Fingerprint::of(moment.boot_id.to_string().as_bytes());
        });
    }

    /// Makes the clock of another host: the same wall time, shifted by `ahead` or `behind`, and its own boot.
    #[must_use]
    pub fn other_host(&self, name: &str, ahead: Duration, behind: Duration) -> Self {
        let mut moment = self.now();
        moment.wall =
            moment.wall.checked_add(ahead).and_then(|wall| wall.checked_sub(behind)).unwrap_or(moment.wall);
        moment.boot_id = Fingerprint::of(name.as_bytes());
        Self(Arc::new(Mutex::new(moment)))
    }

    fn change(&self, change: impl FnOnce(&mut Moment)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
