//! Schedules that once broke the protocol.

use std::time::Duration;

use super::process::Doing;
use super::server::{Reuse, Rules, Successor};
use super::world::{Fault, Move, Setting, World};
use crate::protocol::{Action, State};

/// Three processes, the first of which has looked, at the instant when its token is due for renewal.
fn world(holds: bool) -> World {
    let mut world = World::new(Setting {
        rules: Rules {
            grace: Duration::ZERO,
            successor: Successor::Sibling,
            reuse: Reuse::IsRefused,
            keeps_tokens: false,
        },
        holds,
        processes: 3,
        lifetime: Duration::from_secs(60),
        poll: Duration::from_millis(100),
        mutation: None,
    });
    finish(&mut world, 0);
    world.now += Duration::from_secs(42);
    world
}

/// Goes on with a process, from a caller's question if need be, until it is about to do something.
fn until(world: &mut World, number: usize, reached: impl Fn(&Doing) -> bool) {
    if world.processes[number].task.is_none() {
        world.make(Move::Get(number));
    }
    while let Some(task) = &world.processes[number].task
        && !reached(&task.doing)
    {
        world.now = world.now.max(if let Doing::Waiting { until } = task.doing { until } else { world.now });
        world.make(Move::Step(number, None));
    }
}

fn finish(world: &mut World, number: usize) {
    until(world, number, |_| false);
}

fn leaving(doing: &Doing) -> bool {
    matches!(doing, Doing::Leaving(_))
}

fn swapping(doing: &Doing) -> bool {
    matches!(doing, Doing::Next(Action::Swap(_)))
}

/// The holder dies with the answer: the refresh token is spent, and nobody knows.
fn die_with_the_answer(world: &mut World, number: usize) {
    until(world, number, leaving);
    world.make(Move::Step(number, None));
    world.make(Move::Crash(number));
}

// Security: D5.
#[test]
fn an_answer_to_a_replay_does_not_settle_what_an_earlier_request_did() {
    let mut world = world(true);
    die_with_the_answer(&mut world, 0);
    world.now += Duration::from_secs(40);
    until(&mut world, 1, leaving);
    world.make(Move::Step(1, Some(Fault::Throttled)));
    finish(&mut world, 1);
    let intent = world.store.ledger.as_ref().and_then(|ledger| ledger.intent);
    assert_eq!((world.finding, intent.map(|intent| intent.tries)), (None, Some(2)));
}

#[test]
fn a_claim_after_which_it_was_too_late_to_send_is_made_again() {
    let mut world = world(false);
    until(&mut world, 0, |doing| matches!(doing, Doing::Next(Action::Send { .. })));
    world.now += Duration::from_secs(4);
    finish(&mut world, 0);
    let ledger = world.store.ledger.as_ref().unwrap();
    assert_eq!((world.finding, ledger.generation, world.tally.exchanges), (None, 2, 1));
}

// Security: K3.
#[test]
fn a_late_refusal_does_not_judge_for_whoever_has_taken_over() {
    let mut world = world(false);
    until(&mut world, 0, leaving);
    // It sleeps before the request leaves; another process takes over, and the server has already answered that.
    world.make(Move::Pause(0));
    world.now += Duration::from_secs(40);
    until(&mut world, 1, leaving);
    world.make(Move::Step(1, None));
    world.make(Move::Resume(0));
    finish(&mut world, 0);
    assert_eq!(world.store.ledger.as_ref().unwrap().state, State::Active);
    finish(&mut world, 1);
    assert_eq!((world.finding, world.store.ledger.as_ref().unwrap().generation), (None, 2));
}

#[test]
fn a_refusal_with_an_unreadable_store_is_no_reason_to_log_in() {
    let mut world = world(true);
    until(&mut world, 0, leaving);
    world.make(Move::Revoke);
    world.make(Move::Step(0, None));
    world.make(Move::Step(0, None));
    world.make(Move::Login(1));
    world.make(Move::Step(0, Some(Fault::StoreFails)));
    assert!(world.processes[0].task.is_none());
    assert_eq!(world.finding, None);
}

#[test]
fn a_memory_does_not_heal_over_what_the_store_knows_of_its_token() {
    let mut world = world(false);
    // It receives a token, cannot store it, and finds that somebody else has taken over: the token is kept aside.
    until(&mut world, 0, leaving);
    world.make(Move::Step(0, None));
    world.make(Move::Pause(0));
    world.now += Duration::from_secs(40);
    until(&mut world, 1, leaving);
    world.make(Move::Step(1, None));
    world.make(Move::Resume(0));
    until(&mut world, 0, swapping);
    world.make(Move::Step(0, Some(Fault::StoreFails)));
    finish(&mut world, 0);
    assert_eq!(world.store.ledger.as_ref().unwrap().orphans.len(), 1);
    // The other one is refused, takes that token up, and dies with the answer.
    until(&mut world, 1, swapping);
    die_with_the_answer(&mut world, 1);
    // A third one is refused. The first one's memory is of a later generation than that.
    finish(&mut world, 2);
    world.now += Duration::from_secs(60);
    finish(&mut world, 0);
    let ledger = world.store.ledger.as_ref().unwrap();
    assert!(matches!(ledger.state, State::NeedsLogin { .. }), "{ledger:#?}");
    assert_eq!(world.finding, None);
}

// Security: D5.
#[test]
fn a_holder_that_slept_over_its_claim_says_anew_when_its_request_leaves() {
    // One slept before the claim was written, one after.
    for asleep in [swapping, |doing: &Doing| matches!(doing, Doing::Next(Action::Send { .. }))] {
        let mut world = world(true);
        until(&mut world, 0, asleep);
        world.make(Move::Pause(0));
        world.now += Duration::from_secs(40);
        world.make(Move::Resume(0));
        die_with_the_answer(&mut world, 0);
        // Whoever finds it dead waits until that request cannot be under way any more.
        let died_at = world.now;
        finish(&mut world, 1);
        assert_eq!((world.finding, world.tally.exchanges), (None, 1));
        world.now = died_at + Duration::from_secs(31);
        finish(&mut world, 2);
        assert_eq!((world.finding, world.tally.exchanges), (None, 2));
    }
}
