//! How long a command waits, and what it asks once more within that time.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use butlr_auth::core::Delivery;
use butlr_auth::{Error, ErrorKind, Session, Token};
use tokio::time::{Instant, sleep, timeout_at};

use crate::cli::Global;
use crate::output::Output;

/// How soon a session is asked again that says nothing of its own back-off: it answers from memory until that has
/// passed.
const POLL: Duration = Duration::from_millis(100);

/// A wait is longer by this much at most, so that commands that began together do not come back together.
const JITTER: Duration = Duration::from_millis(200);

/// What ends on time says better what kept it than the deadline does.
const SLACK: Duration = Duration::from_millis(200);

/// The time of a command: clones are of the same command.
#[derive(Clone, Debug)]
pub(crate) struct Patience {
    timeout: Duration,
    once: Arc<AtomicBool>,
    output: Output,
    /// When all that the command asks has to be over; without it, each step has the whole time.
    until: Arc<Mutex<Option<Instant>>>,
    /// Refresh tokens that have left and have no answer yet.
    sent: Arc<AtomicUsize>,
}

/// A refresh token is on its way.
pub(crate) struct Sent(Arc<AtomicUsize>);

impl Drop for Sent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Patience {
    pub(crate) fn new(global: &Global, output: &Output) -> Self {
        Self {
            timeout: global.timeout,
            once: Arc::new(AtomicBool::new(global.no_retry)),
            output: output.clone(),
            until: Arc::default(),
            sent: Arc::default(),
        }
    }

    /// From now on one deadline counts for everything.
    pub(crate) fn begin(&self) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.whole());
    }

    /// Nothing is asked again.
    pub(crate) fn ask_once(&self) {
        self.once.store(true, Ordering::Relaxed);
    }

    /// When what is asked now has to be over.
    pub(crate) fn deadline(&self) -> Instant {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.unwrap_or_else(|| self.whole())
    }

    /// How long what is asked now may take.
    pub(crate) fn left(&self) -> Duration {
        self.deadline().saturating_duration_since(now())
    }

    fn whole(&self) -> Instant {
        now() + self.timeout
    }

    /// Notes that a refresh token leaves, until what is returned is dropped.
    pub(crate) fn sending(&self) -> Sent {
        self.sent.fetch_add(1, Ordering::Relaxed);
        Sent(Arc::clone(&self.sent))
    }

    /// Ends what takes longer than there is time. `what` is said of it.
    pub(crate) async fn within<T>(
        &self,
        what: &str,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let ended = timeout_at(self.deadline() + SLACK, asked).await;
        ended.unwrap_or_else(|_| Err(self.out_of_time(what).with_delivery(Delivery::Unanswered)))
    }

    /// Gets a token of a session. Where none can be had, it is asked for again as long as there is time and a request
    /// certainly spends nothing: all processes wait for the back-off that their record tells.
    ///
    /// # Errors
    /// What the session says last. The answer to a refresh token that has left is waited for even then.
    pub(crate) async fn token(
        &self,
        session: &Session,
        is_own: bool,
        ask: impl AsyncFnMut() -> Result<Token, Error>,
    ) -> Result<Token, Error> {
        self.asked(session, is_own, "there is no token", ask, || session.try_token()).await
    }

    /// Asks a session for what only a renewal may bring, as [`token`](Self::token) does. `what` is said when the time is
    /// over, and `brought` is what that answer may have brought.
    ///
    /// # Errors
    /// What the session says last; that the time is over when the answer to a refresh token that has left is there.
    pub(crate) async fn asked<T>(
        &self,
        session: &Session,
        is_own: bool,
        what: &str,
        ask: impl AsyncFnMut() -> Result<T, Error>,
        brought: impl FnOnce() -> Option<T>,
    ) -> Result<T, Error> {
        let again = |error: &Error| if is_own { may_repeat(error) } else { was_not_taken(error) };
        let asked = timeout_at(self.deadline() + SLACK, self.repeat(ask, again, |_| POLL)).await;
        let error = match asked {
            Ok(Err(error)) if error.kind() == ErrorKind::TimedOut => error,
            Ok(ended) => return ended,
            Err(_) => self.out_of_time(what),
        };
        if self.sent.load(Ordering::Relaxed) == 0 {
            return Err(error);
        }
        self.output.note(
            "a refresh token has left and has no answer yet: it is waited for, up to 30 s from then, because its \
             successor would be lost",
        );
        session.shutdown().await;
        brought().ok_or(error)
    }

    /// Asks for what nobody remembers a failure of, and again after 1 s, doubling.
    pub(crate) async fn ask<T>(&self, ask: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
        self.repeat(ask, may_repeat, doubling).await
    }

    /// Waits until a request that spends nothing may be sent again after its failure, the `times`th; `false` if that
    /// would not help, or there is no time.
    pub(crate) async fn may_ask_again(&self, error: &Error, times: u32) -> bool {
        may_repeat(error) && self.waited(error, doubling(times), self.deadline()).await
    }

    async fn repeat<T>(
        &self,
        mut ask: impl AsyncFnMut() -> Result<T, Error>,
        again: impl Fn(&Error) -> bool,
        pause: impl Fn(u32) -> Duration,
    ) -> Result<T, Error> {
        let deadline = self.deadline();
        for times in 0.. {
            match ask().await {
                Err(error) if again(&error) && self.waited(&error, pause(times), deadline).await => {}
                ended => return ended,
            }
        }
        Err(self.out_of_time("there is no answer"))
    }

    /// Waits as the failure says, or for `pause`; `false` if that is longer than there is time.
    async fn waited(&self, error: &Error, pause: Duration, deadline: Instant) -> bool {
        let wait = error.retry_after().unwrap_or(pause) + jitter();
        if self.once.load(Ordering::Relaxed) || now() + wait >= deadline {
            return false;
        }
        tracing::debug!(%error, ?wait, "ask again");
        sleep(wait).await;
        true
    }

    /// Nothing was sent, and the time is over.
    pub(crate) fn out_of_time(&self, what: &str) -> Error {
        Error::new(ErrorKind::TimedOut, self.over(what))
    }

    /// As [`out_of_time`](Self::out_of_time), because others took that long: the session has not failed.
    pub(crate) fn out_of_turn(&self, what: &str) -> Error {
        Error::new(ErrorKind::Busy, self.over(what))
    }

    fn over(&self, what: &str) -> String {
        format!("{what} within {:?}, the time of --timeout", self.timeout)
    }
}

fn doubling(times: u32) -> Duration {
    Duration::from_secs(1 << times.min(6))
}

/// Whether a request that spends nothing may succeed a moment later.
fn may_repeat(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Unreachable | ErrorKind::Throttled => true,
        _ => matches!(error.status(), Some(429 | 502 | 503 | 504)),
    }
}

/// Whether a refresh token was not sent, or sent back: what a gateway says of a server is no answer of it.
fn was_not_taken(error: &Error) -> bool {
    match error.delivery() {
        Delivery::NotSent => error.kind() == ErrorKind::Unreachable || may_repeat_status(error),
        _ => error.kind() == ErrorKind::Throttled || may_repeat_status(error),
    }
}

fn may_repeat_status(error: &Error) -> bool {
    matches!(error.status(), Some(429 | 503))
}

#[expect(clippy::disallowed_methods, reason = "the runtime's timer has a clock of its own")]
fn now() -> Instant {
    Instant::now()
}

fn jitter() -> Duration {
    let random = RandomState::new().build_hasher().finish();
    JITTER.mul_f64(f64::from(random as u16) / f64::from(u16::MAX))
}
