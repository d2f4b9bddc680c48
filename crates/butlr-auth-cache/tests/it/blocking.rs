//! Sessions without a runtime, and inside one, where waiting must neither panic nor hang.

use std::thread;
use std::time::Duration;

use butlr_auth_cache::{BlockingSession, RefreshPolicy, Session};
use butlr_auth_core::{ErrorKind, Grant, ManualClock};

use crate::server::{Fault, Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

fn builder(server: &Server, clock: &ManualClock) -> butlr_auth_cache::SessionBuilder {
    Session::builder(server.clone()).grant(Grant::client_credentials()).clock(clock.clone())
}

fn client(server: &Server, clock: &ManualClock) -> BlockingSession {
    builder(server, clock).open().unwrap().blocking()
}

fn text(session: &BlockingSession) -> String {
    session.token().unwrap().access_token().expose().to_owned()
}

/// Asks until there is a token: renewals are under way on another thread.
fn poll(session: &BlockingSession, wanted: &str) {
    let has_it = || session.try_token().is_some_and(|token| token.access_token().expose() == wanted);
    while !has_it() {
        thread::yield_now();
    }
}

#[test]
fn a_program_without_a_runtime_gets_one_token_for_all_its_threads() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = client(&server, &clock);
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(text(&session), "access-1"));
        }
    });
    clock.advance(LIFETIME);
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| assert_eq!(text(&session), "access-2"));
        }
    });
    assert_eq!(server.exchanges(), 2);
}

#[test]
fn a_whole_life_needs_no_runtime() {
    let server = Server::new(LIFETIME);
    let session = Session::builder(server.clone()).open().unwrap().blocking();
    assert_eq!(session.token().unwrap_err().kind(), ErrorKind::LoginRequired);
    let token = session.login(&password()).unwrap();
    assert_eq!(session.token().unwrap().fingerprint(), token.fingerprint());
    assert!(session.status().unwrap().renewable);
    assert_ne!(session.renew().unwrap().fingerprint(), token.fingerprint());
    assert_ne!(session.token_outliving(LIFETIME * 2).unwrap().fingerprint(), token.fingerprint());
    assert!(session.logout().unwrap().was_logged_in);
    assert_eq!(session.token().unwrap_err().kind(), ErrorKind::LoginRequired);
    session.shutdown().unwrap();
}

#[test]
fn whoever_cannot_wait_asks_again_later() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = client(&server, &clock);
    server.close();
    assert!(session.try_token().is_none());
    // A renewal is under way, and the next question does not start a second one.
    while server.exchanges() == 0 {
        thread::yield_now();
    }
    assert!(session.try_token().is_none());
    server.open();
    poll(&session, "access-1");

    // Stale: handed out at once, and renewed meanwhile.
    clock.advance(Duration::from_secs(850));
    assert_eq!(session.try_token().unwrap().access_token().expose(), "access-1");
    poll(&session, "access-2");
    assert_eq!(server.exchanges(), 2);
}

#[test]
fn whoever_cannot_wait_does_not_storm_a_server_that_fails() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    server.fail_next([Fault::Status(503)]);
    let session = client(&server, &clock);
    assert!(session.try_token().is_none());
    session.shutdown().unwrap();
    for _ in 0..100 {
        assert!(session.try_token().is_none());
    }
    session.shutdown().unwrap();
    assert_eq!(server.exchanges(), 1);
    assert_eq!(session.token().unwrap_err().kind(), ErrorKind::ServerFailed);
    clock.advance(Duration::from_secs(60));
    assert_eq!(text(&session), "access-1");
}

#[test]
fn a_deadline_of_the_callers_own_changes_nothing_for_the_renewal() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = client(&server, &clock);
    server.close();
    let error = session.token_within(Duration::from_millis(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    server.open();
    poll(&session, "access-1");
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test]
async fn inside_a_runtime_of_one_thread_it_neither_panics_nor_hangs() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = client(&server, &clock);
    // Async code of the same session begins a renewal that this thread would have to run.
    assert!(session.session().try_token().is_none());
    assert_eq!(text(&session), "access-1");
    session.reject(&session.token().unwrap().fingerprint());
    session.shutdown().unwrap();
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn inside_a_runtime_of_several_threads_it_neither_panics_nor_hangs() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = client(&server, &clock);
    let task = session.clone();
    tokio::spawn(async move { assert_eq!(text(&task), "access-1") }).await.unwrap();
    tokio::task::spawn_blocking(move || assert_eq!(text(&session), "access-1")).await.unwrap();
    assert_eq!(server.exchanges(), 1);
}

#[tokio::test]
async fn a_renewal_that_this_very_thread_would_have_to_run_is_not_waited_for_in_vain() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let mut policy = RefreshPolicy::default();
    policy.chain = Duration::from_millis(50);
    let session = builder(&server, &clock).policy(policy).open().unwrap();
    // Begun before anybody said that it would be used blocking.
    assert!(session.try_token().is_none());
    let blocking = session.blocking();
    assert_eq!(blocking.token().unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(session.token().await.unwrap().access_token().expose(), "access-1");
    assert_eq!(text(&blocking), "access-1");
    assert_eq!(server.exchanges(), 1);
}
