//! Every schedule of a small world, one after the other: breadth first, so that what is found is as short as can be.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher as _};
use std::time::Duration;

use butlr_auth_core::REFRESH_LIMIT;

use super::finding::Finding;
use super::mutation::Mutation;
use super::process::{Departed, Process};
use super::server::{Reuse, Rules, Successor, number_of};
use super::world::{Move, Setting, World, current_token};
use crate::protocol::attempt::LEASE_TTL;
use crate::protocol::{Ledger, State};

/// How much may happen in the world that is explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bounds {
    pub(super) processes: usize,
    pub(super) crashes: u8,
    pub(super) pauses: u8,
    /// How many exchanges succeed.
    pub(super) generations: u64,
}

/// Whoever stands still wakes up by then: long after its lease was lost, and after its request may have been repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(36);

/// What there was to see.
#[derive(Clone, Debug)]
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) moves: usize,
    pub(super) counterexample: Option<(Finding, Vec<Move>)>,
}

#[derive(Clone)]
struct Node {
    world: World,
    left: Bounds,
    path: usize,
}

/// Explores everything within the bounds, or until an invariant does not hold.
pub(super) fn explore(setting: Setting, bounds: Bounds) -> Explored {
    let mut paths: Vec<(usize, Option<Move>)> = vec![(0, None)];
    let first = Node { world: World::new(setting), left: bounds, path: 0 };
    let mut seen = HashSet::from([identity(&first)]);
    let mut ahead = VecDeque::from([first]);
    let mut moves = 0;
    while let Some(node) = ahead.pop_front() {
        for chosen in possible(&node) {
            moves += 1;
            let mut next = node.clone();
            spend(&mut next.left, chosen);
            next.world.make(chosen);
            if let Move::Get(number) = chosen {
                // A caller who asks later is the same as one whose process is slow to look.
                next.world.make(Move::Step(number, None));
            }
            let fresh = seen.insert(identity(&next));
            if !fresh && next.world.finding.is_none() {
                continue;
            }
            next.path = paths.len();
            paths.push((node.path, Some(chosen)));
            if let Some(finding) = next.world.finding {
                let counterexample = Some((finding, way_to(next.path, &paths)));
                return Explored { states: seen.len(), moves, counterexample };
            }
            if !is_quiet(&next.world) {
                ahead.push_back(next);
            }
        }
    }
    Explored { states: seen.len(), moves, counterexample: None }
}

/// Whether nothing is left of what happened: nobody does or sleeps over anything, and the record names one live
/// refresh token and no lease, intent, orphan or failure. But for the names this is the first state again, where all
/// processes know nothing (the first look makes up for that) and more may go wrong: what follows has been explored
/// from there. So whatever holds up to here holds for any number of generations.
fn is_quiet(world: &World) -> bool {
    let asleep = |process: &Process| process.task.is_none() && process.paused.is_none();
    let unburdened = |ledger: &Ledger| {
        let token = current_token(ledger).map(number_of);
        ledger.generation > 1
            && ledger.state == State::Active
            && (ledger.lease, ledger.intent, ledger.failure) == (None, None, None)
            && ledger.orphans.is_empty()
            && token.is_some_and(|token| {
                let token = &world.server.tokens[token];
                token.spent_at.is_none() && !token.revoked
            })
    };
    world.processes.iter().all(asleep) && world.store.ledger.as_ref().is_some_and(unburdened)
}

/// The moves of the world that the bounds allow, and those that go wrong.
fn possible(node: &Node) -> Vec<Move> {
    let Node { world, left, .. } = node;
    let running = |number: &usize| world.processes[*number].paused.is_none();
    let busy =
        (0..world.processes.len()).filter(running).filter(|number| world.processes[*number].task.is_some());
    // A step that is nobody else's business can as well be made first: every order has the same result.
    let private = busy.clone().find(|number| {
        world.processes[*number]
            .task
            .as_ref()
            .is_some_and(|task| task.is_private(world.store.holds) && task.is_ready(world.now))
    });
    let mut moves = match private {
        Some(number) => vec![Move::Step(number, None)],
        None => usual(node),
    };
    // A process that does nothing loses nothing by dying or standing still.
    for number in busy.filter(|number| private.is_none_or(|private| private == *number)) {
        if left.crashes > 0 {
            moves.push(Move::Crash(number));
        }
        if left.pauses > 0 {
            moves.push(Move::Pause(number));
        }
    }
    moves
}

fn usual(node: &Node) -> Vec<Move> {
    let Node { world, left, .. } = node;
    let ledger = world.store.ledger.as_ref();
    // After the last generation nobody asks any more, nor once a person is needed.
    let over =
        ledger.is_some_and(|ledger| ledger.generation > left.generations || ledger.state != State::Active);
    let idle = world.processes.iter().all(|process| process.task.is_none());
    let awaited = !over && world.processes.iter().any(|process| process.wants_a_token(world.moment()));
    let overslept = |process: &Process, limit| process.paused.is_some_and(|since| world.now - since >= limit);
    let late = world.processes.iter().any(|process| overslept(process, LONGEST_PAUSE));
    // Of those that have done nothing yet, one is as good as another.
    let first_unborn = world.processes.iter().position(Process::is_unborn);
    let mut moves = world.moves();
    moves.retain(|chosen| match chosen {
        Move::Get(number) if world.processes[*number].is_unborn() => !over && first_unborn == Some(*number),
        Move::Get(_) => !over,
        // Standing still matters when time passes meanwhile; without, it is but another order.
        Move::Resume(number) => overslept(&world.processes[*number], LEASE_TTL),
        // Callers come late together or not at all.
        Move::Tick => !late && if idle { !over } else { !awaited },
        _ => true,
    });
    moves
}

