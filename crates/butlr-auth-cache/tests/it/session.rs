use std::sync::{Arc, Mutex};
use std::time::Duration;

use butlr_auth_cache::{Event, FileStore, MemoryStore, Session, SessionState};
use butlr_auth_core::{ErrorKind, Grant, ManualClock};

use crate::server::{Fault, Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);
const SECOND: Duration = Duration::from_secs(1);

struct Fixture {
    server: Server,
    clock: ManualClock,
    store: MemoryStore,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Fixture {
    fn new(server: Server) -> Self {
        Self { server, clock: ManualClock::new(), store: MemoryStore::new(), events: Arc::default() }
    }

    /// Another handle on the same store: another process, as far as the protocol can tell.
    fn user(&self) -> Session {
        let events = Arc::clone(&self.events);
        Session::builder(self.server.clone())
            .store(self.store.clone())
            .clock(self.clock.clone())
            .on_event(move |event| events.lock().unwrap().push(event))
            .open()
            .unwrap()
    }

    fn client(&self) -> Session {
        Session::builder(self.server.clone())
            .grant(Grant::client_credentials())
            .store(self.store.clone())
            .clock(self.clock.clone())
            .open()
            .unwrap()
    }

    async fn logged_in(&self) -> Session {
        let session = self.user();
        session.login(&password()).await.unwrap();
        session
    }

    fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap())
    }
}

fn text(token: &butlr_auth_core::Token) -> &str {
    token.access_token().expose()
}

#[track_caller]
fn check_kind<T: std::fmt::Debug>(result: Result<T, butlr_auth_core::Error>, kind: ErrorKind) {
    assert_eq!(result.unwrap_err().kind(), kind);
}

#[tokio::test]
async fn a_fresh_token_is_returned_again_and_again_for_one_exchange() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.client();
    for _ in 0..100 {
        assert_eq!(text(&session.token().await.unwrap()), "access-1");
    }
    assert_eq!(fixture.server.exchanges(), 1);
}

#[tokio::test]
async fn a_stale_token_is_returned_at_once_and_renewed_behind_the_scenes() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(850));
    fixture.server.close();
    assert_eq!(text(&session.token().await.unwrap()), "access-1");
    assert_eq!(text(&session.token().await.unwrap()), "access-1");
    fixture.server.open();
    session.shutdown().await;
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
    assert_eq!(fixture.server.exchanges(), 2);
}

// Security: D2.
#[tokio::test]
async fn a_thousand_tasks_on_an_expired_token_cost_one_exchange() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.token().await.unwrap().access_token().expose().to_owned() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), "access-2");
    }
    assert_eq!(fixture.server.exchanges(), 2);
    assert_eq!(fixture.server.reuse(), 0);
}

#[tokio::test]
async fn a_thousand_tasks_share_one_failure() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.server.fail_next(vec![Fault::Status(503); 1000]);
    let tasks: Vec<_> = (0..1000)
        .map(|_| {
            let session = session.clone();
            tokio::spawn(async move { session.token().await.unwrap_err().kind() })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), ErrorKind::ServerFailed);
    }
    assert_eq!(fixture.server.exchanges(), 2);
}

// Security: D8.
#[tokio::test]
async fn a_failure_is_remembered_until_its_back_off_has_passed() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.server.fail_next([Fault::Status(500)]);
    check_kind(session.token().await, ErrorKind::ServerFailed);
    check_kind(session.token().await, ErrorKind::ServerFailed);
    assert_eq!(fixture.server.exchanges(), 2);
    // Another process learns of it from the record.
    check_kind(fixture.user().token().await, ErrorKind::ServerFailed);
    assert_eq!(fixture.server.exchanges(), 2);
    fixture.clock.advance(2 * SECOND);
    // After a 500 the intent stands: the token is replayed, and here it had not been spent.
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
    assert!(fixture.events().contains(&Event::Replayed));
}

// Security: D8, D9.
#[tokio::test]
async fn while_the_server_is_down_a_token_that_works_is_served_until_it_expires() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(950));
    fixture.server.fail_next(vec![Fault::NotSent; 10]);
    assert_eq!(text(&session.token().await.unwrap()), "access-1");
    assert!(fixture.events().contains(&Event::StaleServed));
    fixture.clock.advance(Duration::from_secs(100));
    check_kind(session.token().await, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_caller_that_gives_up_costs_no_second_exchange() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.server.close();
    // Polled until it waits, then dropped.
    assert!(tokio::time::timeout(Duration::from_millis(20), session.token()).await.is_err());
    fixture.server.open();
    session.shutdown().await;
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
    assert_eq!(fixture.server.exchanges(), 2);
}

