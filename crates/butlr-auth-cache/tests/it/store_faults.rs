//! What a session does when its store, or the holder of its lease, lets it down.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{
    Entry, Event, Hold, Id, MemoryStore, Promises, Session, SessionKey, Swap, TokenStore,
};
use butlr_auth_core::{Error, ErrorKind, Grant, ManualClock, REFRESH_LIMIT};

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

/// A memory store that fails on request, and may be without a lock.
#[derive(Clone, Debug, Default)]
struct Flaky(Arc<Switches>);

#[derive(Debug, Default)]
struct Switches {
    inner: MemoryStore,
    unreachable: AtomicBool,
    without_lock: AtomicBool,
    /// How many swaps succeed before the next ones fail.
    swaps_left: AtomicUsize,
    limited: AtomicBool,
    /// Writes happen, and are reported as failed.
    loses_acknowledgements: AtomicBool,
    /// What a load shows instead of the truth: a write that a fail-over lost.
    shown: Mutex<Option<Entry>>,
}

fn failed() -> Error {
    Error::new(ErrorKind::Storage, "no space left on device")
}

#[async_trait]
impl TokenStore for Flaky {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        if self.0.unreachable.load(Ordering::SeqCst) {
            return Err(failed());
        }
        self.0.inner.load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        if self.0.unreachable.load(Ordering::SeqCst) {
            return Err(failed());
        }
        if self.0.limited.load(Ordering::SeqCst) {
            let left = self
                .0
                .swaps_left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            left.map_err(|_| failed())?;
        }
        let swap = self.0.inner.compare_and_swap(key, expected, entry).await?;
        if self.0.loses_acknowledgements.load(Ordering::SeqCst) { Err(failed()) } else { Ok(swap) }
    }

    fn promises(&self) -> Promises {
        self.0.inner.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        if self.0.without_lock.load(Ordering::SeqCst) {
            return Ok(Hold::Unsupported);
        }
        self.0.inner.hold(key).await
    }
}

impl Flaky {
    fn allow_swaps(&self, count: usize) {
        self.0.swaps_left.store(count, Ordering::SeqCst);
        self.0.limited.store(true, Ordering::SeqCst);
    }

    fn recover(&self) {
        self.0.limited.store(false, Ordering::SeqCst);
        self.0.unreachable.store(false, Ordering::SeqCst);
    }

    /// Remembers the entry as it is now, to go back to it later.
    async fn remember(&self, key: &SessionKey) {
        *self.0.shown.lock().unwrap() = self.0.inner.load(key).await.unwrap();
    }

    /// Loses every write since [`remember`](Self::remember).
    async fn fail_over(&self, key: &SessionKey) {
        let lost = self.0.inner.load(key).await.unwrap().map(|entry| entry.write_id());
        let old = self.0.shown.lock().unwrap().take().unwrap();
        assert_eq!(self.0.inner.compare_and_swap(key, lost, &old).await.unwrap(), Swap::Swapped);
    }
}

