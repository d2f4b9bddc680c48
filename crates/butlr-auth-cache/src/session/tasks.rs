use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How many tasks of a session are under way.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    running: AtomicUsize,
    none_left: Notify,
}

impl Tasks {
    pub(super) fn begin(&self) {
        self.running.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn end(&self) {
        if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none_left.notify_waiters();
        }
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Waits until none is left.
    pub(super) async fn finished(&self) {
        loop {
            // Made before the count is read, so that an end in between is not missed.
            let none_left = self.none_left.notified();
            if self.running() == 0 {
                return;
            }
            none_left.await;
        }
    }
}