// Security: D1.
#[tokio::test]
async fn many_sessions_on_one_store_spend_each_refresh_token_once() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    fixture.logged_in().await;
    for round in 2..10 {
        fixture.clock.advance(LIFETIME);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let session = fixture.user();
                tokio::spawn(async move { session.token().await.unwrap().access_token().expose().to_owned() })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), format!("access-{round}"));
        }
        assert_eq!(fixture.server.exchanges(), round);
    }
    assert_eq!(fixture.server.reuse(), 0);
}

// Security: D5.
// Security: D5.
// Security: D5.
// Security: D5, D6.
// Security: D13.
#[tokio::test]
async fn a_refused_refresh_token_before_its_time_is_an_event() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.server.revoke_all();
    fixture.clock.advance(Duration::from_secs(850));
    assert_eq!(text(&session.token().await.unwrap()), "access-1");
    session.shutdown().await;
    assert!(fixture.events().contains(&Event::RefreshRefusedEarly));
    assert_eq!(text(&session.token().await.unwrap()), "access-1", "it still works");
    fixture.clock.advance(LIFETIME);
    check_kind(session.token().await, ErrorKind::LoginRequired);
}

#[tokio::test]
async fn without_a_refresh_endpoint_the_session_ends_with_its_token() {
    let fixture = Fixture::new(Server::without_refresh_endpoint(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(950));
    assert_eq!(text(&session.token().await.unwrap()), "access-1");
    fixture.clock.advance(Duration::from_secs(50));
    check_kind(session.token().await, ErrorKind::LoginRequired);
    assert_eq!(fixture.server.exchanges(), 1);
}

#[tokio::test]
async fn nobody_logged_in_is_a_typed_error_without_a_request() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    check_kind(fixture.user().token().await, ErrorKind::LoginRequired);
    assert_eq!(fixture.server.exchanges(), 0);
}

// Security: D10.
#[tokio::test]
async fn a_rejected_token_is_renewed_once_for_everybody() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    let first = session.token().await.unwrap();
    session.reject(&first.fingerprint());
    assert_eq!(text(&session.token().await.unwrap()), "access-1", "too young: renewing it would not help");
    fixture.clock.advance(6 * SECOND);
    for _ in 0..1000 {
        session.reject(&first.fingerprint());
    }
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
    fixture.clock.advance(6 * SECOND);
    session.reject(&first.fingerprint());
    assert_eq!(text(&session.token().await.unwrap()), "access-2", "a late report changes nothing");
    assert_eq!(fixture.server.exchanges(), 2);
}

// Security: D11.
#[tokio::test]
async fn logout_forgets_at_once_revokes_and_reaches_other_processes() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    let other = fixture.user();
    assert_eq!(text(&other.token().await.unwrap()), "access-1");
    let logout = session.logout().await.unwrap();
    assert!(logout.was_logged_in && logout.not_revoked.is_none());
    check_kind(session.token().await, ErrorKind::LoginRequired);
    assert_eq!(fixture.server.revoked(), ["refresh-1%3d", "access-1"]);
    // The other one looks again at most five seconds later.
    fixture.clock.advance(6 * SECOND);
    let _ = other.token().await;
    other.shutdown().await;
    check_kind(other.token().await, ErrorKind::LoginRequired);
    assert!(!session.logout().await.unwrap().was_logged_in);
}

#[tokio::test]
async fn a_logout_overtakes_a_renewal_under_way_and_what_it_brings_is_revoked() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(850));
    fixture.server.close();
    session.token().await.unwrap();
    while fixture.server.exchanges() < 2 {
        tokio::task::yield_now().await;
    }
    fixture.user().logout().await.unwrap();
    fixture.server.open();
    session.shutdown().await;
    check_kind(session.token().await, ErrorKind::LoginRequired);
    assert!(fixture.server.revoked().contains(&"refresh-1%3d".to_owned()));
    assert!(fixture.events().iter().any(|event| matches!(event, Event::Superseded | Event::LoginRequired)));
}

// Security: D12.
#[tokio::test]
async fn another_persons_id_token_is_neither_stored_nor_published() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    fixture.server.say_id_token("alice");
    let session = fixture.logged_in().await;
    fixture.server.say_id_token("mallory");
    fixture.clock.advance(LIFETIME);
    let error = session.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    assert!(error.to_string().contains("another person"), "{error}");
    assert_eq!(session.status().await.unwrap().subject.as_deref(), Some("alice"));
}

#[tokio::test]
async fn a_forced_renewal_brings_another_token() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    fixture.logged_in().await;
    let fresh_process = fixture.user();
    assert_eq!(text(&fresh_process.renew().await.unwrap()), "access-2");
    assert_eq!(text(&fresh_process.token_outliving(Duration::from_secs(999)).await.unwrap()), "access-2");
    fixture.clock.advance(10 * SECOND);
    assert_eq!(text(&fresh_process.token_outliving(Duration::from_secs(999)).await.unwrap()), "access-3");
}

