use std::time::Duration;

use butlr_auth_core::{AccessToken, Clock, Fingerprint, ManualClock, RefreshToken, Scope, Words};

use super::Record;
use crate::key::TokenKey;
use crate::protocol::{Epoch, Issued, Ledger, Lifetime, Refresh};
use crate::{Entry, Id, Party};

fn record() -> Record {
    let (refresh, access) =
        (RefreshToken::new("canary-r%3d").unwrap(), AccessToken::new("canary-a").unwrap());
    let mut ledger = Ledger::new(Epoch { counter: 1, login: Id::from_u128(1) });
    ledger.refresh = Some(Refresh { fingerprint: refresh.fingerprint() });
    let issued = Issued {
        fingerprint: access.fingerprint(),
        scope: "read:rooms".parse().unwrap(),
        obtained_at: ManualClock::new().now(),
        lifetime: Lifetime::Said(Duration::from_secs(1000)),
        refresh_after: Duration::from_secs(700),
        mandatory_after: Duration::from_secs(900),
        generation: 1,
        confirmed: 0,
    };
    ledger.access.insert(TokenKey::new(&Words::default().purpose(), Party::User, &Scope::empty()), issued);
    let mut record = Record::new("https://as.example.com", ledger);
    record.refresh_tokens.insert(refresh.fingerprint(), refresh);
    record.access_tokens.insert(access.fingerprint(), access);
    record
}

#[test]
fn the_stored_record_is_stable() {
    let entry = record().encode(Id::from_u128(7)).unwrap();
    let json: serde_json::Value = serde_json::from_str(entry.record()).unwrap();
    insta::with_settings!({ sort_maps => true }, { insta::assert_json_snapshot!(json) });
}

#[test]
fn a_record_round_trips_with_its_secrets() {
    let read = Record::decode(&record().encode(Id::random()).unwrap()).unwrap();
    assert_eq!(read.ledger, record().ledger);
    assert_eq!(read.refresh_tokens.values().next().unwrap().expose(), "canary-r%3d");
}

#[test]
fn secrets_that_the_ledger_no_longer_names_are_dropped() {
    let mut ledger = record().ledger;
    ledger.refresh = Some(Refresh { fingerprint: Fingerprint::of(b"another") });
    let kept = record().with_ledger(ledger);
    assert!(kept.refresh_tokens.is_empty());
    assert_eq!(kept.access_tokens.values().count(), 1);
}

// Security: H1.
#[test]
fn debug_and_errors_show_no_secret() {
    assert!(!format!("{:?}", record()).contains("canary"));
    let bad = Entry::new(Id::random(), r#"{"origin":"o","ledger":"canary"}"#);
    assert!(!format!("{:?}", Record::decode(&bad).unwrap_err()).contains("canary"));
}