fn spend(left: &mut Bounds, chosen: Move) {
    match chosen {
        Move::Crash(_) => left.crashes -= 1,
        Move::Pause(_) => left.pauses -= 1,
        _ => {}
    }
}

/// What decides the future of a state: two that agree in it are one. Versions are only ever compared with the
/// store's, processes have no order, and what has been counted matters only as far as the checks ask for it.
fn identity(node: &Node) -> u64 {
    let Node { world, left, .. } = node;
    let holder = world.store.holder.and_then(|holder| world.processes[holder].owner);
    let blameless = world.tally.faults == 0;
    let requests = requests_of(world);
    digest(&(left, world.now, &world.server.tokens, &world.store.ledger, holder, blameless, requests))
        .wrapping_add(
            world.processes.iter().map(|process| identity_of(process, world)).fold(0, u64::wrapping_add),
        )
}

/// Of the requests that have left, those that the next one may come too soon after.
fn requests_of(world: &World) -> (Option<Duration>, Vec<Departed>) {
    let last = world.last_request.filter(|last| world.now - *last < Duration::from_secs(1));
    let departed = world.departed.iter().filter(|departed| {
        let limit = if departed.answered { Duration::from_secs(1) } else { REFRESH_LIMIT };
        world.now - departed.at < limit
    });
    (last, departed.copied().collect())
}

fn identity_of(process: &Process, world: &World) -> u64 {
    let Process { owner, paused, memory, current, watched, not_before, failed_until, task } = process;
    let task = task.as_ref().map(|task| {
        let seen = task.version == world.store.version;
        let checked = (task.claim, &task.presented, task.received, task.slept, task.overslept, task.warned);
        (&task.attempt, &task.doing, seen, checked)
    });
    // What is over is over: only later instants, and leases that still stand, can make a difference.
    let due = |instant: &Duration| (*instant).max(world.now);
    let lease = world.store.ledger.as_ref().and_then(|ledger| ledger.lease);
    let watched = watched.filter(|watched| {
        lease.is_some_and(|lease| (lease.fence, lease.beat) == (watched.fence, watched.beat))
    });
    digest(&(owner, paused, memory, current, watched, due(not_before), due(failed_until), task))
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn way_to(end: usize, paths: &[(usize, Option<Move>)]) -> Vec<Move> {
    let mut at = end;
    let mut way = Vec::new();
    while let (before, Some(chosen)) = paths[at] {
        way.push(chosen);
        at = before;
    }
    way.reverse();
    way
}

pub(super) fn setting(processes: usize, grace: Duration, holds: bool, mutation: Option<Mutation>) -> Setting {
    Setting {
        rules: Rules {
            grace,
            successor: Successor::Sibling,
            reuse: Reuse::KillsTheFamily,
            keeps_tokens: false,
        },
        holds,
        processes,
        lifetime: Duration::from_secs(60),
        poll: Duration::from_secs(6),
        mutation,
    }
}

pub(super) const NO_GRACE: Duration = Duration::ZERO;

/// Longer than any recovery within the bounds.
pub(super) const GRACE: Duration = Duration::from_secs(3600);

/// Explores all of it; nothing may be found. What has hundreds of thousands of states is there in optimised builds
/// only: `cargo xtask ci model`.
#[track_caller]
fn check(bounds: Bounds) {
    for holds in [true, false] {
        for grace in [NO_GRACE, GRACE] {
            let explored = explore(setting(bounds.processes, grace, holds, None), bounds);
            assert!(explored.states <= explored.moves, "every state but the first was reached by a move");
            assert_eq!(explored.counterexample, None, "hold {holds}, grace {grace:?}");
        }
    }
}

#[test]
fn three_processes_without_misfortune() {
    check(Bounds { processes: 3, crashes: 0, pauses: 0, generations: 3 });
}

#[test]
fn two_processes_and_a_crash() {
    check(Bounds { processes: 2, crashes: 1, pauses: 0, generations: 3 });
}

/// A server that hands out one access token for all its life is asked as seldom as any (I17).
#[test]
fn two_processes_and_a_crash_on_a_server_that_keeps_its_tokens() {
    let bounds = Bounds { processes: 2, crashes: 1, pauses: 0, generations: 3 };
    for (holds, grace) in [(true, NO_GRACE), (true, GRACE), (false, NO_GRACE), (false, GRACE)] {
        let mut setting = setting(bounds.processes, grace, holds, None);
        setting.rules.keeps_tokens = true;
        assert_eq!(explore(setting, bounds).counterexample, None, "hold {holds}, grace {grace:?}");
    }
}

#[test]
fn two_processes_and_a_pause() {
    check(Bounds { processes: 2, crashes: 0, pauses: 1, generations: 3 });
}

#[test]
#[cfg(not(debug_assertions))]
fn two_processes_and_two_crashes() {
    check(Bounds { processes: 2, crashes: 2, pauses: 0, generations: 3 });
}

#[test]
#[cfg(not(debug_assertions))]
fn two_processes_a_crash_and_a_pause() {
    check(Bounds { processes: 2, crashes: 1, pauses: 1, generations: 3 });
}

#[test]
#[cfg(not(debug_assertions))]
fn three_processes_and_a_crash() {
    check(Bounds { processes: 3, crashes: 1, pauses: 0, generations: 3 });
}

#[test]
#[cfg(not(debug_assertions))]
fn three_processes_and_a_pause() {
    check(Bounds { processes: 3, crashes: 0, pauses: 1, generations: 3 });
}
