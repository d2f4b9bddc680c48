//! Callers that leave, renewals that break off, and programs without a runtime.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{MemoryStore, Session};
use butlr_auth_core::{EndpointIdentity, Error, ErrorKind, Grant, ManualClock, TokenEndpoint, TokenResponse};

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

/// Polls at most so often, letting everybody else work in between, and then drops the future.
async fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for _ in 0..times {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

fn open(endpoint: impl TokenEndpoint + 'static, clock: &ManualClock) -> Session {
    Session::builder(endpoint).store(MemoryStore::new()).clock(clock.clone()).open().unwrap()
}

// Security: M1.
#[tokio::test]
async fn a_caller_that_leaves_at_any_point_of_a_renewal_changes_nothing() {
    for times in 1..40 {
        let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
        let session = open(server.clone(), &clock);
        session.login(&password()).await.unwrap();
        clock.advance(LIFETIME);
        let _ = poll_times(session.token(), times).await;
        session.shutdown().await;
        assert_eq!(session.token().await.unwrap().access_token().expose(), "access-2");
        assert_eq!((server.exchanges(), server.reuse()), (2, 0), "dropped after {times} polls");
    }
}

#[tokio::test]
async fn a_login_that_has_begun_is_finished_without_its_caller() {
    for times in 1..20 {
        let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
        let session = open(server.clone(), &clock);
        let _ = poll_times(session.login(&password()), times).await;
        session.shutdown().await;
        assert_eq!(session.token().await.unwrap().access_token().expose(), "access-1");
        assert_eq!(server.exchanges(), 1, "dropped after {times} polls");
    }
}

/// An endpoint whose first refreshes end in a panic.
#[derive(Clone, Debug)]
struct Breaking {
    server: Server,
    panics_left: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenEndpoint for Breaking {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let takes_one = |left: usize| left.checked_sub(1);
        let broken = matches!(grant, Grant::RefreshToken { .. })
            && self.panics_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, takes_one).is_ok();
        assert!(!broken, "this endpoint breaks");
        self.server.exchange(grant).await
    }

    fn identity(&self) -> &EndpointIdentity {
        self.server.identity()
    }
}

// Security: M2.
#[tokio::test]
async fn a_renewal_that_panics_is_one_typed_error_for_all_and_not_the_end() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let endpoint = Breaking { server: server.clone(), panics_left: Arc::new(AtomicUsize::new(1)) };
    let session = open(endpoint, &clock);
    session.login(&password()).await.unwrap();
    clock.advance(LIFETIME);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.token().await.unwrap_err().kind() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), ErrorKind::Busy);
    }
    // Nobody knows what became of the request.
    clock.advance(Duration::from_secs(2));
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::TimedOut);
    clock.advance(Duration::from_secs(30));
    assert_eq!(session.token().await.unwrap().access_token().expose(), "access-2");
    assert_eq!(server.exchanges(), 2);
}

// Security: M3.
#[test]
fn a_runtime_that_ends_takes_its_renewal_along_and_the_next_one_goes_on() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = open(server.clone(), &clock);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let first = runtime();
    first.block_on(async {
        session.login(&password()).await.unwrap();
        clock.advance(LIFETIME);
        // Started, and never polled.
        let _ = poll_times(session.token(), 1).await;
    });
    drop(first);
    clock.advance(Duration::from_secs(2));
    let token = runtime().block_on(session.token()).unwrap();
    assert!(token.access_token().expose().starts_with("access-"));
    assert_eq!(server.reuse(), 0);
}

#[test]
fn without_a_runtime_the_error_says_so_and_costs_the_next_caller_nothing() {
    let (server, clock) = (Server::new(LIFETIME), ManualClock::new());
    let session = open(server, &clock);
    let polled = pin!(session.token()).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let Poll::Ready(Err(error)) = polled else { unreachable!("there is nothing to wait for") };
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let error = runtime.block_on(session.token()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
}
