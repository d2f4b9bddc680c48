//! Clocks of tests that wait for nothing.

use std::time::{Duration, SystemTime};

use butlr_auth_core::{Clock, Fingerprint, ManualClock, Moment};

/// Tokio's own clock: where that is paused, timers and this clock move together.
#[derive(Clone, Debug)]
pub(crate) struct Timers(tokio::time::Instant);

impl Timers {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(crate) fn start() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Clock for Timers {
    fn now(&self) -> Moment {
        let boot = self.0.elapsed();
        Moment::new(
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_268_800) + boot,
            boot,
            Fingerprint::of(b"timers"),
        )
    }
}

/// A clock that leaps 70 s ahead at each look, so that no wait of less is one.
#[derive(Clone, Debug)]
pub(crate) struct Leaping(ManualClock);

impl Leaping {
    pub(crate) fn new() -> Self {
        Self(ManualClock::new())
    }
}

impl Clock for Leaping {
    fn now(&self) -> Moment {
        let now = self.0.now();
        self.0.advance(Duration::from_secs(70));
        now
    }
}
