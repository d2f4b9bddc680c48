//! Tokens for which nobody says how long they live.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{MemoryStore, Session};
use butlr_auth_core::{
    AccessToken, ClientId, Clock as _, Dialect, End, EndpointIdentity, Error, ErrorKind, Grant, ManualClock,
    Provider, RefreshToken, TokenEndpoint, TokenResponse,
};

use crate::server::password;

const DECADE: Duration = Duration::from_secs(10 * 365 * 86_400);

/// A server that says nothing of lifetimes, or that they are negative.
#[derive(Clone, Debug)]
struct Silent {
    identity: EndpointIdentity,
    refreshes: bool,
    negative: bool,
    exchanges: Arc<AtomicUsize>,
}

impl Silent {
    fn new(assumed: Option<Duration>) -> Self {
        let url = "https://as.example.com/token".parse().unwrap();
        let mut provider = Provider::new("silent", url, Dialect::form());
        if let Some(assumed) = assumed {
            provider = provider.with_assumed_lifetime(assumed);
        }
        let identity = EndpointIdentity::new(&provider, ClientId::new("cli"));
        Self { identity, refreshes: false, negative: false, exchanges: Arc::default() }
    }

    fn exchanges(&self) -> usize {
        self.exchanges.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenEndpoint for Silent {
    async fn exchange(&self, _: &Grant) -> Result<TokenResponse, Error> {
        let number = self.exchanges.fetch_add(1, Ordering::SeqCst);
        let token = if self.negative { "always".to_owned() } else { format!("at-{number}") };
        let mut response = TokenResponse::new(AccessToken::new(token)?);
        response.expires_in_negative = self.negative;
        if self.refreshes {
            response.refresh_token = Some(RefreshToken::new(format!("rt-{number}"))?);
        }
        Ok(response)
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

fn session(server: &Silent, store: &MemoryStore, clock: &ManualClock) -> Session {
    Session::builder(server.clone()).store(store.clone()).clock(clock.clone()).open().unwrap()
}

// Security: C3.
#[tokio::test]
async fn a_token_that_nothing_renews_and_nobody_ends_is_handed_out_until_it_is_refused() {
    let (server, store, clock) = (Silent::new(None), MemoryStore::new(), ManualClock::new());
    let (here, there) = (session(&server, &store, &clock), session(&server, &store, &clock));
    here.login(&password()).await.unwrap();
    clock.advance(DECADE);
    clock.reboot();
    let token = there.token().await.unwrap();
    assert_eq!((token.validity().end, token.remaining(clock.boot())), (End::Unknown, None));
    assert_eq!(token.validity().expires_at(&clock.now()), None);
    assert!(there.token_outliving(DECADE).await.is_ok());

    here.token().await.unwrap();
    here.reject(&token.fingerprint());
    here.shutdown().await;
    // In every process, the one that has it in memory at its next look.
    let another = session(&server, &store, &clock);
    let _ = there.status().await.unwrap();
    for session in [&here, &there, &another] {
        let error = session.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoginRequired, "{error}");
        assert!(error.to_string().contains("was refused"), "{error}");
    }
    assert_eq!(server.exchanges(), 1);
    another.login(&password()).await.unwrap();
    assert!(another.token().await.is_ok());
}

#[tokio::test]
async fn one_that_renews_itself_is_renewed_after_the_assumed_lifetime() {
    for (assumed, after) in [(None, 600), (Some(Duration::from_secs(60)), 60)] {
        let server = Silent { refreshes: true, ..Silent::new(assumed) };
        let (store, clock) = (MemoryStore::new(), ManualClock::new());
        let session = session(&server, &store, &clock);
        let first = session.login(&password()).await.unwrap();
        let end = clock.boot() + Duration::from_secs(after);
        assert_eq!(first.validity().end, End::Assumed(end));
        assert_eq!(first.validity().expires_at(&clock.now()), None);
        clock.advance(Duration::from_secs(after));
        assert_ne!(session.token().await.unwrap().fingerprint(), first.fingerprint());
        assert_eq!(server.exchanges(), 2);
        // A renewal that brings no refresh token leaves the old one in force, and the session renews itself still.
    }
}

#[tokio::test]
async fn one_that_nothing_renews_ends_by_the_assumption_which_the_error_names() {
    let server = Silent::new(Some(Duration::from_secs(60)));
    let (store, clock) = (MemoryStore::new(), ManualClock::new());
    let session = session(&server, &store, &clock);
    session.login(&password()).await.unwrap();
    clock.advance(Duration::from_secs(59));
    session.token().await.unwrap();
    clock.advance(Duration::from_secs(1));
    let error = session.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    assert!(error.to_string().contains("`assumed_lifetime`"), "{error}");
}

#[tokio::test]
async fn a_negative_lifetime_is_assumed_and_not_unknown() {
    let server = Silent { negative: true, ..Silent::new(None) };
    let (store, clock) = (MemoryStore::new(), ManualClock::new());
    let token = session(&server, &store, &clock).login(&password()).await.unwrap();
    assert_eq!(token.validity().end, End::Assumed(clock.boot() + Duration::from_secs(600)));
}

#[tokio::test]
async fn a_negative_lifetime_beside_the_token_that_was_there_means_that_it_is_over() {
    let server = Silent { refreshes: true, negative: true, ..Silent::new(None) };
    let (store, clock) = (MemoryStore::new(), ManualClock::new());
    let session = session(&server, &store, &clock);
    let first = session.login(&password()).await.unwrap();
    clock.advance(Duration::from_secs(600));
    let again = session.token().await.unwrap();
    assert_eq!(again.fingerprint(), first.fingerprint());
    assert!(again.is_over(clock.boot()), "{again:?}");
    assert_eq!(server.exchanges(), 2);
}

// Security: L2.
#[tokio::test]
async fn what_is_told_as_the_end_is_now_and_what_remains_after_the_clock_was_put_right() {
    let (server, store, clock) = (crate::server::Server::new(DECADE), MemoryStore::new(), ManualClock::new());
    let right = clock.now().wall;
    clock.set_wall(right + DECADE);
    let session = Session::builder(server).store(store.clone()).clock(clock.clone()).open().unwrap();
    let token = session.login(&password()).await.unwrap();
    clock.set_wall(right);
    assert_eq!(token.validity().expires_at(&clock.now()), Some(right + DECADE));
}
