//! Every point at which a refresh can be interrupted, times everything that can interrupt it: the table of crash and
//! pause windows, row by row.

use std::collections::BTreeSet;
use std::time::Duration;

use fastrand::Rng;

use super::process::Doing;
use super::server::{Reuse, Rules, Successor};
use super::simulation::{self, GRACE};
use super::world::{Fault, Move, Row, Setting, World};
use crate::protocol::{Action, State};

/// Longer than a lease stands without a beat, and longer than a token's end is away.
const LONG: Duration = Duration::from_secs(20);

fn setting(holds: bool, grace: Duration) -> Setting {
    Setting {
        rules: Rules {
            grace,
            successor: Successor::Sibling,
            reuse: Reuse::KillsTheFamily,
            keeps_tokens: false,
        },
        holds,
        processes: 3,
        lifetime: Duration::from_secs(60),
        poll: Duration::from_millis(100),
        mutation: None,
    }
}

/// Lets the first process refresh alone, up to so many steps into it; `None` if it is done before.
fn interrupted(setting: Setting, steps: usize) -> Option<World> {
    let mut world = World::new(setting);
    serve(&mut world, 0);
    world.make(Move::Tick);
    world.make(Move::Get(0));
    for _ in 0..steps {
        world.make(Move::Step(0, None));
    }
    world.processes[0].task.is_some().then_some(world)
}

/// A caller asks a process, and nothing else happens until it has an answer.
fn serve(world: &mut World, number: usize) {
    world.make(Move::Get(number));
    while world.processes[number].task.is_some() {
        world.make(Move::Step(number, None));
    }
}

/// Makes the move at every point of a refresh, over both kinds of store, lets everybody else go on for a while, and
/// then everybody. With a grace it never costs a login; without, as often as `logins` says of the row that was hit.
#[track_caller]
fn check(
    strike: impl Fn(&World) -> Option<Move>,
    logins: impl Fn(Option<Row>, bool) -> (u32, u32),
) -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for (holds, grace) in [(true, Duration::ZERO), (false, Duration::ZERO), (true, GRACE), (false, GRACE)] {
        let points = (0..).map_while(|steps| interrupted(setting(holds, grace), steps));
        for (point, mut world) in points.enumerate() {
            let Some(chosen) = strike(&world) else { continue };
            world.make(chosen);
            let row = world.tally.rows.first().copied();
            rows.extend(row);
            let mut chance = Rng::with_seed(point as u64);
            simulation::go_on(&mut world, &mut chance, LONG);
            simulation::clear_up(&mut world, &mut chance);
            let place = format!("{chosen:?} at point {point}, hold {holds}, grace {grace:?}, {row:?}");
            assert_eq!(world.finding, None, "{place}");
            let (least, most) = if grace.is_zero() { logins(row, holds) } else { (0, 0) };
            assert!(
                (least..=most).contains(&world.tally.refusals),
                "{} logins: {place}",
                world.tally.refusals
            );
        }
    }
    rows
}

/// A fault of the request, wherever there is one on its way.
fn on_the_way(fault: Fault) -> impl Fn(&World) -> Option<Move> {
    move |world| {
        let task = world.processes[0].task.as_ref()?;
        matches!(task.doing, Doing::Leaving(_)).then_some(Move::Step(0, Some(fault)))
    }
}

/// A fault of the store, wherever it is asked for something.
fn at_the_store(fault: Fault) -> impl Fn(&World) -> Option<Move> {
    move |world| {
        let task = world.processes[0].task.as_ref()?;
        let asked = matches!(task.doing, Doing::Next(Action::Load | Action::Hold | Action::Swap(_)));
        asked.then_some(Move::Step(0, Some(fault)))
    }
}

#[test]
fn a_crash_costs_a_login_only_between_rotation_and_commit() {
    let rows = check(
        |_| Some(Move::Crash(0)),
        |row, _| if matches!(row, Some(Row::R2 | Row::R3)) { (1, 1) } else { (0, 0) },
    );
    assert_eq!(rows, BTreeSet::from([Row::R0, Row::R1, Row::R2, Row::R3, Row::R5]));
}

