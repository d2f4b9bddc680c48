//! What a session makes of answers that are not as they are in the books: the same access token once more, a lifetime
//! of nothing, a successor in an answer that is refused, and refusals of every name.

use std::time::Duration;

use butlr_auth_cache::{LoginReason, MemoryStore, Session, SessionState};
use butlr_auth_core::{Clock as _, ErrorKind, Grant, ManualClock, Token};

use crate::server::{Fault, Habit, Server, password, timer};

const LIFETIME: Duration = Duration::from_secs(1000);
const SECOND: Duration = Duration::from_secs(1);

struct World {
    server: Server,
    clock: ManualClock,
    store: MemoryStore,
}

impl World {
    fn new(habit: Habit) -> Self {
        let server = Server::new(LIFETIME);
        server.becomes(habit);
        Self { server, clock: ManualClock::new(), store: MemoryStore::new() }
    }

    /// Another process.
    fn user(&self) -> Session {
        let builder = Session::builder(self.server.clone());
        builder.store(self.store.clone()).clock(self.clock.clone()).open().unwrap()
    }

    fn client(&self) -> Session {
        let builder = Session::builder(self.server.clone()).grant(Grant::client_credentials());
        builder.store(self.store.clone()).clock(self.clock.clone()).open().unwrap()
    }

    async fn logged_in(&self) -> Session {
        let session = self.user();
        session.login(&password()).await.unwrap();
        session
    }

    fn remaining(&self, token: &Token) -> u64 {
        token.remaining(self.clock.boot()).unwrap().as_secs()
    }
}

fn text(token: &Token) -> &str {
    token.access_token().expose()
}

// Security: D15.
#[tokio::test]
async fn a_renewal_that_brings_the_same_token_ends_the_wait() {
    let world = World::new(Habit::Same);
    for session in [world.logged_in().await, world.client()] {
        session.token().await.unwrap();
        world.clock.advance(LIFETIME);
        let before = world.server.exchanges();
        let token = session.token().await.unwrap();
        assert_eq!((text(&token), world.remaining(&token)), ("access-same", 1000));
        assert_eq!(text(&session.token().await.unwrap()), "access-same");
        assert_eq!(world.server.exchanges(), before + 1);
    }
}

// Security: D15.
#[tokio::test]
async fn a_token_that_was_just_confirmed_is_handed_out_to_its_end() {
    let world = World::new(Habit::Same);
    world.server.give(SECOND);
    let session = world.client();
    let first = session.token().await.unwrap();
    let exchanges = world.server.exchanges();
    for _ in 0..9 {
        world.clock.advance(SECOND / 10);
        assert_eq!(session.token().await.unwrap().fingerprint(), first.fingerprint());
        assert_eq!(world.server.exchanges(), exchanges, "nobody may ask within a second");
    }
    world.clock.advance(SECOND / 10);
    session.token().await.unwrap();
    assert_eq!(world.server.exchanges(), exchanges + 1);
}

// Security: D15.
#[tokio::test(start_paused = true)]
async fn each_call_for_another_token_costs_one_exchange_and_gets_the_same_one() {
    let world = World::new(Habit::Same);
    let session = world.logged_in().await;
    for (calls, process) in [session, world.user(), world.user()].iter().enumerate() {
        world.clock.advance(2 * SECOND);
        assert_eq!(text(&process.renew().await.unwrap()), "access-same");
        assert_eq!(world.server.exchanges(), 2 + 2 * calls);
        world.clock.advance(2 * SECOND);
        let token = process.token_outliving(2 * LIFETIME).await.unwrap();
        assert_eq!((text(&token), world.remaining(&token)), ("access-same", 1000));
        assert_eq!(world.server.exchanges(), 3 + 2 * calls);
    }
}

// Security: D15.
#[tokio::test]
async fn a_token_that_keeps_to_its_end_is_handed_out_until_then() {
    let world = World::new(Habit::Same);
    let session = world.logged_in().await;
    world.clock.advance(Duration::from_secs(900));
    world.server.becomes(Habit::Remaining(Duration::from_secs(100)));
    session.token().await.unwrap();
    session.shutdown().await;
    let asked = world.server.exchanges();
    world.clock.advance(Duration::from_secs(85));
    world.server.close();
    for process in [session.clone(), world.user()] {
        let token = process.token().await.unwrap();
        assert_eq!((text(&token), world.remaining(&token)), ("access-same", 15));
    }
    assert_eq!(world.server.exchanges(), asked, "there is no other one before its end");
    // Shortly before, somebody asks once more, and nobody waits for that.
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(text(&session.token().await.unwrap()), "access-same");
    world.server.open();
}

// Security: D15.
#[tokio::test]
async fn a_fraction_of_a_second_that_a_server_cuts_off_ends_no_token() {
    let world = World::new(Habit::Same);
    let session = world.logged_in().await;
    world.clock.advance(Duration::from_millis(900_500));
    world.server.becomes(Habit::Remaining(Duration::from_secs(99)));
    session.renew().await.unwrap();
    world.clock.advance(Duration::from_millis(99_200));
    assert_eq!(text(&session.token().await.unwrap()), "access-same");
}

