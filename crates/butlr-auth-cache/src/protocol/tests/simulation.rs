//! Long schedules that chance has drawn, on a clock that moves when nobody has anything to do. A seed is a schedule:
//! what fails can be played again.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;

use super::finding::Finding;
use super::mutation::Mutation;
use super::process::Doing;
use super::server::{Reuse, Rules, Successor};
use super::store::Outage;
use super::world::{Fault, Move, Row, Setting, World};
use crate::protocol::{Epoch, State};

/// Longer than any schedule.
pub(super) const GRACE: Duration = Duration::from_secs(1_000_000);

/// What may go wrong, and how many moves in a thousand do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Weather {
    permille: u16,
    /// Whether people and servers take part: logins, logouts and revocations.
    people: bool,
    /// Whether the store may lose what it has acknowledged.
    forgetful: bool,
}

pub(super) const CALM: Weather = Weather { permille: 0, people: false, forgetful: false };
pub(super) const ROUGH: Weather = Weather { permille: 60, people: false, forgetful: false };
pub(super) const STORM: Weather = Weather { permille: 60, people: true, forgetful: true };

/// A setting that differs from seed to seed in everything but the grace.
pub(super) fn drawn_setting(chance: &mut Rng, generous: bool, mutation: Option<Mutation>) -> Setting {
    Setting {
        rules: Rules {
            grace: if generous { GRACE } else { Duration::ZERO },
            successor: if chance.bool() { Successor::Same } else { Successor::Sibling },
            reuse: if chance.bool() { Reuse::KillsTheFamily } else { Reuse::IsRefused },
            // Looked at and not taken: what else is drawn stays as it was.
            keeps_tokens: chance.clone().u8(0..3) == 0,
        },
        holds: chance.bool(),
        processes: chance.usize(2..=5),
        lifetime: Duration::from_secs(60),
        poll: Duration::from_millis(chance.u64(50..=250)),
        mutation,
    }
}

/// Plays a schedule of so many moves, then lets the weather clear and sees whether the session goes on.
pub(super) fn play(seed: u64, generous: bool, weather: Weather, mutation: Option<Mutation>) -> World {
    let mut chance = Rng::with_seed(seed);
    let mut world = World::new(drawn_setting(&mut chance, generous, mutation));
    for _ in 0..chance.usize(50..600) {
        let chosen = draw(&world, &mut chance, weather);
        world.make(chosen);
        if world.finding.is_some() {
            return world;
        }
    }
    clear_up(&mut world, &mut chance);
    world
}

/// Nothing goes wrong from now on: within a lifetime or two somebody has a new token, or a person is needed.
pub(super) fn clear_up(world: &mut World, chance: &mut Rng) {
    world.make(Move::Outage(None));
    let number_of_processes = world.processes.len();
    (0..number_of_processes).for_each(|number| world.make(Move::Resume(number)));
    let before = generation(world);
    go_on(world, chance, 3 * world.setting.lifetime);
    let active = world.store.ledger.as_ref().is_some_and(|ledger| ledger.state == State::Active);
    if active && generation(world) == before {
        world.found(Finding::Stuck);
    }
}

/// Lets time pass, and nothing else go wrong. Whoever stands still goes on doing so.
pub(super) fn go_on(world: &mut World, chance: &mut Rng, time: Duration) {
    let until = world.now + time;
    while world.now < until && world.finding.is_none() {
        let chosen = draw(world, chance, CALM);
        if !matches!(chosen, Move::Resume(_)) {
            world.make(chosen);
        }
        if world.moves().iter().all(|chosen| matches!(chosen, Move::Resume(_))) {
            // Nobody is left who could do anything, or has anything to wait for.
            world.now += Duration::from_secs(1);
        }
    }
}

fn generation(world: &World) -> Option<(Epoch, u64)> {
    world.store.ledger.as_ref().map(|ledger| (ledger.epoch, ledger.generation))
}

