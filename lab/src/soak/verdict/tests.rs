use std::time::Duration;

use butlr_auth_testkit::{Event, EventKind};

use super::{Observations, Seen, Strike, Verdict};
use crate::soak::Row;
use crate::soak::outage::{Kind, Outage};

const SECOND: u64 = 1_000_000;

/// A run on tokens of two seconds, with a renewal every second and a half: the n-th one presents `refresh-n` and
/// brings `refresh-(n+1)` and `access-(n+1)`.
fn clean(renewals: u64) -> Observations {
    let mut observations = Observations {
        lifetime: 2 * SECOND,
        elapsed: (renewals + 1) * 3 / 2 * SECOND,
        logins: vec![0],
        ..Observations::default()
    };
    observations.tally.gets = 1;
    log_in(&mut observations, 1);
    for number in 1..=renewals {
        renew(&mut observations, &refresh(number), number + 1, number * 3 / 2 * SECOND);
    }
    observations
}

fn refresh(number: u64) -> String {
    format!("refresh-{number}")
}

fn issued(number: u64) -> Event {
    let mut event = Event::default();
    event.kind = EventKind::Exchange;
    event.outcome = "issued".to_owned();
    event.family = Some(1);
    event.issued = Some(refresh(number));
    event.access_token = Some(format!("access-{number}"));
    event.lifetime = Some(2000);
    event
}

fn log_in(observations: &mut Observations, number: u64) {
    let mut event = issued(number);
    event.grant_type = Some("password".to_owned());
    observations.events.push(event);
}

fn renew(observations: &mut Observations, presented: &str, number: u64, at: u64) {
    observations.sent.push((presented.to_owned(), at));
    observations
        .tokens
        .insert(format!("access-{number}"), Seen { refresh_at: at + SECOND, expires_at: at + 2 * SECOND });
    let mut event = issued(number);
    event.grant_type = Some("refresh_token".to_owned());
    event.presented = Some(presented.to_owned());
    observations.events.push(event);
}

fn refuse(observations: &mut Observations, presented: &str) {
    let mut event = issued(0);
    event.grant_type = Some("refresh_token".to_owned());
    event.outcome = "invalid_grant".to_owned();
    event.presented = Some(presented.to_owned());
    event.reuse = true;
    (event.issued, event.access_token) = (None, None);
    observations.events.push(event);
}

fn api_refuses(observations: &mut Observations, outcome: &str) {
    let mut event = Event::default();
    event.kind = EventKind::ApiRefusal;
    event.outcome = outcome.to_owned();
    event.access_token = Some("access-5".to_owned());
    observations.events.push(event);
}

fn strike(row: Row, presented: &str, in_flight: bool) -> Strike {
    Strike { row, presented: Some(presented.to_owned()), in_flight, at: 0 }
}

/// A strike at `refresh-3` after which the server takes the successor's replay for theft, and a person logs in.
fn lost(row: Row, in_flight: bool) -> Observations {
    let mut observations = clean(3);
    observations.strikes.push(strike(row, "refresh-3", in_flight));
    refuse(&mut observations, "refresh-3");
    observations.tally.errors.insert("LoginRequired".to_owned(), 7);
    log_in(&mut observations, 9);
    observations.logins.push(1);
    observations
}

#[track_caller]
fn check_holds(observations: &Observations) -> Verdict {
    let verdict = observations.judge();
    assert_eq!(verdict.violations, Vec::<String>::new());
    assert!(verdict.ok);
    verdict
}

#[track_caller]
fn check_violates(observations: &Observations, what: &str) {
    let verdict = observations.judge();
    assert!(!verdict.ok);
    let found = verdict.violations.iter().any(|violation| violation.starts_with(what));
    assert!(found, "{what} is not among {:?}", verdict.violations);
}

#[test]
fn run_without_a_fault_holds() {
    let verdict = check_holds(&clean(5));
    assert_eq!((verdict.exchanges, verdict.invalid_grant, verdict.reuse, verdict.forks), (6, 0, 0, 0));
}

#[test]
fn refresh_token_with_two_children_is_a_fork() {
    let mut observations = clean(5);
    renew(&mut observations, "refresh-2", 20, 9 * SECOND);
    check_violates(&observations, "I1");
    check_violates(&observations, "I4");
}

#[test]
fn fork_of_a_sleeper_counts_only_when_both_children_are_presented() {
    let mut observations = clean(5);
    observations.grace = Duration::from_secs(30);
    observations.strikes.push(strike(Row::R7, "refresh-2", false));
    renew(&mut observations, "refresh-2", 20, 9 * SECOND);
    check_holds(&observations);
    renew(&mut observations, "refresh-20", 21, 10 * SECOND);
    check_violates(&observations, "I1");
}

