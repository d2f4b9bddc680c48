//! Calls that are dropped at any point, and answers that come late: nobody ever gets what was meant for another.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use butlr_auth_cache::{Entry, Id, RedisStore, SessionKey, TokenStore as _};
use butlr_auth_core::ErrorKind;
use butlr_auth_testkit::servers::{RedisServer, or_skip};

use super::{statistic, store};
use crate::store_network::{Proxy, SHORT, key};

const SESSIONS: usize = 40;
const TASKS: usize = 8;
const CANCELLATIONS: usize = 10_000;

fn key_of(session: usize) -> SessionKey {
    let mut key = key();
    key.name = session.to_string();
    key
}

/// A document that says whose it is.
fn entry_of(session: usize) -> Entry {
    Entry::new(Id::random(), format!("{{\"of\":{session}}}"))
}

async fn fill(store: &RedisStore) {
    for session in 0..SESSIONS {
        let written = store.compare_and_swap(&key_of(session), None, &entry_of(session)).await;
        assert_eq!(written.unwrap(), butlr_auth_cache::Swap::Swapped);
    }
}

async fn check_own(store: &RedisStore, session: usize) -> Id {
    let entry = store.load(&key_of(session)).await.unwrap().unwrap();
    assert_eq!(entry.record(), format!("{{\"of\":{session}}}"));
    entry.write_id()
}

/// How many connections the server has seen, with the one that asks.
async fn connections(server: &RedisServer) -> u64 {
    statistic(server, "total_connections_received").await
}

/// Polls a call a few times, waits a little, and drops it, whatever it has come to.
async fn drop_at_some_point<T>(call: impl Future<Output = T>) {
    let mut call = pin!(call);
    let mut polls = fastrand::usize(0..5);
    let at_once = fastrand::bool();
    poll_fn(|context| {
        while polls > 0 {
            polls -= 1;
            if call.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if !at_once {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    })
    .await;
    for _ in 0..fastrand::usize(0..4) {
        tokio::task::yield_now().await;
    }
}

// Security: K2.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_calls_dropped_on_one_connection_mix_up_no_answers() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let store = store(&server);
    fill(&store).await;
    let before = connections(&server).await;
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..CANCELLATIONS / TASKS {
                    let (victim, witness) = (fastrand::usize(..SESSIONS), fastrand::usize(..SESSIONS));
                    if fastrand::bool() {
                        drop_at_some_point(store.load(&key_of(victim))).await;
                    } else {
                        let expected = check_own(&store, victim).await;
                        let (key, entry) = (key_of(victim), entry_of(victim));
                        drop_at_some_point(store.compare_and_swap(&key, Some(expected), &entry)).await;
                    }
                    check_own(&store, witness).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for session in 0..SESSIONS {
        check_own(&store, session).await;
    }
    assert_eq!(connections(&server).await, before + 1, "it was not one connection");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_nobodys() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    fill(&store(&server)).await;
    let proxy = Proxy::start(server.address()).await;
    let store = RedisStore::builder(&format!("redis://{}", proxy.address())).timeout(SHORT).build().unwrap();
    check_own(&store, 0).await;
    for session in 1..10 {
        proxy.hold_answers();
        assert_eq!(store.load(&key_of(session)).await.unwrap_err().kind(), ErrorKind::StoreUnreachable);
        // The answer to the call before is under way now, and this one asks for another key.
        proxy.let_answers_go();
        check_own(&store, session + 1).await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_the_next_call_connects_again() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    fill(&store(&server)).await;
    let proxy = Proxy::start(server.address()).await;
    let store = RedisStore::open(&format!("redis://{}", proxy.address())).unwrap();
    let mut broken = 0;
    for bytes in (0..400).step_by(7) {
        proxy.cut_after(bytes);
        let session = bytes % SESSIONS;
        match tokio::time::timeout(Duration::from_secs(5), store.load(&key_of(session))).await.unwrap() {
            Ok(entry) => assert_eq!(entry.unwrap().record(), format!("{{\"of\":{session}}}")),
            Err(error) => {
                broken += 1;
                assert_eq!(error.kind(), ErrorKind::StoreUnreachable, "{error}");
            }
        }
        proxy.cut_after(usize::MAX);
        check_own(&store, session).await;
    }
    assert!(broken > 30, "only {broken} answers broke off");
}
