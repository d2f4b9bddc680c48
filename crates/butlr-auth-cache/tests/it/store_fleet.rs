//! Sessions over a store across a network, while its server freezes, dies and comes back, and on hosts whose clocks
//! disagree. Each test is the same for every such store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use butlr_auth_cache::{Event, Session, TokenStore};
use butlr_auth_core::{
    Clock as _, EndpointIdentity, Error, ErrorKind, Grant, ManualClock, Revocation, TokenEndpoint,
    TokenResponse,
};
use butlr_auth_testkit::servers::{PostgresServer, RedisServer};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);
const SECOND: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(5);

/// What can be done to a real server.
pub(crate) trait Outage {
    fn pause(&mut self);
    fn resume(&mut self);
    fn kill(&mut self);
    fn restart(&mut self);
}

macro_rules! outage {
    ($($server:ident),*) => {$(
        impl Outage for $server {
            fn pause(&mut self) {
                $server::pause(self).unwrap();
            }

            fn resume(&mut self) {
                $server::resume(self).unwrap();
            }

            fn kill(&mut self) {
                $server::kill(self).unwrap();
            }

            fn restart(&mut self) {
                $server::restart(self).unwrap();
            }
        }
    )*};
}

outage!(PostgresServer, RedisServer);

struct Fleet {
    server: Server,
    clock: ManualClock,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Fleet {
    fn new() -> Self {
        Self { server: Server::new(LIFETIME), clock: ManualClock::new(), events: Arc::default() }
    }

    fn session(&self, store: impl TokenStore + 'static) -> Session {
        let events = Arc::clone(&self.events);
        let builder = Session::builder(self.server.clone()).store(store).clock(self.clock.clone());
        builder.on_event(move |event| events.lock().unwrap().push(event)).open().unwrap()
    }

    fn has_happened(&self, event: Event) -> bool {
        self.events.lock().unwrap().contains(&event)
    }

    /// Gets until this token comes, while time passes as it does for a back-off.
    async fn recovers(&self, session: &Session, token: &str) {
        let mut left = 300;
        while text(session).await != token {
            assert!(left > 0, "{token} never came");
            left -= 1;
            self.clock.advance(SECOND);
            session.shutdown().await;
        }
    }

    /// Another process finds this token, and is through with its look before the clock goes on.
    async fn check_found_by_others(&self, store: impl TokenStore + 'static, token: &str) {
        let other = self.session(store);
        assert_eq!(text(&other).await, token);
        other.shutdown().await;
    }

    fn check_spent_once(&self, exchanges: usize) {
        assert_eq!((self.server.exchanges(), self.server.reuse()), (exchanges, 0));
    }
}

/// Gets, and leaves nothing under way: a leap of the clock would be a pause of that renewal.
async fn get_and_finish(session: Session) -> String {
    let token = text(&session).await;
    session.shutdown().await;
    token
}

async fn text(session: &Session) -> String {
    session.token().await.unwrap().access_token().expose().to_owned()
}

/// The store's server freezes for ten seconds in which the token becomes due.
pub(crate) async fn serves_through_a_pause<S: TokenStore + 'static>(
    server: &mut impl Outage,
    open: impl Fn() -> S,
) {
    let fleet = Fleet::new();
    let session = fleet.session(open());
    session.login(&password()).await.unwrap();
    fleet.clock.advance(Duration::from_secs(850));
    server.pause();
    for _ in 0..100 {
        let served = timeout(Duration::from_millis(500), text(&session)).await;
        assert_eq!(served.unwrap(), "access-1", "a get waits for the store");
        // Sleeps because the server is to be frozen for ten seconds, store deadlines and back-off included.
        sleep(Duration::from_millis(100)).await;
        fleet.clock.advance(Duration::from_millis(100));
    }
    fleet.clock.advance(Duration::from_secs(60));
    assert_eq!(text(&session).await, "access-1", "due, and still good");
    assert!(fleet.has_happened(Event::StaleServed));
    fleet.check_spent_once(1);
    server.resume();
    fleet.recovers(&session, "access-2").await;
    session.shutdown().await;
    fleet.check_found_by_others(open(), "access-2").await;
    fleet.check_spent_once(2);
}

/// The store's server freezes, and the token expires meanwhile.
pub(crate) async fn fails_typed_when_nothing_is_left<S: TokenStore + 'static>(
    server: &mut impl Outage,
    open: impl Fn() -> S,
) {
    let fleet = Fleet::new();
    let session = fleet.session(open());
    session.login(&password()).await.unwrap();
    fleet.clock.advance(LIFETIME);
    server.pause();
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::StoreUnreachable);
    fleet.check_spent_once(1);
    server.resume();
    fleet.clock.advance(Duration::from_secs(70));
    fleet.recovers(&session, "access-2").await;
    fleet.check_spent_once(2);
}

