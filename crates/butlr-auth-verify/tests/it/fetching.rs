use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind, ManualClock};
use butlr_auth_verify::{Algorithm, KeySet, KeySource, Reason, Verifier};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::issuer::{AUDIENCE, ISSUER, NOW, access_claims, access_header, jwk, key_set, signed, with};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A source that gives what it is told to, the last of it for ever, and counts how often it was asked.
#[derive(Clone, Debug)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<AtomicU32>,
    /// An answer waits for a permit of this gate, where there is one.
    gate: Option<Arc<Semaphore>>,
}

#[derive(Clone, Debug)]
enum Answer {
    Keys(Vec<Value>, Duration),
    Failure,
    Death,
}

#[async_trait]
impl KeySource for Script {
    async fn fetch(&self) -> Result<(KeySet, Duration), Error> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        let answer = {
            let mut answers = self.answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers[0].clone() }
        };
        match answer {
            Answer::Keys(keys, good_for) => Ok((key_set(&keys), good_for)),
            Answer::Failure => Err(Error::new(ErrorKind::Unreachable, "the script says so")),
            Answer::Death => panic!("the script says so"),
        }
    }
}

/// A verifier, its clock and its source.
struct World {
    verifier: Verifier,
    clock: ManualClock,
    script: Script,
}

fn world(answers: impl IntoIterator<Item = Answer>) -> World {
    world_behind(None, answers)
}

fn world_behind(gate: Option<Arc<Semaphore>>, answers: impl IntoIterator<Item = Answer>) -> World {
    let answers = Arc::new(Mutex::new(answers.into_iter().collect()));
    let script = Script { answers, asked: Arc::default(), gate };
    let clock = ManualClock::new();
    let verifier =
        Verifier::builder(ISSUER).audience(AUDIENCE).clock(clock.clone()).key_source(script.clone());
    World { verifier: verifier.build().unwrap(), clock, script }
}

impl World {
    /// The outcome of a token with this `kid`, signed by the Ed25519 key.
    async fn outcome(&self, kid: &str) -> Result<(), Reason> {
        outcome(&self.verifier, kid).await
    }

    fn asked(&self) -> u32 {
        self.script.asked.load(Ordering::SeqCst)
    }
}

async fn outcome(verifier: &Verifier, kid: &str) -> Result<(), Reason> {
    let header = with(access_header(), json!({ "kid": kid })).to_string();
    let claims = with(access_claims(), json!({ "exp": NOW + 1_000_000 })).to_string();
    let token = signed(Algorithm::EdDsa, &header, &claims);
    verifier.access_token(&token).await.map(drop).map_err(|error| error.reason())
}

/// A document in which the Ed25519 key has this name.
fn named(kid: &str, good_for: Duration) -> Answer {
    Answer::Keys(vec![with(jwk(Algorithm::EdDsa), json!({ "kid": kid }))], good_for)
}

