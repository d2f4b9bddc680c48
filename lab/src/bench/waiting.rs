//! Whether a caller waits.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Awaits `future` and tells whether it made its caller wait. That is no matter of time, but of whether the first
/// poll is the last.
pub(super) async fn waits<F: Future>(future: F) -> (F::Output, bool) {
    let mut future = pin!(future);
    match poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(output) => (output, false),
        Poll::Pending => (future.await, true),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_future_that_is_pending_makes_its_caller_wait() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(super::waits(async { 1 })), (1, false));
        assert_eq!(runtime.block_on(super::waits(tokio::task::yield_now())), ((), true));
    }
}