fn draw(world: &World, chance: &mut Rng, weather: Weather) -> Move {
    if chance.u16(0..1000) < weather.permille
        && let Some(misfortune) = draw_misfortune(world, chance, weather)
    {
        return misfortune;
    }
    let mut moves = world.moves();
    // Whoever stands still does so for a while: time passes more easily than people wake.
    if chance.u8(0..12) != 0 && moves.iter().any(|chosen| !matches!(chosen, Move::Resume(_))) {
        moves.retain(|chosen| !matches!(chosen, Move::Resume(_)));
    }
    if let Some(Move::Step(number, None)) = chance.choice(&moves).copied() {
        let leaves =
            matches!(&world.processes[number].task, Some(task) if matches!(task.doing, Doing::Leaving(_)));
        let slow = Fault::Slow(Duration::from_millis(chance.u64(0..8000)));
        return Move::Step(number, (leaves && weather != CALM && chance.bool()).then_some(slow));
    }
    match chance.choice(&moves) {
        Some(Move::Tick) if chance.u8(0..8) == 0 => Move::Look(chance.usize(0..world.processes.len())),
        Some(chosen) => *chosen,
        None => Move::Look(0),
    }
}

fn draw_misfortune(world: &World, chance: &mut Rng, weather: Weather) -> Option<Move> {
    let number = chance.usize(0..world.processes.len());
    let process = &world.processes[number];
    let awake = process.paused.is_none();
    let ready = process.task.as_ref().filter(|task| awake && task.is_ready(world.now));
    match chance.u8(0..12) {
        0..2 if awake => Some(Move::Crash(number)),
        2..4 if awake => Some(Move::Pause(number)),
        4 => {
            let outages = [None, None, Some(Outage::Unwritable), Some(Outage::Unreachable)];
            outages.get(chance.usize(0..outages.len())).copied().map(Move::Outage)
        }
        5 if weather.forgetful => Some(Move::LoseTheLastWrite),
        6 if weather.people => chance.choice([Move::Login(number), Move::Logout(number), Move::Revoke]),
        _ => {
            let faults: &[Fault] = match &ready?.doing {
                Doing::Leaving(_) => &[
                    Fault::NotSent,
                    Fault::RequestIsLost,
                    Fault::AnswerIsLost,
                    Fault::AnswerIsCutOff,
                    Fault::AnswerIsBlemished,
                    Fault::Refused,
                    Fault::ServerErrsEarly,
                    Fault::ServerErrsLate,
                    Fault::Throttled,
                ],
                Doing::Next(_) => &[Fault::StoreFails, Fault::AcknowledgementIsLost],
                _ => return None,
            };
            chance.choice(faults).map(|fault| Move::Step(number, Some(*fault)))
        }
    }
}

/// Plays schedules in a kind of weather; none may break an invariant.
#[track_caller]
fn check(schedules: u64, generous: bool, weather: Weather) -> Summary {
    let mut summary = Summary::default();
    for seed in 0..schedules {
        let world = play(seed, generous, weather, None);
        assert_eq!(world.finding, None, "seed {seed}, generous {generous}, {weather:?}: {:?}", world.tally);
        summary.add(&world);
    }
    summary
}

#[derive(Debug, Default)]
struct Summary {
    exchanges: u32,
    refusals: u32,
    reuses: u32,
    rows: BTreeMap<Row, u32>,
}

impl Summary {
    fn add(&mut self, world: &World) {
        self.exchanges += world.tally.exchanges;
        self.refusals += world.tally.refusals;
        self.reuses += world.tally.reuses;
        for row in &world.tally.rows {
            *self.rows.entry(*row).or_default() += 1;
        }
    }
}

#[test]
fn in_calm_weather_nothing_is_presented_twice() {
    for generous in [false, true] {
        let summary = check(300, generous, CALM);
        assert_eq!((summary.refusals, summary.reuses), (0, 0));
    }
}

#[test]
fn with_grace_no_crash_pause_or_lost_message_costs_a_login() {
    let summary = check(2000, true, ROUGH);
    assert_eq!(summary.refusals, 0);
    assert!(summary.rows.values().all(|hits| *hits >= 10), "{:?}", summary.rows);
}

#[test]
fn without_grace_every_login_has_its_row() {
    let summary = check(2000, false, ROUGH);
    assert!(summary.refusals > 0, "the schedules reach the windows that cannot be closed");
}

#[test]
fn logins_logouts_and_forgetful_stores_mix_no_families() {
    for generous in [false, true] {
        check(1000, generous, STORM);
    }
}