// Security: K3.
#[test]
fn a_long_pause_costs_a_login_only_while_the_request_is_out() {
    let rows = check(
        |_| Some(Move::Pause(0)),
        |row, holds| match row {
            // Whoever takes over may be refused, and the sleeper's token, stored over that, has gone with its family.
            Some(Row::R7 | Row::R8) if !holds => (0, 2),
            _ => (0, 0),
        },
    );
    assert_eq!(rows, BTreeSet::from([Row::R0, Row::R6, Row::R7, Row::R8]));
}

#[test]
fn a_request_that_the_server_did_not_act_on_costs_nothing() {
    for fault in [Fault::NotSent, Fault::RequestIsLost, Fault::ServerErrsEarly, Fault::Throttled] {
        check(on_the_way(fault), |_, _| (0, 0));
    }
}

#[test]
fn an_answer_that_is_lost_costs_a_login_without_grace() {
    for fault in [Fault::AnswerIsLost, Fault::ServerErrsLate] {
        check(on_the_way(fault), |_, _| (1, 1));
    }
}

#[test]
fn a_store_that_fails_for_a_moment_costs_nothing() {
    for fault in [Fault::StoreFails, Fault::AcknowledgementIsLost] {
        check(at_the_store(fault), |_, _| (0, 0));
    }
}

#[test]
fn another_login_overtakes_a_refresh_and_costs_nothing() {
    check(|_| Some(Move::Login(1)), |_, _| (0, 0));
}

#[test]
fn after_a_logout_nobody_has_a_token() {
    for steps in 0.. {
        let Some(mut world) = interrupted(setting(true, Duration::ZERO), steps) else { break };
        world.make(Move::Logout(1));
        let mut chance = Rng::with_seed(steps as u64);
        simulation::go_on(&mut world, &mut chance, LONG);
        assert_eq!(world.finding, None);
        let stored = world.store.ledger.as_ref().unwrap();
        assert_eq!((stored.state, stored.refresh), (State::LoggedOut, None));
        (0..3).for_each(|number| world.make(Move::Look(number)));
        assert!(world.processes.iter().all(|process| process.current.is_none()));
    }
}

#[test]
fn a_revoked_family_is_refused_once_and_then_left_alone() {
    for steps in 0.. {
        let Some(mut world) = interrupted(setting(true, Duration::ZERO), steps) else { break };
        world.make(Move::Revoke);
        let mut chance = Rng::with_seed(steps as u64);
        simulation::go_on(&mut world, &mut chance, 10 * LONG);
        let exchanges = world.tally.exchanges;
        simulation::go_on(&mut world, &mut chance, 10 * LONG);
        assert_eq!((world.finding, world.tally.refusals), (None, 1));
        assert_eq!(world.tally.exchanges, exchanges, "nobody knocks at a closed door");
        // Any login heals everybody.
        world.make(Move::Login(0));
        (0..3).for_each(|number| serve(&mut world, number));
        assert!(world.processes.iter().all(|process| !process.is_urgent(world.moment())));
        assert_eq!((world.finding, world.tally.exchanges), (None, exchanges));
    }
}

#[test]
fn without_jitter_there_are_exactly_as_many_requests_as_the_time_takes() {
    for holds in [true, false] {
        let mut world = World::new(setting(holds, Duration::ZERO));
        let end = world.now + 100 * Duration::from_secs(42);
        // Callers ask all the time: time passes only when none of them has anything to do.
        while world.now < end {
            let moves = world.moves();
            world.make(*moves.iter().find(|chosen| **chosen != Move::Tick).unwrap_or(&Move::Tick));
        }
        // The login was the first.
        assert_eq!((world.finding, 1 + world.tally.exchanges), (None, 100));
    }
}