#[tokio::test]
async fn the_last_second_of_a_token_that_says_0_is_its_own() {
    let world = World::new(Habit::Same);
    let session = world.client();
    session.token().await.unwrap();
    world.clock.advance(LIFETIME - SECOND / 4);
    world.server.becomes(Habit::Remaining(Duration::ZERO));
    assert_eq!(text(&session.renew().await.unwrap()), "access-same");
    let exchanges = world.server.exchanges();
    for process in [session, world.client()] {
        assert_eq!(text(&process.token().await.unwrap()), "access-same");
    }
    assert_eq!(world.server.exchanges(), exchanges);
}

#[tokio::test]
async fn nobody_asks_so_shortly_before_the_end_that_the_next_request_would_wait() {
    let world = World::new(Habit::Remaining(Duration::from_secs(12)));
    world.server.give(Duration::from_secs(12));
    let session = world.client();
    let mut at = Duration::ZERO;
    let mut asked = Vec::new();
    while at < Duration::from_secs(12) {
        world.server.becomes(Habit::Remaining(Duration::from_secs((Duration::from_secs(12) - at).as_secs())));
        let before = world.server.exchanges();
        assert_eq!(text(&session.token().await.unwrap()), "access-same");
        session.shutdown().await;
        asked.extend((world.server.exchanges() > before).then_some(at));
        world.clock.advance(SECOND / 10);
        at += SECOND / 10;
    }
    assert!(asked.len() <= 4, "{asked:?}");
    let last = asked.last().unwrap();
    assert!(*last + SECOND <= Duration::from_secs(12), "{asked:?}");
}

// Security: D15.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_token_that_the_server_confirms_is_asked_about_ever_less_often() {
    let world = World::new(Habit::Same);
    let first = world.logged_in().await;
    let processes = [first, world.user(), world.user(), world.user()];
    for process in &processes {
        process.token().await.unwrap();
    }
    world.clock.advance(10 * SECOND);
    let mut asked = Vec::new();
    for seconds in 0..240 {
        for process in &processes {
            // As an API client does: the call is refused, and so is the next one.
            let token = process.token().await.unwrap();
            process.reject(&token.fingerprint());
            assert_eq!(text(&process.token().await.unwrap()), "access-same");
            process.shutdown().await;
        }
        if asked.last().is_none_or(|(_, exchanges)| *exchanges != world.server.exchanges()) {
            asked.push((seconds, world.server.exchanges()));
        }
        world.clock.advance(SECOND);
    }
    let asked: Vec<_> = asked.iter().map(|(seconds, _)| *seconds).collect();
    assert_eq!(asked, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
}

// Security: D7, D15.
#[tokio::test(start_paused = true)]
async fn a_token_without_a_lifetime_is_for_those_who_waited_for_it() {
    let world = World::new(Habit::New);
    world.server.give(Duration::ZERO);
    for session in [world.logged_in().await, world.client()] {
        let waiting = async || {
            let asked = world.server.exchanges();
            let began = timer();
            let calls: Vec<_> = (0..20).map(|_| session.token()).collect();
            let mut got = std::collections::BTreeSet::new();
            for token in all(calls).await {
                got.insert(text(&token).to_owned());
            }
            assert_eq!((got.len(), world.server.exchanges()), (1, asked + 1), "one answer for all of them");
            began.elapsed()
        };
        waiting().await;
        // Not sooner than a second after the last one, by whichever clock.
        let waited = waiting().await;
        assert!(waited >= SECOND, "{waited:?}");
        world.clock.advance(SECOND);
        waiting().await;
        assert!(session.try_token().is_none());
        session.shutdown().await;
    }
}

async fn all<F: Future<Output = Result<Token, butlr_auth_core::Error>>>(calls: Vec<F>) -> Vec<Token> {
    let mut calls: Vec<_> = calls.into_iter().map(Box::pin).collect();
    // All of them begin to wait before the first is awaited.
    std::future::poll_fn(|context| {
        for call in &mut calls {
            assert!(call.as_mut().poll(context).is_pending());
        }
        std::task::Poll::Ready(())
    })
    .await;
    let mut tokens = Vec::new();
    for call in calls {
        tokens.push(call.await.unwrap());
    }
    tokens
}

// Security: D14.
#[tokio::test]
async fn a_successor_in_an_answer_that_is_refused_takes_its_place() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(Duration::from_secs(910));
    world.server.fail_next([Fault::Blemished]);
    assert_eq!(text(&session.token().await.unwrap()), "access-1", "the token in hand goes on");
    assert_eq!(world.user().renew().await.unwrap_err().kind(), ErrorKind::InvalidResponse, "it is a failure");
    assert_eq!(world.server.exchanges(), 2);
    world.clock.advance(2 * SECOND);
    assert_eq!(text(&world.user().token().await.unwrap()), "access-3");
    assert_eq!((world.server.exchanges(), world.server.reuse()), (3, 0));
}

