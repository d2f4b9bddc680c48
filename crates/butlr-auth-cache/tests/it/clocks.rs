//! Suspended machines, clocks that people set, restarts and skewed hosts: no expired token, no loop, no panic.

use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{MemoryStore, Session};
use butlr_auth_core::{
    Clock as _, End, EndpointIdentity, Error, Grant, GrantType, ManualClock, Revocation, TokenEndpoint,
    TokenResponse,
};

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);
const DAY: Duration = Duration::from_secs(86_400);
const DECADE: Duration = Duration::from_secs(10 * 365 * 86_400);

struct Fixture {
    server: Server,
    store: MemoryStore,
    clock: ManualClock,
}

impl Fixture {
    async fn new() -> Self {
        let fixture =
            Self { server: Server::new(LIFETIME), store: MemoryStore::new(), clock: ManualClock::new() };
        fixture.process(&fixture.clock).login(&password()).await.unwrap();
        fixture
    }

    fn process(&self, clock: &ManualClock) -> Session {
        Session::builder(self.server.clone()).store(self.store.clone()).clock(clock.clone()).open().unwrap()
    }

    /// A hundred gets by a new process bring this token, and the server has been asked this often in all.
    async fn check(&self, clock: &ManualClock, token: &str, exchanges: usize) {
        self.check_session(&self.process(clock), token, exchanges).await;
    }

    async fn check_session(&self, session: &Session, token: &str, exchanges: usize) {
        for _ in 0..100 {
            assert_eq!(session.token().await.unwrap().access_token().expose(), token);
        }
        session.shutdown().await;
        assert_eq!(self.server.exchanges(), exchanges);
    }
}

/// Thirty seconds go by between the question and the answer.
#[derive(Debug)]
struct Slow(Server, ManualClock);

#[async_trait]
impl TokenEndpoint for Slow {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        self.1.advance(Duration::from_secs(30));
        self.0.exchange(grant).await
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        self.0.revoke(token).await
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        self.0.supports(grant_type)
    }

    fn identity(&self) -> &EndpointIdentity {
        self.0.identity()
    }
}

// Security: L4.
#[tokio::test]
async fn a_lifetime_counts_from_the_request() {
    let clock = ManualClock::new();
    let slow = Slow(Server::new(LIFETIME), clock.clone());
    let session = Session::builder(slow).store(MemoryStore::new()).clock(clock.clone()).open().unwrap();
    let began = clock.boot();
    let logged_in = session.login(&password()).await.unwrap();
    assert_eq!(logged_in.validity().end, End::At(began + LIFETIME));
    let began = clock.boot();
    let renewed = session.renew().await.unwrap();
    assert_eq!(renewed.validity().end, End::At(began + LIFETIME));
}

// Security: L1.
#[tokio::test]
async fn a_token_ages_while_the_machine_is_suspended() {
    let fixture = Fixture::new().await;
    let session = fixture.process(&fixture.clock);
    fixture.check_session(&session, "access-1", 1).await;
    fixture.clock.advance(Duration::from_secs(7200));
    fixture.check_session(&session, "access-2", 2).await;
}

// Security: L2.
#[tokio::test]
async fn a_wall_clock_that_is_set_changes_nothing_within_a_boot() {
    let fixture = Fixture::new().await;
    let session = fixture.process(&fixture.clock);
    let wall = fixture.clock.now().wall;
    for set in [wall - DAY, wall + DECADE, std::time::UNIX_EPOCH, wall] {
        fixture.clock.set_wall(set);
        fixture.check_session(&session, "access-1", 1).await;
        fixture.check(&fixture.clock, "access-1", 1).await;
    }
}

#[tokio::test]
async fn after_a_restart_wall_time_decides() {
    let fixture = Fixture::new().await;
    fixture.clock.advance(Duration::from_secs(100));
    fixture.clock.reboot();
    fixture.check(&fixture.clock, "access-1", 1).await;
    fixture.clock.advance(Duration::from_secs(850));
    fixture.check(&fixture.clock, "access-2", 2).await;
}

