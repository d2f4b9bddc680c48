//! What the metrics facade is told over a session's whole life: enough to see trouble, and no secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{
    Entry, FileStore, Hold, Id, MemoryStore, Promises, Session, SessionKey, Sessions, Swap, TokenStore,
    metrics as names,
};
use butlr_auth_core::{Error, Grant, ManualClock};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};

use crate::server::{Fault, Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

/// Counts how often a lease was found with somebody else.
#[derive(Debug)]
struct Watched {
    store: FileStore,
    busy: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenStore for Watched {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.store.load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        self.store.compare_and_swap(key, expected, entry).await
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let hold = self.store.hold(key).await?;
        self.busy.fetch_add(usize::from(matches!(hold, Hold::Busy)), Ordering::Relaxed);
        Ok(hold)
    }

    fn promises(&self) -> Promises {
        self.store.promises()
    }
}

/// Runs `life` with a recorder of its own and returns what that was told, which is no secret: name, labels, value or
/// number of values.
fn told(life: impl Future<Output = ()>) -> Vec<(String, String, String)> {
    let recorder = DebuggingRecorder::new();
    let snapshotter: Snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        names::describe();
        runtime.block_on(life);
    });
    let mut told: Vec<_> = (snapshotter.snapshot().into_vec().into_iter())
        .map(|(key, unit, description, value)| {
            let (_, key) = key.into_parts();
            assert!(unit.is_some() && description.is_some(), "{} is not described", key.name());
            let labels: Vec<_> =
                key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(value) => value.to_string(),
                DebugValue::Histogram(values) => {
                    values.iter().map(|value| format!("{value:.0}")).collect::<Vec<_>>().join(" ")
                }
            };
            (key.name().to_owned(), labels.join(","), value)
        })
        .collect();
    told.sort();
    let text = shown(&told);
    for canary in ["canary", "access-", "refresh-", "alice"] {
        assert!(!text.contains(canary), "{canary} is in\n{text}");
    }
    told
}

fn shown(told: &[(String, String, String)]) -> String {
    told.iter().map(|(name, labels, value)| format!("{name}{{{labels}}} {value}\n")).collect()
}

// Security: H2.
#[test]
fn a_whole_life_is_told_without_a_secret() {
    let told = told(async {
        let (server, clock, store) = (Server::new(LIFETIME), ManualClock::new(), MemoryStore::new());
        let open = || {
            let builder = Session::builder(server.clone()).store(store.clone()).clock(clock.clone());
            builder.name("canary-session").open().unwrap()
        };
        let session = open();
        session.login(&password()).await.unwrap();
        // Renewed with 150 s left.
        clock.advance(Duration::from_secs(850));
        session.token().await.unwrap();
        session.shutdown().await;
        // A failed renewal, then one that had to be waited for.
        clock.advance(LIFETIME);
        server.fail_next([Fault::Status(503)]);
        session.token().await.unwrap_err();
        clock.advance(Duration::from_secs(60));
        session.token().await.unwrap();
        // A resource server refuses the token.
        clock.advance(Duration::from_secs(10));
        session.reject(&session.token().await.unwrap().fingerprint());
        session.token().await.unwrap();
        // The server ends the family.
        server.revoke_all();
        clock.advance(LIFETIME);
        session.token().await.unwrap_err();
        session.logout().await.unwrap();
    });
    insta::assert_snapshot!(shown(&told));
}

#[test]
fn waits_for_leave_to_exchange_are_told() {
    let told = told(async {
        let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
        let sessions = Sessions::builder(server.clone())
            .grant(Grant::client_credentials())
            .clock(clock.clone())
            .max_exchanges(1)
            .open()
            .unwrap();
        server.close();
        let tasks: Vec<_> = ["a", "b", "c"]
            .map(|name| {
                let sessions = sessions.clone();
                tokio::spawn(async move { sessions.token(name).await.map(drop) })
            })
            .into();
        while server.exchanges() == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(3));
        server.open();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    let (_, labels, values) = told.iter().find(|(name, ..)| name == names::QUEUE_DURATION).unwrap();
    assert_eq!((labels.as_str(), values.as_str()), ("provider=butlr", "3 3"));
}

#[test]
fn waits_for_another_process_are_told() {
    let told = told(async {
        let folder = tempfile::tempdir().unwrap();
        let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
        let busy = Arc::<AtomicUsize>::default();
        let open = || {
            let store = FileStore::open(folder.path().join("sessions")).unwrap();
            let store = Watched { store, busy: Arc::clone(&busy) };
            Session::builder(server.clone()).store(store).clock(clock.clone()).open().unwrap()
        };
        let (here, there) = (open(), open());
        here.login(&password()).await.unwrap();
        clock.advance(LIFETIME);
        server.close();
        let renewing = tokio::spawn(async move { there.token().await.map(drop) });
        while server.exchanges() < 2 {
            tokio::task::yield_now().await;
        }
        let waiting = tokio::spawn(async move { here.token().await.map(drop) });
        while busy.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(2));
        server.open();
        renewing.await.unwrap().unwrap();
        waiting.await.unwrap().unwrap();
        assert_eq!(server.exchanges(), 2);
    });
    let (_, labels, values) = told.iter().find(|(name, ..)| name == names::LEASE_WAIT_DURATION).unwrap();
    assert_eq!((labels.as_str(), values.as_str()), ("provider=butlr", "2"));
}