// Security: D14.
#[tokio::test]
async fn a_successor_in_an_answer_that_is_refused_is_kept_when_the_token_has_ended_too() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(LIFETIME);
    world.server.fail_next([Fault::Blemished]);
    let error = session.token().await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().contains("token_type")), (ErrorKind::InvalidResponse, true));
    let again = world.user().token().await.unwrap_err();
    assert!(again.to_string().contains("token_type"), "a remembered failure tells its reason: {again}");
    world.clock.advance(2 * SECOND);
    assert_eq!(text(&session.token().await.unwrap()), "access-3");
    assert_eq!(world.server.reuse(), 0);
}

// Security: D16.
#[tokio::test]
async fn a_refused_renewal_is_told_as_it_is_and_tried_again_seldom() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(Duration::from_secs(910));
    world.server.fail_next([Fault::Code(403, "unauthorized_client")]);
    assert_eq!(text(&session.token().await.unwrap()), "access-1", "it works, and is no worse");
    let status = world.user().status().await.unwrap();
    assert_eq!(status.state, SessionState::Refused);
    assert!(status.reason.unwrap().contains("unauthorized_client"));
    assert_eq!(text(&world.user().token().await.unwrap()), "access-1");
    world.clock.advance(Duration::from_secs(90));
    world.server.fail_next(vec![Fault::Code(403, "unauthorized_client"); 20]);
    let mut tried = Vec::new();
    let began = world.clock.boot();
    let mut asked = world.server.exchanges();
    for _ in 0..400 {
        for process in [session.clone(), world.user()] {
            let error = process.token().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::LoginRequired);
            assert!(error.to_string().contains("unauthorized_client"), "{error}");
        }
        if world.server.exchanges() != asked {
            assert_eq!(world.server.exchanges(), asked + 1);
            asked += 1;
            tried.push((world.clock.boot() - began).as_secs() / 60);
        }
        world.clock.advance(60 * SECOND);
    }
    // 1, 2, 4 … 60 minutes apart, the first of them over already.
    assert_eq!(tried, [0, 2, 6, 14, 30, 62, 122, 182]);
    let reason = LoginReason::RenewalRefused;
    assert_eq!(world.user().status().await.unwrap().state, SessionState::NeedsLogin(reason));
}

// Security: D16.
#[tokio::test]
async fn a_server_that_comes_to_its_senses_ends_a_refusal() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(LIFETIME);
    world.server.fail_next([Fault::Code(400, "invalid_request")]);
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
    world.clock.advance(61 * SECOND);
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
    let status = world.user().status().await.unwrap();
    assert_eq!((status.state, status.reason), (SessionState::Active, None));
}

// Security: D6.
#[tokio::test]
async fn a_code_that_names_the_refresh_token_ends_the_session_at_once() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(LIFETIME);
    world.server.fail_next([Fault::Code(200, "bad_refresh_token")]);
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
    world.clock.advance(100 * LIFETIME);
    let error = world.user().token().await.unwrap_err();
    assert!(error.to_string().contains("bad_refresh_token"), "{error}");
    assert_eq!(world.server.exchanges(), 2);
}

// Security: D17.
#[tokio::test]
async fn a_renewal_that_fails_leaves_a_good_token_good_for_everybody() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(10 * SECOND);
    world.server.fail_next(vec![Fault::NotSent; 10]);
    assert_eq!(session.renew().await.unwrap_err().kind(), ErrorKind::Unreachable);
    let token = session.token().await.unwrap();
    session.reject(&token.fingerprint());
    for process in [session.clone(), world.user(), session] {
        assert_eq!(text(&process.token().await.unwrap()), "access-1");
        assert_eq!(text(&process.token_outliving(LIFETIME).await.unwrap()), "access-1");
    }
}

// Security: D15.
#[tokio::test(start_paused = true)]
async fn every_wait_ends_at_the_callers_deadline() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(LIFETIME);
    world.server.close();
    let began = timer();
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!((12..=13).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    // The exchange goes on, and its answer is not lost.
    world.server.open();
    session.shutdown().await;
    assert_eq!(text(&session.token().await.unwrap()), "access-2");
    assert_eq!(world.server.exchanges(), 2);
}

#[tokio::test]
async fn whoever_had_no_time_left_to_send_fails_for_nobody_else() {
    let world = World::new(Habit::New);
    let session = world.logged_in().await;
    world.clock.advance(LIFETIME);
    world.server.fail_next([Fault::NoTime]);
    assert_eq!(session.token().await.unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(text(&world.user().token().await.unwrap()), "access-2");
    assert_eq!((world.server.exchanges(), world.server.reuse()), (2, 0));
}
