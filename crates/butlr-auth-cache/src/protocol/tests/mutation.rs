//! The protocol with one thing left out at a time. The proof is worth something only if it finds each of them out.

use super::finding::Finding;
use super::model::{self, Bounds, GRACE, NO_GRACE};
use super::simulation::{self, ROUGH, Weather};

/// The protocol with one change. Each must be found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mutation {
    /// The claim is written without its intent.
    DropTheIntent,
    /// A process goes by the record that it remembers.
    SkipTheReload,
    /// A commit does not see that somebody else has taken over.
    IgnoreTheFence,
    /// A token is handed out before its refresh token is stored.
    PublishBeforePersisting,
    /// A request leaves however long ago the last beat was.
    IgnoreTheGuard,
    /// A lease does not beat.
    ForgetToBeat,
    /// Every server is taken for one that answers spent refresh tokens.
    ReplayWithoutGrace,
}

/// The model finds the mutation out, by one of these findings, in this world.
#[track_caller]
fn model_finds(mutation: Mutation, holds: bool, generous: bool, bounds: Bounds, expected: &[Finding]) {
    let grace = if generous { GRACE } else { NO_GRACE };
    let explored = model::explore(model::setting(bounds.processes, grace, holds, Some(mutation)), bounds);
    let (finding, _) = explored.counterexample.expect("a counterexample");
    assert!(expected.contains(&finding), "{finding:?}");
}

/// Schedules that chance has drawn find the mutation out, by one of these findings.
#[track_caller]
fn simulation_finds(mutation: Mutation, generous: bool, weather: Weather, expected: &[Finding]) {
    let found = (0..2000).find_map(|seed| simulation::play(seed, generous, weather, Some(mutation)).finding);
    assert!(found.is_some_and(|finding| expected.contains(&finding)), "{found:?}");
}

const CRASH: Bounds = Bounds { processes: 2, crashes: 1, pauses: 0, generations: 2 };
const PAUSE: Bounds = Bounds { processes: 2, crashes: 0, pauses: 1, generations: 2 };
const CALM: Bounds = Bounds { processes: 2, crashes: 0, pauses: 0, generations: 2 };

#[test]
fn dropping_the_intent_is_found() {
    let expected = [Finding::OutsideItsIntent, Finding::ReplayedTooSoon, Finding::TooClose];
    model_finds(Mutation::DropTheIntent, true, false, CRASH, &expected);
    simulation_finds(Mutation::DropTheIntent, true, ROUGH, &expected);
}

#[test]
fn skipping_the_reload_is_found() {
    let expected = [Finding::PresentedTwice, Finding::TooEarly, Finding::WentBack, Finding::OutsideItsIntent];
    model_finds(Mutation::SkipTheReload, true, false, CALM, &expected);
    simulation_finds(Mutation::SkipTheReload, false, simulation::CALM, &expected);
}

#[test]
fn ignoring_the_fence_is_found() {
    let expected = [Finding::OlderFence, Finding::WentBack];
    model_finds(Mutation::IgnoreTheFence, false, true, PAUSE, &expected);
    simulation_finds(Mutation::IgnoreTheFence, true, ROUGH, &expected);
}

// Security: D4.
#[test]
fn publishing_before_persisting_is_found() {
    let expected = [Finding::ShownBeforeDurable];
    model_finds(Mutation::PublishBeforePersisting, true, false, CALM, &expected);
    simulation_finds(Mutation::PublishBeforePersisting, true, simulation::CALM, &expected);
}

#[test]
fn ignoring_the_guard_is_found() {
    let expected = [Finding::AvoidableReuse, Finding::TooClose];
    model_finds(Mutation::IgnoreTheGuard, false, false, PAUSE, &expected);
}

#[test]
fn forgetting_to_beat_is_found() {
    simulation_finds(Mutation::ForgetToBeat, true, ROUGH, &[Finding::StolenFromTheLiving]);
}

#[test]
fn replaying_without_grace_is_found() {
    model_finds(Mutation::ReplayWithoutGrace, true, false, CRASH, &[Finding::ReplayedTooSoon]);
    let expected = [Finding::ReplayedTooSoon, Finding::TooClose, Finding::RepeatedTooSoon];
    simulation_finds(Mutation::ReplayWithoutGrace, false, ROUGH, &expected);
}