struct Fixture {
    server: Server,
    clock: ManualClock,
    store: Flaky,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Fixture {
    fn new() -> Self {
        let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
        Self { server, clock, store: Flaky::default(), events: Arc::default() }
    }

    fn session(&self) -> Session {
        let events = Arc::clone(&self.events);
        Session::builder(self.server.clone())
            .store(self.store.clone())
            .clock(self.clock.clone())
            .on_event(move |event| events.lock().unwrap().push(event))
            .open()
            .unwrap()
    }

    async fn logged_in(&self) -> Session {
        let session = self.session();
        session.login(&password()).await.unwrap();
        session
    }

    fn has_happened(&self, event: Event) -> bool {
        self.events.lock().unwrap().contains(&event)
    }
}

async fn text(session: &Session) -> String {
    session.token().await.unwrap().access_token().expose().to_owned()
}

// Security: D4.
#[tokio::test(start_paused = true)]
async fn a_token_that_cannot_be_stored_is_handed_out_loudly_and_stored_later() {
    let fixture = Fixture::new();
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.store.allow_swaps(1);
    assert_eq!(text(&session).await, "access-2");
    assert!(fixture.has_happened(Event::NotPersisted));
    fixture.store.recover();
    session.shutdown().await;
    assert_eq!(text(&fixture.session()).await, "access-2", "another process finds it");
    fixture.clock.advance(LIFETIME);
    assert_eq!(text(&fixture.session()).await, "access-3");
    assert_eq!((fixture.server.exchanges(), fixture.server.reuse()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_written_is_noticed_before_anything_is_spent() {
    let fixture = Fixture::new();
    let session = fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(950));
    fixture.store.allow_swaps(0);
    assert_eq!(text(&session).await, "access-1", "it still works");
    fixture.clock.advance(Duration::from_secs(100));
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(fixture.server.exchanges(), 1);
    fixture.store.recover();
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(text(&session).await, "access-2", "without a restart");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_store_costs_nobody_a_token_that_works() {
    let fixture = Fixture::new();
    let session = fixture.logged_in().await;
    fixture.store.0.unreachable.store(true, Ordering::SeqCst);
    fixture.clock.advance(Duration::from_secs(850));
    assert_eq!(text(&session).await, "access-1");
    session.shutdown().await;
    fixture.clock.advance(Duration::from_secs(100));
    assert_eq!(text(&session).await, "access-1");
    assert!(fixture.has_happened(Event::StaleServed));
    fixture.store.recover();
    fixture.clock.advance(Duration::from_secs(1));
    assert_eq!(text(&session).await, "access-2");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_acknowledgement_was_lost_counts_as_done() {
    let fixture = Fixture::new();
    let session = fixture.logged_in().await;
    fixture.store.0.loses_acknowledgements.store(true, Ordering::SeqCst);
    for number in 2..6 {
        fixture.clock.advance(LIFETIME);
        assert_eq!(text(&session).await, format!("access-{number}"));
    }
    assert_eq!((fixture.server.exchanges(), fixture.server.reuse()), (5, 0));
    assert!(!fixture.has_happened(Event::NotPersisted));
}

// Security: K4.
#[tokio::test(start_paused = true)]
async fn a_write_that_a_fail_over_lost_is_written_again_by_who_remembers_it() {
    let fixture = Fixture::new();
    let session = fixture.logged_in().await;
    fixture.store.remember(&session.key()).await;
    fixture.clock.advance(LIFETIME);
    assert_eq!(text(&session).await, "access-2");
    fixture.store.fail_over(&session.key()).await;
    fixture.clock.advance(LIFETIME);
    assert_eq!(text(&session).await, "access-3");
    assert!(fixture.has_happened(Event::Healed));
    assert_eq!(fixture.server.reuse(), 0, "the spent token was not sent again");
}

#[tokio::test(start_paused = true)]
async fn a_client_goes_on_without_a_store_that_lost_its_last_write_and_takes_no_other() {
    let fixture = Fixture::new();
    let session = Session::builder(fixture.server.clone())
        .grant(Grant::client_credentials())
        .store(fixture.store.clone())
        .clock(fixture.clock.clone())
        .open()
        .unwrap();
    assert_eq!(text(&session).await, "access-1");
    fixture.store.remember(&session.key()).await;
    fixture.clock.advance(LIFETIME);
    assert_eq!(text(&session).await, "access-2");
    fixture.store.fail_over(&session.key()).await;
    fixture.store.allow_swaps(0);
    fixture.clock.advance(LIFETIME);
    assert_eq!(text(&session).await, "access-3");
}

// Security: K3.
#[tokio::test(start_paused = true)]
async fn without_a_lock_sessions_take_turns_by_the_lease() {
    let fixture = Fixture::new();
    fixture.store.0.without_lock.store(true, Ordering::SeqCst);
    fixture.logged_in().await;
    for round in 2..8 {
        fixture.clock.advance(LIFETIME);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let session = fixture.session();
                tokio::spawn(async move { text(&session).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), format!("access-{round}"));
        }
    }
    assert_eq!((fixture.server.exchanges(), fixture.server.reuse()), (7, 0));
}

// Security: I6.
#[test]
fn a_lease_whose_holder_died_is_taken_over_after_it_was_seen_standing_still() {
    let fixture = Fixture::new();
    fixture.store.0.without_lock.store(true, Ordering::SeqCst);
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let doomed = runtime();
    doomed.block_on(async {
        let session = fixture.logged_in().await;
        fixture.clock.advance(LIFETIME);
        fixture.server.close();
        let waiting = tokio::spawn(async move { session.token().await.map(|_| ()) });
        while fixture.server.exchanges() < 2 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
    });
    // The runtime dies with the exchange under way: as far as the record can tell, the process does.
    drop(doomed);
    fixture.server.open();

    runtime().block_on(async {
        let session = fixture.session();
        let ask = async || {
            let session = session.clone();
            let waiting = tokio::spawn(async move { session.token().await });
            while !waiting.is_finished() {
                fixture.clock.advance(Duration::from_millis(100));
                tokio::time::advance(Duration::from_millis(100)).await;
            }
            waiting.await.unwrap()
        };
        // The dead holder's request may still be under way, and this server takes no refresh token twice.
        let error = ask().await.unwrap_err();
        let error = error.to_string();
        let holder = format!("(by process {} on ", std::process::id());
        assert!(error.contains(&holder) && error.contains("is sent again in"), "{error}");
        assert_eq!(fixture.server.exchanges(), 2);
        fixture.clock.advance(REFRESH_LIMIT);
        tokio::time::advance(REFRESH_LIMIT).await;
        assert_eq!(ask().await.unwrap().access_token().expose(), "access-2");
    });
    assert!(fixture.has_happened(Event::LeaseStolen) && fixture.has_happened(Event::Replayed));
}

/// While the store is out of reach a lease stands still for want of a store, and not of a holder.
// Security: K3.
#[tokio::test(start_paused = true)]
async fn a_lease_is_not_taken_from_a_holder_that_the_store_was_away_from() {
    let fixture = Fixture::new();
    fixture.store.0.without_lock.store(true, Ordering::SeqCst);
    let (holder, other) = (fixture.logged_in().await, fixture.session());
    let pass = async |seconds: u32| {
        for _ in 0..seconds * 10 {
            fixture.clock.advance(Duration::from_millis(100));
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    };
    fixture.clock.advance(LIFETIME);
    fixture.server.close();
    // The caller leaves at its deadline; the renewal goes on.
    let held = tokio::spawn(async move {
        let kind = holder.token().await.map_err(|error| error.kind());
        assert!(matches!(kind, Ok(_) | Err(ErrorKind::TimedOut)), "{kind:?}");
        holder
    });
    while fixture.server.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    let watching = tokio::spawn({
        let other = other.clone();
        async move { other.token().await }
    });
    pass(2).await;
    fixture.store.0.unreachable.store(true, Ordering::SeqCst);
    pass(9).await;
    assert_eq!(watching.await.unwrap().unwrap_err().kind(), ErrorKind::Storage);
    // The other one looks before the holder has made its next beat.
    fixture.store.recover();
    let waiting = tokio::spawn(async move { text(&other).await });
    pass(4).await;
    assert_eq!(fixture.server.exchanges(), 2, "the refresh token was sent a second time");
    fixture.server.open();
    pass(1).await;
    assert_eq!(text(&held.await.unwrap()).await, "access-2");
    assert_eq!(waiting.await.unwrap(), "access-2");
    assert!(!fixture.has_happened(Event::LeaseStolen));
}

/// A store that was frozen answers late, and then tells nothing of what its answer took.
// Security: K3.
#[tokio::test(start_paused = true)]
async fn a_lease_is_not_taken_after_an_answer_that_came_late() {
    let fixture = Fixture::new();
    fixture.store.0.without_lock.store(true, Ordering::SeqCst);
    let (holder, other) = (fixture.logged_in().await, fixture.session());
    fixture.clock.advance(LIFETIME);
    fixture.server.close();
    let held = tokio::spawn(async move { text(&holder).await });
    while fixture.server.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    let waiting = tokio::spawn(async move { text(&other).await });
    let polls = async || {
        for _ in 0..10 {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    };
    polls().await;
    // Nobody reads and nobody beats in between: this is what a store that answers nobody looks like.
    fixture.clock.advance(Duration::from_secs(8));
    polls().await;
    assert_eq!(fixture.server.exchanges(), 2, "the refresh token was sent a second time");
    fixture.server.open();
    assert_eq!(held.await.unwrap(), "access-2");
    assert_eq!(waiting.await.unwrap(), "access-2");
}
