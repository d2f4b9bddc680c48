use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use butlr_auth_core::{Error, ErrorKind};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Shared;

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

impl Shared {
    fn runtime(&self) -> Result<Handle, Error> {
        #[cfg(feature = "blocking")]
        if self.on_own_thread.load(Ordering::Relaxed) {
            return crate::blocking::runtime().cloned();
        }
        Handle::try_current().map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                "a session renews its token on a tokio runtime, and there is none here",
            )
        })
    }

    /// Starts a task that belongs to the session, not to its caller.
    pub(super) fn spawn(
        self: &Arc<Self>,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Error> {
        let runtime = self.runtime()?;
        self.tasks.begin();
        let running = Running(Arc::clone(self));
        runtime.spawn(async move {
            let _running = running;
            task.await;
        });
        Ok(())
    }
}

/// Counts a task for as long as it runs, however it ends.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.tasks.end(&self.0.setup.idle);
    }
}