#[tokio::test]
async fn keys_are_fetched_once_and_kept() {
    let world = world([named("a", HOUR)]);
    for _ in 0..100 {
        assert_eq!(world.outcome("a").await, Ok(()));
    }
    world.clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(world.outcome("a").await, Ok(()));
    assert_eq!(world.asked(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.outcome("a").await, Ok(()));
    assert_eq!(world.asked(), 2);
}

// Security: E4.
#[tokio::test]
async fn keys_are_kept_for_a_minute_at_least_and_a_day_at_most() {
    for (said, kept) in [(Duration::ZERO, MINUTE), (HOUR, HOUR), (Duration::MAX, 24 * HOUR)] {
        let world = world([named("a", said)]);
        assert_eq!(world.outcome("a").await, Ok(()));
        world.clock.advance(kept - Duration::from_secs(1));
        assert_eq!(world.outcome("a").await, Ok(()));
        assert_eq!(world.asked(), 1, "{said:?}");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(world.outcome("a").await, Ok(()));
        assert_eq!(world.asked(), 2, "{said:?}");
    }
}

#[tokio::test]
async fn e5_a_key_that_is_new_is_found() {
    // The first document is a moment old when the issuer rotates.
    let world = world([named("a", HOUR), named("b", HOUR)]);
    assert_eq!(world.outcome("a").await, Ok(()));
    assert_eq!(world.outcome("b").await, Ok(()));
    assert_eq!(world.asked(), 2);
    // What is not published any more is not good any more.
    assert_eq!(world.outcome("a").await, Err(Reason::UnknownKey));
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn e5_a_flood_of_unknown_keys_is_one_request_a_minute() {
    let world = world([named("a", HOUR)]);
    assert_eq!(world.outcome("a").await, Ok(()));
    for minute in 1..=5 {
        for kid in 0..200 {
            assert_eq!(world.outcome(&format!("unknown-{kid}")).await, Err(Reason::UnknownKey));
        }
        assert_eq!(world.asked(), 1 + minute);
        assert_eq!(world.outcome("a").await, Ok(()));
        world.clock.advance(MINUTE);
    }
}

#[tokio::test]
async fn e5_keys_that_change_without_names_are_found() {
    let nameless =
        |x: Value| Answer::Keys(vec![with(jwk(Algorithm::EdDsa), json!({ "kid": "-", "x": x }))], HOUR);
    let stranger = json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    let world = world([nameless(stranger), nameless(jwk(Algorithm::EdDsa)["x"].clone())]);
    assert_eq!(world.outcome("-").await, Ok(()));
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn e5_a_wrong_signature_of_a_known_key_asks_nobody() {
    let forged = with(jwk(Algorithm::EdDsa), json!({ "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" }));
    let world = world([Answer::Keys(vec![forged], HOUR)]);
    for _ in 0..10 {
        assert_eq!(world.outcome("Ed25519").await, Err(Reason::BadSignature));
    }
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn e5_everybody_shares_one_request() {
    let gate = Arc::new(Semaphore::new(0));
    let world = world_behind(Some(Arc::clone(&gate)), [named("a", HOUR), named("b", HOUR)]);
    for (kid, asked) in [("a", 1), ("b", 2)] {
        let begun = Arc::new(AtomicU32::new(0));
        let callers: Vec<_> = (0..1000)
            .map(|_| {
                let (verifier, begun) = (world.verifier.clone(), Arc::clone(&begun));
                tokio::spawn(async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    outcome(&verifier, kid).await
                })
            })
            .collect();
        // There is one thread: whoever has begun has gone on until it had to wait.
        while begun.load(Ordering::SeqCst) < 1000 || world.asked() < asked {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.asked(), asked);
        gate.add_permits(1);
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(()));
        }
        assert_eq!(world.asked(), asked);
    }
}

#[tokio::test]
async fn e5_a_caller_who_leaves_takes_nothing_along() {
    let gate = Arc::new(Semaphore::new(0));
    let world = world_behind(Some(Arc::clone(&gate)), [named("a", HOUR)]);
    let verifier = world.verifier.clone();
    let caller = tokio::spawn(async move { outcome(&verifier, "a").await });
    while world.asked() == 0 {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    gate.add_permits(1);
    assert_eq!(world.outcome("a").await, Ok(()));
    assert_eq!(world.asked(), 1);
}

#[tokio::test]
async fn a_source_that_panics_hangs_nobody() {
    let world = world([Answer::Death, named("a", HOUR)]);
    assert_eq!(world.outcome("a").await, Err(Reason::KeysUnavailable));
    assert_eq!(world.outcome("a").await, Ok(()));
}

#[tokio::test]
async fn without_any_keys_nobody_is_judged() {
    let world = world([Answer::Failure, Answer::Failure, named("a", HOUR)]);
    for _ in 0..10 {
        assert_eq!(world.outcome("a").await, Err(Reason::KeysUnavailable));
    }
    // A source that is down is asked once a second.
    assert_eq!(world.asked(), 1);
    world.clock.advance(Duration::from_secs(1));
    let header = access_header().to_string();
    let token = signed(Algorithm::EdDsa, &header, &access_claims().to_string());
    let error = world.verifier.access_token(&token).await.unwrap_err();
    assert_eq!((error.status(), error.code(), error.www_authenticate()), (503, None, None));
    assert!(Error::from(error).is_transient());
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.outcome("a").await, Ok(()));
    assert_eq!(world.asked(), 3);
}

// Security: E4.
#[tokio::test]
async fn keys_serve_on_for_a_day_while_their_source_is_down() {
    let world = world([named("a", HOUR), Answer::Failure]);
    assert_eq!(world.outcome("a").await, Ok(()));
    world.clock.advance(HOUR);
    for _ in 0..100 {
        assert_eq!(world.outcome("a").await, Ok(()));
    }
    assert_eq!(world.asked(), 2);
    world.clock.advance(MINUTE);
    assert_eq!(world.outcome("a").await, Ok(()));
    assert_eq!(world.asked(), 3);
    world.clock.advance(22 * HOUR);
    assert_eq!(world.outcome("a").await, Ok(()));
    world.clock.advance(HOUR);
    assert_eq!(world.outcome("a").await, Err(Reason::KeysUnavailable));
}

#[tokio::test]
async fn nobody_but_the_first_waits_for_keys_that_are_due() {
    let gate = Arc::new(Semaphore::new(1));
    let world = world_behind(Some(Arc::clone(&gate)), [named("a", HOUR), named("b", HOUR)]);
    assert_eq!(world.outcome("a").await, Ok(()));
    world.clock.advance(HOUR);
    let verifier = world.verifier.clone();
    let first = tokio::spawn(async move { outcome(&verifier, "b").await });
    while world.asked() == 1 {
        tokio::task::yield_now().await;
    }
    // The gate is shut.
    assert_eq!(world.outcome("a").await, Ok(()));
    gate.add_permits(1);
    assert_eq!(first.await.unwrap(), Ok(()));
}

// Security: L2.
#[tokio::test]
async fn keys_of_another_boot_and_an_earlier_time_are_due() {
    let world = world([named("a", HOUR), named("b", HOUR)]);
    assert_eq!(world.outcome("a").await, Ok(()));
    world.clock.reboot();
    world.clock.set_wall(std::time::UNIX_EPOCH + Duration::from_secs(NOW - 30 * 86_400));
    let header = with(access_header(), json!({ "kid": "b" })).to_string();
    let old = json!({ "iat": NOW - 30 * 86_400, "exp": NOW });
    let token = signed(Algorithm::EdDsa, &header, &with(access_claims(), old).to_string());
    assert!(world.verifier.access_token(&token).await.is_ok());
    assert_eq!(world.asked(), 2);
}

#[tokio::test]
async fn an_emptied_set_is_believed() {
    let world = world([named("a", HOUR), Answer::Keys(Vec::new(), HOUR)]);
    assert_eq!(world.outcome("a").await, Ok(()));
    world.clock.advance(HOUR);
    assert_eq!(world.outcome("a").await, Err(Reason::UnknownKey));
}
