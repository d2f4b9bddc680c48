//! The server's clock: the machine's, plus what a test added to it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Wall time in milliseconds since 1970 that a test can push forward.
#[derive(Debug, Default)]
pub(crate) struct ServerClock {
    offset: AtomicI64,
}

impl ServerClock {
    /// Milliseconds since 1970-01-01, UTC.
    #[expect(
        clippy::disallowed_methods,
        reason = "this server stands for another machine, with its own clock"
    )]
    pub(crate) fn now(&self) -> u64 {
        let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis);
        machine.saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.offset.fetch_add(i64::try_from(millis(by)).unwrap_or(i64::MAX), Ordering::Relaxed);
    }
}

/// A duration in whole milliseconds; longer than 500 million years counts as that.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
