use butlr_auth_testkit::{Event, Judgement};
use serde_json::json;

#[track_caller]
fn judge(events: serde_json::Value) -> Judgement {
    Judgement::of(&serde_json::from_value::<Vec<Event>>(events).unwrap())
}

fn refresh(presented: &str, issued: &str, at: u64) -> serde_json::Value {
    json!({ "kind": "exchange", "grant_type": "refresh_token", "outcome": "issued", "family": 1,
            "presented": presented, "issued": issued, "at": at, "lifetime": 2000 })
}

#[test]
fn a_path_is_clean() {
    let login = json!({ "kind": "exchange", "grant_type": "password", "outcome": "issued", "family": 1,
                        "issued": "a", "at": 0, "lifetime": 2000 });
    let judgement = judge(json!([login, refresh("a", "b", 1500), refresh("b", "c", 3200)]));
    assert!(judgement.is_clean());
    let family = &judgement.families[&1];
    assert_eq!(family.refresh_tokens, ["a", "b", "c"]);
    assert_eq!(family.renewals.iter().map(|renewal| renewal.age).collect::<Vec<_>>(), [1500, 1700]);
}

#[test]
fn two_children_are_a_fork_and_two_presentations_are_not_clean() {
    let judgement = judge(json!([refresh("a", "b", 1), refresh("a", "c", 2)]));
    assert_eq!((judgement.forks, judgement.presentations), (1, 2));
    assert!(!judgement.is_clean());
}

#[test]
fn a_swallowed_presentation_counts() {
    let fault =
        json!({ "kind": "fault", "outcome": "fault", "presented": "a", "fault": "cut_before_commit" });
    let judgement = judge(json!([fault, refresh("a", "b", 1)]));
    assert_eq!((judgement.presentations, judgement.faults, judgement.refreshes), (2, 1, 1));
}