/// The store's server is killed while the authorization server answers: the new refresh token comes to a store that
/// is gone, and is kept until it is back.
pub(crate) async fn survives_a_death_in_mid_refresh<S: TokenStore + 'static>(
    server: &mut impl Outage,
    open: impl Fn() -> S,
) {
    let fleet = Fleet::new();
    let session = fleet.session(open());
    session.login(&password()).await.unwrap();
    for round in 2..5 {
        fleet.clock.advance(LIFETIME);
        fleet.server.close();
        let waiting = tokio::spawn({
            let session = session.clone();
            async move { text(&session).await }
        });
        while fleet.server.exchanges() < round {
            tokio::task::yield_now().await;
        }
        server.kill();
        fleet.server.open();
        let token = format!("access-{round}");
        assert_eq!(waiting.await.unwrap(), token, "what the server issued is not thrown away");
        assert!(fleet.has_happened(Event::NotPersisted));
        server.restart();
        session.shutdown().await;
        fleet.check_found_by_others(open(), &token).await;
        fleet.check_spent_once(round);
    }
}

/// The store's server is killed and restarted between two refreshes: nobody notices.
pub(crate) async fn outlives_a_restart<S: TokenStore + 'static>(
    server: &mut impl Outage,
    open: impl Fn() -> S,
) {
    let fleet = Fleet::new();
    let session = fleet.session(open());
    session.login(&password()).await.unwrap();
    server.restart();
    fleet.check_found_by_others(open(), "access-1").await;
    fleet.clock.advance(LIFETIME);
    fleet.recovers(&session, "access-2").await;
    fleet.check_spent_once(2);
}

/// The authorization server of several hosts, on a clock of its own. It knows when each token ends.
#[derive(Clone, Debug)]
struct Judge {
    server: Server,
    clock: ManualClock,
    lifetime: Duration,
    issued: Arc<Mutex<HashMap<String, SystemTime>>>,
}

impl Judge {
    fn new(lifetime: Duration) -> Self {
        let issued = Arc::default();
        Self { server: Server::new(lifetime), clock: ManualClock::new(), lifetime, issued }
    }

    /// What a resource server says to a token (I11).
    fn check(&self, token: &str) {
        let issued = *self.issued.lock().unwrap().get(token).unwrap();
        let age = self.clock.now().wall.duration_since(issued).unwrap();
        assert!(age < self.lifetime, "{token} was served {age:?} after it was issued");
    }
}

#[async_trait]
impl TokenEndpoint for Judge {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let response = self.server.exchange(grant).await?;
        let token = response.access_token.expose().to_owned();
        self.issued.lock().unwrap().insert(token, self.clock.now().wall);
        Ok(response)
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        self.server.revoke(token).await
    }

    fn identity(&self) -> &EndpointIdentity {
        self.server.identity()
    }
}

/// Two hosts with two processes each, their clocks `skew` apart from the server's in both directions, over a day.
///
/// Returns how many refreshes there were, and how many time required at most.
pub(crate) async fn shared_by_two_hosts<S: TokenStore + 'static>(
    skew: Duration,
    open: impl Fn() -> S,
) -> (usize, usize) {
    let judge = Judge::new(Duration::from_secs(3600));
    let ahead = judge.clock.other_host("ahead", skew, Duration::ZERO);
    let behind = judge.clock.other_host("behind", Duration::ZERO, skew);
    let advance = |step| [&judge.clock, &ahead, &behind].into_iter().for_each(|clock| clock.advance(step));
    let sessions = [&ahead, &behind, &ahead, &behind].map(|clock: &ManualClock| {
        Session::builder(judge.clone()).store(open()).clock(clock.clone()).open().unwrap()
    });
    let [first, ..] = &sessions;
    first.login(&password()).await.unwrap();
    let mut passed = Duration::ZERO;
    while passed < Duration::from_secs(86_400) {
        let step = Duration::from_secs(fastrand::u64(1..400));
        passed += step;
        advance(step);
        let gets = sessions.iter().cycle().take(8).cloned();
        let gets: Vec<_> = gets.map(|session| tokio::spawn(get_and_finish(session))).collect();
        // Whoever waits for another attempt waits for time to pass.
        while !gets.iter().all(JoinHandle::is_finished) {
            // Sleeps because the clocks stand still unless they are moved, and are not to run faster than beats do.
            sleep(LOOK).await;
            passed += LOOK;
            advance(LOOK);
        }
        for get in gets {
            judge.check(&get.await.unwrap());
        }
    }
    assert_eq!(judge.server.reuse(), 0, "a refresh token was presented twice");
    // From the answer to the earliest refresh-at there are 2400 s, and a clock that is ahead comes to it earlier.
    let at_least = Duration::from_secs(2400) - 2 * skew;
    let required = 1 + passed.as_secs() / at_least.as_secs();
    (judge.server.exchanges() - 1, usize::try_from(required).unwrap())
}