// Security: L3.
#[tokio::test]
async fn a_wall_clock_set_across_a_restart_costs_one_renewal_each_way() {
    for leap in [DAY, DECADE] {
        let fixture = Fixture::new().await;
        let wall = fixture.clock.now().wall;
        fixture.clock.reboot();
        fixture.clock.set_wall(wall - leap);
        fixture.check(&fixture.clock, "access-2", 2).await;
        fixture.clock.reboot();
        fixture.clock.set_wall(wall + leap);
        fixture.check(&fixture.clock, "access-3", 3).await;
        fixture.clock.reboot();
        fixture.clock.set_wall(wall);
        fixture.check(&fixture.clock, "access-4", 4).await;
    }
}

// Security: L5.
#[tokio::test]
async fn a_host_that_is_a_minute_off_shares_the_token() {
    let fixture = Fixture::new().await;
    let minute = Duration::from_secs(60);
    let (ahead, behind) = (
        fixture.clock.other_host("ahead", minute, Duration::ZERO),
        fixture.clock.other_host("behind", Duration::ZERO, minute),
    );
    fixture.check(&ahead, "access-1", 1).await;
    fixture.check(&behind, "access-1", 1).await;
    let far_behind = fixture.clock.other_host("far", Duration::ZERO, 2 * minute);
    fixture.check(&far_behind, "access-2", 2).await;
}

/// A token's life counts from when it is first seen here: by the wall clock of the host that is ahead it would look
/// younger at the next look than at the first.
#[tokio::test]
async fn a_host_that_is_behind_renews_a_token_that_has_come_of_age_for_it() {
    let behind = Duration::from_secs(50);
    let fixture = Fixture { server: Server::new(2 * behind), ..Fixture::new().await };
    let (here, there) = (fixture.clock.clone(), fixture.clock.other_host("behind", Duration::ZERO, behind));
    fixture.process(&here).login(&password()).await.unwrap();
    let session = fixture.process(&there);
    fixture.check_session(&session, "access-1", 1).await;
    there.advance(Duration::from_secs(91));
    timeout(fixture.check_session(&session, "access-2", 2)).await;
}

#[tokio::test]
async fn a_token_from_too_far_ahead_is_renewed_when_the_clocks_agree_better_too() {
    let fixture = Fixture::new().await;
    let ahead = fixture.clock.other_host("ahead", Duration::from_secs(90), Duration::ZERO);
    let session = fixture.process(&fixture.clock);
    fixture.check_session(&session, "access-1", 1).await;
    fixture.process(&ahead).renew().await.unwrap();
    session.status().await.unwrap();
    fixture.clock.advance(Duration::from_secs(45));
    timeout(fixture.check_session(&session, "access-3", 3)).await;
}

// Security: L4.
#[tokio::test]
async fn a_lifetime_counts_from_the_request_and_not_from_the_answer() {
    let fixture = Fixture::new().await;
    let session = fixture.process(&fixture.clock);
    fixture.server.close();
    let renewed = tokio::spawn({
        let session = session.clone();
        async move { session.renew().await.unwrap() }
    });
    while fixture.server.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    fixture.clock.advance(Duration::from_secs(100));
    fixture.server.open();
    let token = renewed.await.unwrap();
    assert_eq!(token.remaining(fixture.clock.boot()), Some(LIFETIME - Duration::from_secs(100)));
}

#[tokio::test]
async fn an_answer_that_took_longer_than_its_token_lives_is_not_for_who_asked_later() {
    let fixture = Fixture::new().await;
    let session = fixture.process(&fixture.clock);
    fixture.server.close();
    let ask = || {
        let session = session.clone();
        tokio::spawn(async move { session.token().await.unwrap() })
    };
    fixture.clock.advance(LIFETIME);
    let first = ask();
    while fixture.server.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    fixture.clock.advance(LIFETIME + Duration::from_secs(1));
    let later = ask();
    // Until it waits for the same renewal.
    tokio::task::yield_now().await;
    fixture.server.open();
    timeout(async {
        assert_eq!(first.await.unwrap().access_token().expose(), "access-2", "there is no better one for it");
        let later = later.await.unwrap();
        assert_eq!(later.access_token().expose(), "access-3");
        assert!(!later.is_over(fixture.clock.boot()));
    })
    .await;
    assert_eq!(fixture.server.exchanges(), 3);
}

/// Fails where a session turns round and round.
async fn timeout(work: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(20), work).await.unwrap();
}
