//! One request for everybody, counted by the server.

use std::time::Duration;

use butlr_auth::core::ManualClock;
use butlr_auth::{Dialect, ErrorKind, Grant, Session};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::{endpoint, generic, password};

const TASKS: usize = 1000;

/// A logged-in session whose token has just expired, by its own clock.
async fn expired(server: &AuthorizationServer) -> Session {
    let clock = ManualClock::new();
    let session = Session::builder(endpoint(server, generic(server, Dialect::form())))
        .clock(clock.clone())
        .open()
        .unwrap();
    session.login(&password(server)).await.unwrap();
    clock.advance(Duration::from_secs(100_000));
    session
}

async fn ask<T: Send + 'static>(
    session: &Session,
    judge: impl Fn(Result<butlr_auth::Token, butlr_auth::Error>) -> T + Clone + Send + Sync + 'static,
) -> Vec<T> {
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (session, judge) = (session.clone(), judge.clone());
            tokio::spawn(async move { judge(session.token().await) })
        })
        .collect();
    let mut results = Vec::with_capacity(TASKS);
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

// Security: D2.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_on_an_expired_token_cost_one_request() {
    let server = AuthorizationServer::start().await.unwrap();
    let session = expired(&server).await;
    server.inject(Fault::delay(Duration::from_millis(50)).on(Endpoint::Token));
    let fingerprints = ask(&session, |result| result.unwrap().fingerprint()).await;
    assert!(fingerprints.iter().all(|fingerprint| fingerprint == &fingerprints[0]));
    assert_eq!(server.journal().token_requests(), 2, "one for the login, one for everybody");
    assert!(server.journal().judge().is_clean());
}

// Security: D8.
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_tasks_share_one_typed_failure() {
    let server = AuthorizationServer::start().await.unwrap();
    let session = expired(&server).await;
    server.inject(Fault::status(503).delayed(Duration::from_millis(50)).on(Endpoint::Token));
    let kinds = ask(&session, |result| result.unwrap_err().kind()).await;
    assert!(kinds.iter().all(|kind| *kind == ErrorKind::ServerFailed));
    assert_eq!(server.journal().token_requests(), 2);
}

// Security: M1.
#[tokio::test]
async fn a_caller_that_gives_up_costs_no_second_request() {
    let server = AuthorizationServer::start().await.unwrap();
    let session = expired(&server).await;
    server.inject(Fault::delay(Duration::from_millis(50)).on(Endpoint::Token));
    assert!(tokio::time::timeout(Duration::from_millis(20), session.token()).await.is_err());
    session.token().await.unwrap();
    assert_eq!(server.journal().token_requests(), 2);
    assert!(server.journal().judge().is_clean());
}

#[tokio::test]
async fn the_first_callers_of_a_client_share_one_request() {
    let server = AuthorizationServer::start().await.unwrap();
    let session = Session::builder(endpoint(&server, generic(&server, Dialect::json())))
        .grant(Grant::client_credentials())
        .open()
        .unwrap();
    let fingerprints = ask(&session, |result| result.unwrap().fingerprint()).await;
    assert!(fingerprints.iter().all(|fingerprint| fingerprint == &fingerprints[0]));
    assert_eq!(server.journal().token_requests(), 1);
}