#[test]
fn refusal_without_a_strike_is_a_violation() {
    let mut observations = clean(3);
    refuse(&mut observations, "refresh-3");
    check_violates(&observations, "I2");
}

#[test]
fn more_exchanges_than_time_required_are_a_violation() {
    let mut observations = clean(5);
    observations.elapsed = SECOND;
    check_violates(&observations, "I3: exchanges beyond");
}

#[test]
fn exchange_sent_before_its_time_is_a_violation() {
    let mut observations = clean(5);
    observations.sent.push(("refresh-3".to_owned(), 3 * SECOND));
    check_violates(&observations, "I3: exchanges sent before");
}

#[test]
fn refresh_at_outside_the_policy_is_a_violation() {
    let mut observations = clean(5);
    observations.tokens.insert("access-9".to_owned(), Seen { refresh_at: SECOND, expires_at: 3 * SECOND });
    check_violates(&observations, "I3: tokens whose");
}

#[test]
fn needless_wait_is_a_violation() {
    let mut observations = clean(5);
    observations.tally.needless_waits = 1;
    check_violates(&observations, "I9");
}

#[test]
fn expired_token_is_a_violation_unless_the_call_outlived_it() {
    let mut observations = clean(5);
    api_refuses(&mut observations, "expired");
    check_violates(&observations, "I11: expired");
    observations.late.insert("access-4".to_owned(), 1);
    check_violates(&observations, "I11: expired");
    observations.late.insert("access-5".to_owned(), 1);
    check_holds(&observations);
    observations.tally.expired = 1;
    check_violates(&observations, "I11: expired");
}

#[test]
fn token_in_its_margin_is_a_violation_unless_an_event_says_so() {
    let mut observations = clean(5);
    observations.tally.stale = 1;
    check_violates(&observations, "I11: tokens in their margin");
    observations.tally.events.insert("stale_served".to_owned(), 1);
    check_holds(&observations);
}

#[test]
fn wrong_token_is_a_violation() {
    let mut observations = clean(5);
    api_refuses(&mut observations, "revoked");
    check_violates(&observations, "I11: wrong");
}

#[test]
fn unreadable_record_is_a_violation() {
    let mut observations = clean(5);
    observations.unreadable = 1;
    check_violates(&observations, "I14: records");
    let mut observations = clean(5);
    observations.tally.errors.insert("CorruptRecord".to_owned(), 1);
    check_violates(&observations, "I14: callers");
}

#[test]
fn login_without_a_strike_is_a_violation() {
    let mut observations = clean(5);
    log_in(&mut observations, 9);
    observations.logins.push(0);
    check_violates(&observations, "logins that no row");
}

#[test]
fn login_that_nobody_reports_is_a_violation() {
    let mut observations = clean(5);
    log_in(&mut observations, 9);
    check_violates(&observations, "logins that the journal");
}

#[test]
fn failed_get_without_a_fault_is_a_violation() {
    let mut observations = clean(5);
    observations.tally.errors.insert("Busy".to_owned(), 1);
    check_violates(&observations, "failed gets");
}

#[test]
fn run_without_a_get_is_a_violation() {
    let mut observations = clean(5);
    observations.tally.gets = 0;
    check_violates(&observations, "runs in which nobody");
}

#[test]
fn strict_server_explains_a_login_after_a_lost_answer_and_after_no_other_kill() {
    for row in [Row::R2, Row::R3, Row::R4] {
        assert_eq!(check_holds(&lost(row, false)).logins.len(), 1);
    }
    for row in [Row::R0, Row::R1, Row::R5, Row::R6] {
        check_violates(&lost(row, false), "logins that no row");
        check_violates(&lost(row, false), "I2");
    }
}

#[test]
fn request_that_the_server_honoured_after_its_sender_died_was_a_lost_answer() {
    assert_eq!(check_holds(&lost(Row::R1, true)).kills.first().map(|hit| hit.row), Some(Row::R2));
}

#[test]
fn sleeper_costs_a_login_only_where_somebody_can_take_over() {
    check_violates(&lost(Row::R7, false), "logins that no row");
    check_holds(&Observations { lease: true, ..lost(Row::R7, false) });
    check_violates(&lost(Row::R8, true), "logins that no row");
    check_holds(&Observations { lease: true, ..lost(Row::R8, true) });
}

#[test]
fn forgiving_server_explains_no_login() {
    let observations = Observations { grace: Duration::from_secs(30), ..lost(Row::R2, false) };
    check_violates(&observations, "logins that no row");
    check_violates(&observations, "callers that were told to log in");
}

