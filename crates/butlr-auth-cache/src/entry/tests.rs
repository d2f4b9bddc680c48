use butlr_auth_core::{ClientId, EndpointIdentity, ErrorKind, Provider};

use super::Entry;
use crate::{Id, Party, SessionKey};

fn key(name: &str) -> SessionKey {
    SessionKey::new(&EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli")), Party::User, name)
}

fn entry() -> Entry {
    Entry::new(Id::from_u128(7), r#"{"refresh_token":"canary","n":[1,2]}"#)
}

#[test]
fn the_stored_format_is_stable() {
    let bytes = entry().to_bytes(&key("default")).unwrap();
    insta::assert_snapshot!(str::from_utf8(&bytes).unwrap());
}

#[test]
fn an_entry_round_trips() {
    let bytes = entry().to_bytes(&key("a")).unwrap();
    let read = Entry::from_bytes(&key("a"), &bytes).unwrap();
    assert_eq!((read.write_id(), read.record()), (Id::from_u128(7), entry().record()));
}

// Security: I10.
#[test]
fn another_sessions_entry_is_refused() {
    let bytes = entry().to_bytes(&key("a")).unwrap();
    assert_eq!(Entry::from_bytes(&key("b"), &bytes).unwrap_err().kind(), ErrorKind::CorruptRecord);
}

// Security: I5.
#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    let bytes = entry().to_bytes(&key("a")).unwrap();
    for at in 0..bytes.len() {
        assert!(Entry::from_bytes(&key("a"), &bytes[..at]).is_err(), "cut at {at}");
        for bit in 0..8 {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1 << bit;
            let read = Entry::from_bytes(&key("a"), &flipped);
            assert!(read.is_err(), "bit {bit} of byte {at}");
            assert!(!format!("{:?}", read.unwrap_err()).contains("canary"));
        }
    }
}

// Security: I5.
#[test]
fn a_newer_format_is_told_apart_from_damage() {
    let text = String::from_utf8(entry().to_bytes(&key("a")).unwrap().to_vec()).unwrap();
    let newer = text.replacen("\"format\":2", "\"format\":9", 1);
    assert_eq!(Entry::from_bytes(&key("a"), newer.as_bytes()).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn debug_shows_no_record() {
    assert!(!format!("{:?}", entry()).contains("canary"));
}

#[test]
fn an_entry_of_the_format_before_is_seen_under_its_own_key_alone() {
    let before = key("a").without_purpose();
    let text = String::from_utf8(entry().to_bytes(&before).unwrap().to_vec()).unwrap();
    let text = text.replacen("\"format\":2", "\"format\":1", 1);
    assert!(Entry::from_bytes(&before, text.as_bytes()).is_ok());
    assert_eq!(Entry::from_bytes(&key("a"), text.as_bytes()).unwrap_err().kind(), ErrorKind::CorruptRecord);
}
