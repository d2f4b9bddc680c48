//! Callers that wait while another process renews: what wakes them, and what they are told.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{Entry, Hold, Id, MemoryStore, Promises, Session, SessionKey, Swap, TokenStore};
use butlr_auth_core::{Error, ErrorKind, ManualClock};
use tokio::task::JoinSet;

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

/// A store whose lock another process has.
#[derive(Clone, Debug)]
struct Busy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: MemoryStore,
    clock: ManualClock,
    /// How long it takes to be told that somebody else has the lock.
    each_takes: Duration,
    asked: AtomicUsize,
    /// Renews when the lock has been asked for so often.
    other: Mutex<Option<(usize, Session)>>,
}

impl Busy {
    fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenStore for Busy {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.0.store.load(key).await
    }

    async fn compare_and_swap(&self, key: &SessionKey, old: Option<Id>, new: &Entry) -> Result<Swap, Error> {
        self.0.store.compare_and_swap(key, old, new).await
    }

    fn promises(&self) -> Promises {
        self.0.store.promises()
    }

    async fn hold(&self, _: &SessionKey) -> Result<Hold, Error> {
        let asked = self.0.asked.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.clock.advance(self.0.each_takes);
        let other = self.0.other.lock().unwrap().take_if(|(after, _)| *after == asked);
        if let Some((_, other)) = other {
            other.token().await?;
        }
        Ok(Hold::Busy)
    }
}

/// A session whose token has ended, and that of another process, which renews while this one asks for the lock for
/// the `after`th time.
async fn waiting(each_takes: Duration, after: Option<usize>) -> (Session, Busy) {
    let (server, clock, store) = (Server::new(LIFETIME), ManualClock::new(), MemoryStore::new());
    let builder = || Session::builder(server.clone()).clock(clock.clone());
    let other = builder().store(store.clone()).open().unwrap();
    other.login(&password()).await.unwrap();
    clock.advance(LIFETIME);
    let busy = Busy(Arc::new(Inner {
        store,
        clock: clock.clone(),
        each_takes,
        asked: AtomicUsize::new(0),
        other: Mutex::new(after.map(|after| (after, other))),
    }));
    (builder().store(busy.clone()).open().unwrap(), busy)
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_woken_by_the_token_and_by_no_look_for_it() {
    let (session, busy) = waiting(Duration::from_millis(100), Some(50)).await;
    let mut polls = 0;
    let mut token = pin!(session.token());
    let token = poll_fn(|context| {
        polls += 1;
        token.as_mut().poll(context)
    });
    assert_eq!(token.await.unwrap().access_token().expose(), "access-2");
    assert_eq!(busy.asked(), 50);
    assert!(polls <= 3, "it was woken {polls} times");
}

#[tokio::test(start_paused = true)]
async fn everybody_who_waited_is_told_that_it_took_too_long() {
    let (session, busy) = waiting(Duration::from_secs(1), None).await;
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let (session, busy) = (session.clone(), busy.clone());
        callers.spawn(async move {
            let error = session.token().await.unwrap_err();
            let asked = busy.asked();
            // As a program does that goes on: what the next call finds is not what others still wait for.
            let _ = session.token().await;
            (error.kind(), asked)
        });
    }
    while let Some(caller) = callers.join_next().await {
        assert_eq!(caller.unwrap(), (ErrorKind::Busy, 12));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_comes_in_the_last_moment_is_handed_out() {
    let (session, busy) = waiting(Duration::from_secs(1), Some(12)).await;
    assert_eq!(session.token().await.unwrap().access_token().expose(), "access-2");
    assert_eq!(busy.asked(), 12, "the time was up");
}