#[test]
fn refresh_token_caught_in_a_strike_may_be_presented_again_but_not_for_ever() {
    let mut observations = clean(5);
    observations.grace = Duration::from_secs(30);
    observations.strikes.push(strike(Row::R2, "refresh-5", true));
    for _ in 0..3 {
        renew(&mut observations, "refresh-5", 6, 9 * SECOND);
    }
    observations.elapsed = 20 * SECOND;
    check_holds(&observations);
    renew(&mut observations, "refresh-5", 6, 9 * SECOND);
    check_violates(&observations, "I4");
}

/// Five renewals, and an outage of the store that was over before the last one.
fn after_an_outage() -> Observations {
    let mut observations = clean(5);
    observations.outages.push(Outage { kind: Kind::Frozen, over_at: 5 * SECOND });
    observations.tally.errors.insert("Storage".to_owned(), 7);
    observations
}

#[test]
fn outage_of_the_store_explains_its_own_errors_and_no_others() {
    let mut observations = after_an_outage();
    assert_eq!(check_holds(&observations).outages, [Kind::Frozen]);
    observations.tally.errors.insert("LoginRequired".to_owned(), 1);
    check_violates(&observations, "failed gets that no fault explains: 1");
    observations.outages.clear();
    check_violates(&observations, "failed gets that no fault explains: 8");
}

#[test]
fn outage_of_the_store_explains_no_reuse() {
    let mut observations = after_an_outage();
    refuse(&mut observations, "refresh-3");
    check_violates(&observations, "I2");
}

#[test]
fn outage_of_the_store_after_which_nobody_renews_is_a_violation() {
    let mut observations = after_an_outage();
    observations.outages.push(Outage { kind: Kind::Killed, over_at: 9 * SECOND });
    check_violates(&observations, "K1: outages of the store after which nobody renewed: 1");
}

#[test]
fn two_exchanges_within_a_second_are_told() {
    let mut observations = clean(3);
    assert_eq!(observations.too_close(), 0);
    let (_, last) = *observations.sent.last().unwrap();
    renew(&mut observations, &refresh(4), 5, last + SECOND / 2);
    assert_eq!(observations.too_close(), 1);
    // What a dead holder had sent is sent again at once.
    observations.strikes.push(Strike {
        row: Row::R2,
        presented: Some(refresh(4)),
        in_flight: true,
        at: last,
    });
    assert_eq!(observations.too_close(), 0);
    observations.strikes.clear();
    // So is an orphan, when what is in the record was refused.
    refuse(&mut observations, &refresh(3));
    assert_eq!(observations.too_close(), 0);
}

#[test]
fn a_request_is_sent_again_only_when_the_first_one_is_over() {
    let told = |again_at: u64, answered_at: Option<u64>, in_flight: bool, grace: u64| {
        let mut observations = clean(1);
        observations.grace = Duration::from_secs(grace);
        let began = 4 * SECOND;
        observations.sent.push((refresh(2), began));
        observations.strikes.push(Strike { row: Row::R2, presented: Some(refresh(2)), in_flight, at: began });
        if let Some(at) = answered_at {
            let mut event = issued(3);
            event.presented = Some(refresh(2));
            event.at = at / 1000;
            observations.events.push(event);
        }
        observations.sent.push((refresh(2), again_at));
        observations.too_soon()
    };
    // access-2 ends at 3 s.
    assert_eq!(told(6 * SECOND, None, true, 0), 1, "nobody knows what became of the first");
    assert_eq!(told(6 * SECOND, Some(5 * SECOND), true, 0), 0, "it was answered");
    assert_eq!(told(6 * SECOND, Some(7 * SECOND), true, 0), 1, "it was answered later");
    assert_eq!(told(34 * SECOND, None, true, 0), 0, "its time had passed");
    assert_eq!(told(6 * SECOND, None, false, 0), 0, "it never left");
    assert_eq!(told(6 * SECOND, None, true, 30), 0, "the server forgives");
}

#[test]
fn a_token_that_lives_is_a_reason_not_to_send_its_refresh_token_again() {
    let mut observations = clean(1);
    observations.sent.push((refresh(2), 2 * SECOND));
    observations.sent.push((refresh(2), 2 * SECOND + SECOND / 4));
    let mut event = issued(3);
    event.presented = Some(refresh(2));
    event.at = 2100;
    observations.events.push(event);
    assert_eq!(observations.too_soon(), 1);
}

#[test]
fn a_server_that_hands_out_one_token_for_all_its_life_is_asked_five_times_a_life_at_most() {
    let mut observations = clean(7);
    observations.lifetime = 12 * SECOND;
    observations.same_token = Some(crate::soak::SameToken::Remaining);
    // 12 seconds: one life that ends, one that has begun.
    assert_eq!(observations.judge().upper_bound, 11);
    assert_eq!(observations.early(), 0);
    observations.elapsed = SECOND;
    assert!(observations.judge().violations.iter().any(|told| told.starts_with("I3")));
}
