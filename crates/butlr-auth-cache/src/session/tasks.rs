use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

/// How many tasks of a session are under way. Whoever waits for their end does so at a place that the session shares
/// with others: few wait, and there may be a hundred thousand sessions.
#[derive(Debug, Default)]
pub(super) struct Tasks(AtomicU32);

impl Tasks {
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn end(&self, idle: &Notify) {
        if self.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            idle.notify_waiters();
        }
    }

    pub(super) fn are_running(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    /// Waits until none is left.
    pub(super) async fn finished(&self, idle: &Notify) {
        loop {
            // Made before the count is read, so that an end in between is not missed.
            let notified = idle.notified();
            if !self.are_running() {
                return;
            }
            notified.await;
        }
    }
}