#[tokio::test]
async fn a_stored_token_is_measured_by_who_needs_a_longer_one() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(500));
    let fresh_process = fixture.user();
    assert_eq!(text(&fresh_process.token_outliving(Duration::from_secs(400)).await.unwrap()), "access-1");
    let fresh_process = fixture.user();
    assert_eq!(text(&fresh_process.token_outliving(Duration::from_secs(600)).await.unwrap()), "access-2");
}

// Security: D7.
#[tokio::test]
async fn a_token_without_a_lifetime_is_used_once_and_causes_no_storm() {
    let fixture = Fixture::new(Server::new(Duration::ZERO));
    let session = fixture.client();
    assert_eq!(text(&session.token().await.unwrap()), "access-1");
    assert_eq!(fixture.server.exchanges(), 1);
}

#[tokio::test]
async fn status_tells_what_a_session_can_do() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.user();
    assert!(matches!(session.status().await.unwrap().state, SessionState::NeedsLogin(_)));
    session.login(&password()).await.unwrap();
    let status = session.status().await.unwrap();
    assert_eq!(status.state, SessionState::Active);
    assert!(status.renewable && status.token.is_some());
}

#[tokio::test]
async fn a_session_survives_its_process_in_a_file() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let folder = tempfile::TempDir::new().unwrap();
    let open = || {
        let store = FileStore::open(folder.path().join("sessions")).unwrap();
        Session::builder(fixture.server.clone()).store(store).clock(fixture.clock.clone()).open().unwrap()
    };
    open().login(&password()).await.unwrap();
    assert_eq!(text(&open().token().await.unwrap()), "access-1");
    fixture.clock.advance(LIFETIME);
    assert_eq!(text(&open().token().await.unwrap()), "access-2");
    assert_eq!(text(&open().token().await.unwrap()), "access-2");
    assert_eq!(fixture.server.exchanges(), 2);
}

// Security: A13.
#[tokio::test]
async fn a_password_is_not_a_grant_that_a_session_repeats() {
    let server = Server::new(LIFETIME);
    check_kind(Session::builder(server).grant(password()).open().map(|_| ()), ErrorKind::Configuration);
}

#[cfg(unix)]
#[tokio::test]
async fn a_login_over_a_record_that_is_gone_is_not_undone_by_a_process_that_remembers_it() {
    let (fixture, folder) = (Fixture::new(Server::new(LIFETIME)), tempfile::TempDir::new().unwrap());
    let open = || {
        let store = FileStore::open(folder.path().join("sessions")).unwrap();
        Session::builder(fixture.server.clone()).store(store).clock(fixture.clock.clone()).open().unwrap()
    };
    let (remembering, other) = (open(), open());
    remembering.login(&password()).await.unwrap();
    remembering.login(&password()).await.unwrap();
    for file in std::fs::read_dir(folder.path().join("sessions")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    fixture.clock.advance(400 * SECOND);
    let token = other.login(&password()).await.unwrap();
    assert_eq!(text(&token), "access-3");
    fixture.clock.advance(520 * SECOND);
    assert_eq!(text(&remembering.token().await.unwrap()), "access-3");
}

#[tokio::test]
async fn each_scenario_has_its_events() {
    let mut told = String::new();
    let mut tell = |scenario: &str, fixture: &Fixture| {
        let events: Vec<_> = fixture.events().iter().map(|event| event.as_str()).collect();
        told.push_str(&format!("{scenario}: {}\n", events.join(", ")));
    };

    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    tell("login", &fixture);
    fixture.clock.advance(LIFETIME);
    session.token().await.unwrap();
    tell("renewal", &fixture);
    let other = fixture.user();
    other.token().await.unwrap();
    tell("first token of another process", &fixture);
    fixture.clock.advance(LIFETIME);
    session.token().await.unwrap();
    fixture.events();
    other.token().await.unwrap();
    tell("a sibling has renewed", &fixture);
    fixture.clock.advance(6 * SECOND);
    let rejected = session.token().await.unwrap();
    session.reject(&rejected.fingerprint());
    session.token().await.unwrap();
    tell("a resource server refuses the token", &fixture);
    fixture.clock.advance(Duration::from_secs(950));
    fixture.server.fail_next([Fault::Status(503)]);
    session.token().await.unwrap();
    tell("the server fails, the token works", &fixture);
    fixture.clock.advance(2 * SECOND);
    session.token().await.unwrap();
    tell("the server is back", &fixture);
    fixture.server.revoke_all();
    fixture.clock.advance(Duration::from_secs(950));
    session.token().await.unwrap();
    tell("the refresh token is refused, the token works", &fixture);
    fixture.clock.advance(LIFETIME);
    session.token().await.unwrap_err();
    tell("the token has ended", &fixture);
    fixture.user().login(&password()).await.unwrap();
    fixture.events();
    fixture.clock.advance(SECOND);
    session.token().await.unwrap();
    tell("another process logged in", &fixture);
    session.logout().await.unwrap();
    tell("logout", &fixture);
    insta::assert_snapshot!(told);
}
