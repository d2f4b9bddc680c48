//! Requests whose answer was lost: when the refresh token is sent once more, and what becomes of the session.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use butlr_auth_cache::{Event, MemoryStore, Session};
use butlr_auth_core::{ErrorKind, ManualClock};

use crate::server::{Fault, Server, password, timer};

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
async fn a_request_without_an_answer_is_repeated_when_it_cannot_be_under_way_any_more() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.server.fail_next([Fault::Lost]);
    check_kind(session.token().await, ErrorKind::TimedOut);
    for _ in 0..14 {
        fixture.clock.advance(2 * SECOND);
        check_kind(session.token().await, ErrorKind::TimedOut);
        check_kind(fixture.user().token().await, ErrorKind::TimedOut);
    }
    assert_eq!(fixture.server.exchanges(), 2, "a slow server is not a lost one");
    fixture.clock.advance(2 * SECOND);
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
}

#[tokio::test]
async fn a_lost_answer_is_not_asked_for_again_while_the_token_in_hand_works() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(Duration::from_secs(910));
    fixture.server.fail_next([Fault::AnswerLost]);
    for _ in 0..8 {
        assert_eq!(text(&session.token().await.unwrap()), "access-1");
        assert_eq!(text(&fixture.user().token().await.unwrap()), "access-1");
        check_kind(fixture.user().renew().await, ErrorKind::TimedOut);
        fixture.clock.advance(10 * SECOND);
    }
    assert_eq!((fixture.server.exchanges(), fixture.server.reuse()), (2, 0));
    fixture.clock.advance(10 * SECOND);
    check_kind(session.token().await, ErrorKind::LoginRequired);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_cut_off_is_asked_for_once_more_a_second_later() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.server.fail_next([Fault::CutOff, Fault::CutOff, Fault::CutOff]);
    let began = timer();
    check_kind(session.token().await, ErrorKind::LoginRequired);
    assert!(began.elapsed() >= SECOND);
    assert_eq!(fixture.server.exchanges(), 3);
}

#[tokio::test]
async fn a_rotation_whose_answer_was_lost_ends_in_one_typed_login_and_no_storm() {
    let fixture = Fixture::new(Server::new(LIFETIME));
    let session = fixture.logged_in().await;
    fixture.clock.advance(LIFETIME);
    fixture.server.fail_next([Fault::AnswerLost]);
    check_kind(session.token().await, ErrorKind::TimedOut);
    fixture.clock.advance(30 * SECOND);
    check_kind(session.token().await, ErrorKind::LoginRequired);
    let spent = fixture.server.exchanges();
    for _ in 0..100 {
        check_kind(session.token().await, ErrorKind::LoginRequired);
        fixture.clock.advance(SECOND);
    }
    assert_eq!(fixture.server.exchanges(), spent, "a session that needs a login asks nobody");
    assert!(fixture.events().contains(&Event::LoginRequired));
    // Any process's login heals every other one.
    fixture.user().login(&password()).await.unwrap();
    fixture.clock.advance(SECOND);
    assert_eq!(text(&session.token().await.unwrap()), "access-3");
}
