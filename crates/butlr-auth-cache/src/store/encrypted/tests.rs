use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use butlr_auth_core::{ClientId, Error, ErrorKind};
use proptest::prelude::*;
use tokio::runtime;

use super::Encrypted;
use crate::{
    EncryptionKey, EncryptionKeys, Entry, Id, MemoryStore, Party, SessionKey, Swap, TokenStore as _,
};

const CANARY: &str = r#"{"refresh_token":"canary-of-a-secret"}"#;

fn session(name: &str) -> SessionKey {
    SessionKey {
        provider_id: "butlr".to_owned(),
        client_id: ClientId::new("cli"),
        party: Party::User,
        name: name.to_owned(),
        purpose: None,
    }
}

/// A store inside, and the one around it.
struct Fixture {
    inside: MemoryStore,
    store: Encrypted<MemoryStore>,
}

impl Fixture {
    fn new() -> Self {
        Self::with(MemoryStore::new(), EncryptionKey::generate())
    }

    fn with(inside: MemoryStore, keys: impl Into<EncryptionKeys>) -> Self {
        Self { store: Encrypted::new(inside.clone(), keys), inside }
    }

    fn write(&self, name: &str, document: &str) -> Entry {
        let entry = Entry::new(Id::random(), document);
        let expected = load_from(&self.inside, name).map(|stored| stored.write_id());
        let swap = block_on(self.store.compare_and_swap(&session(name), expected, &entry)).unwrap();
        assert_eq!(swap, Swap::Swapped);
        load_from(&self.inside, name).unwrap()
    }

    fn put(&self, name: &str, stored: &Entry) {
        let expected = load_from(&self.inside, name).map(|stored| stored.write_id());
        let swap = block_on(self.inside.compare_and_swap(&session(name), expected, stored)).unwrap();
        assert_eq!(swap, Swap::Swapped);
    }

    fn load(&self, name: &str) -> Result<Option<Entry>, Error> {
        block_on(self.store.load(&session(name)))
    }

    #[track_caller]
    fn check_stored(&self, document: &str) {
        assert_eq!(self.load("a").unwrap().unwrap().record(), document);
    }

    #[track_caller]
    fn check_refused(&self, kind: ErrorKind, says: &str) {
        let error = self.load("a").unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

fn load_from(store: &MemoryStore, name: &str) -> Option<Entry> {
    block_on(store.load(&session(name))).unwrap()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn what_is_stored_has_this_form() {
    let fixture = Fixture::with(MemoryStore::new(), EncryptionKey::from_bytes([7; 32]));
    let stored = fixture.write("a", CANARY);
    let (form, sealed) = stored.record().split_once(r#""sealed":""#).unwrap();
    insta::assert_snapshot!(form, @r#"{"cipher":"XChaCha20-Poly1305","key_id":"9a35c7bb5da58993d6bddb700899ad3e","#);
    let bytes = STANDARD_NO_PAD.decode(sealed.strip_suffix(r#""}"#).unwrap()).unwrap();
    assert_eq!(bytes.len(), 24 + CANARY.len() + 16, "nonce, ciphertext and tag");
}

/// The bytes of version 1, so that no later version forgets how to read them.
#[test]
fn what_the_first_version_stored_is_read() {
    let fixture = Fixture::with(MemoryStore::new(), EncryptionKey::from_bytes([7; 32]));
    let stored = Entry::new(Id::from_u128(1), include_str!("tests/sealed-1.json").trim_end());
    fixture.put("a", &stored);
    fixture.check_stored(CANARY);
}

#[test]
fn nothing_of_the_document_is_in_what_is_stored_and_no_two_writes_are_alike() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.write("a", CANARY), fixture.write("a", CANARY));
    assert_ne!(first.record(), second.record());
    for stored in [first, second] {
        for part in ["canary", "refresh", "secret"] {
            assert!(!stored.record().contains(part), "{}", stored.record());
        }
    }
    fixture.check_stored(CANARY);
}

#[test]
fn an_old_key_reads_and_the_next_write_takes_the_new_one() {
    let (old, new) = (EncryptionKey::generate(), EncryptionKey::generate());
    let before = Fixture::with(MemoryStore::new(), old.clone());
    before.write("a", CANARY);
    let both = Fixture::with(before.inside.clone(), EncryptionKeys::new(new.clone()).and_old(old));
    both.check_stored(CANARY);
    let after = Fixture::with(before.inside.clone(), new);
    after.check_refused(ErrorKind::CorruptRecord, "a key that is not here");
    both.write("a", "\"rotated\"");
    after.check_stored("\"rotated\"");
    before.check_refused(ErrorKind::CorruptRecord, "a key that is not here");
}

// Security: I8.
#[test]
fn a_wrong_key_changes_nothing_and_names_the_right_one() {
    let fixture = Fixture::new();
    let stored = fixture.write("a", CANARY);
    let other = Fixture::with(fixture.inside.clone(), EncryptionKey::generate());
    other.check_refused(ErrorKind::CorruptRecord, &fixture.store.keys.current().id().to_string());
    assert_eq!(load_from(&fixture.inside, "a").unwrap().record(), stored.record());
    fixture.check_stored(CANARY);
}

// Security: I8.
#[test]
fn a_key_that_lies_about_its_id_opens_nothing() {
    let fixture = Fixture::new();
    let stored = fixture.write("a", CANARY);
    let other = Fixture::with(fixture.inside.clone(), EncryptionKey::generate());
    let renamed = stored.record().replace(
        &fixture.store.keys.current().id().to_string(),
        &other.store.keys.current().id().to_string(),
    );
    assert_ne!(renamed, stored.record());
    other.put("a", &Entry::new(stored.write_id(), renamed));
    other.check_refused(ErrorKind::CorruptRecord, "was changed");
}

// Security: I8.
#[test]
fn entries_of_other_sessions_and_versions_are_refused() {
    let fixture = Fixture::new();
    let (first, second) = (fixture.write("a", CANARY), fixture.write("b", CANARY));
    fixture.put("a", &second);
    fixture.check_refused(ErrorKind::CorruptRecord, "belongs elsewhere");
    fixture.put("a", &Entry::new(Id::random(), first.record()));
    fixture.check_refused(ErrorKind::CorruptRecord, "belongs elsewhere");
    fixture.put("a", &first);
    fixture.check_stored(CANARY);
}

#[test]
fn a_login_replaces_what_cannot_be_read_and_keeps_it_aside() {
    let fixture = Fixture::new();
    let lost = fixture.write("a", CANARY);
    let other = Fixture::with(fixture.inside.clone(), EncryptionKey::generate());
    let entry = Entry::new(Id::random(), "\"anew\"");
    let swap = |expected| block_on(other.store.compare_and_swap(&session("a"), expected, &entry)).unwrap();
    assert_eq!(swap(Some(Id::random())), Swap::Conflict);
    assert_eq!(swap(None), Swap::Swapped);
    other.check_stored("\"anew\"");
    assert_eq!(swap(None), Swap::Conflict, "what can be read is not replaced");
    let kept = format!("{:?}", fixture.inside);
    assert!(kept.contains("a.corrupt-") && kept.contains(&lost.write_id().to_string()), "{kept}");
}

#[test]
fn an_unencrypted_session_is_refused_unless_it_is_allowed() {
    let fixture = Fixture::new();
    fixture.put("a", &Entry::new(Id::random(), CANARY));
    fixture.check_refused(ErrorKind::Configuration, "`read_plain`");
    let entry = Entry::new(Id::random(), "1");
    let swap = block_on(fixture.store.compare_and_swap(&session("a"), None, &entry)).unwrap();
    assert_eq!(swap, Swap::Conflict, "it is not replaced either");

    let store = Encrypted::new(fixture.inside.clone(), fixture.store.keys.clone()).read_plain();
    let migrating = Fixture { inside: fixture.inside.clone(), store };
    migrating.check_stored(CANARY);
    migrating.write("a", "\"encrypted\"");
    fixture.check_stored("\"encrypted\"");
}

#[test]
fn a_newer_cipher_is_refused_and_left_as_it_is() {
    let fixture = Fixture::new();
    let stored = fixture.write("a", CANARY);
    let newer = stored.record().replace("XChaCha20-Poly1305", "Newer");
    fixture.put("a", &Entry::new(stored.write_id(), &*newer));
    fixture.check_refused(ErrorKind::Unsupported, "update this program");
    let entry = Entry::new(Id::random(), "1");
    let swap = block_on(fixture.store.compare_and_swap(&session("a"), None, &entry)).unwrap();
    assert_eq!(swap, Swap::Conflict);
    assert_eq!(load_from(&fixture.inside, "a").unwrap().record(), newer);
}

#[test]
fn a_document_that_is_too_long_is_not_written() {
    let fixture = Fixture::new();
    let entry = Entry::new(Id::random(), format!("\"{}\"", "x".repeat(64 * 1024)));
    let error = block_on(fixture.store.compare_and_swap(&session("a"), None, &entry)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(fixture.load("a").unwrap().is_none());
}

/// Every bit of the nonce, the ciphertext and the tag, and every byte of the text around them.
// Security: I8.
#[test]
fn every_flipped_bit_is_noticed() {
    let fixture = Fixture::new();
    let stored = fixture.write("a", CANARY);
    for index in 0..stored.record().len() {
        for bit in 0..7 {
            let mut bytes = stored.record().as_bytes().to_vec();
            bytes[index] ^= 1 << bit;
            let flipped = String::from_utf8(bytes).unwrap();
            fixture.put("a", &Entry::new(stored.write_id(), &*flipped));
            let read = fixture.load("a");
            let spelled_otherwise = flipped.to_lowercase() == stored.record().to_lowercase();
            match read {
                Err(_) => {}
                // The case of a hexadecimal digit of the key's id is no matter.
                Ok(Some(read)) if spelled_otherwise => assert_eq!(read.record(), CANARY),
                Ok(read) => panic!("bit {bit} of byte {index}: {read:?}"),
            }
        }
    }
}

proptest! {
    #[test]
    fn any_document_comes_back(document in ".{0,200}", key: [u8; 32]) {
        let fixture = Fixture::with(MemoryStore::new(), EncryptionKey::from_bytes(key));
        fixture.write("a", &document);
        let loaded = fixture.load("a").unwrap().unwrap();
        prop_assert_eq!(loaded.record(), document);
    }

    #[test]
    fn any_bytes_in_the_place_of_a_ciphertext_are_refused(sealed in "[A-Za-z0-9+/=]{0,200}") {
        let fixture = Fixture::new();
        let id = fixture.store.keys.current().id();
        let document = format!(r#"{{"cipher":"XChaCha20-Poly1305","key_id":"{id}","sealed":"{sealed}"}}"#);
        fixture.put("a", &Entry::new(Id::random(), document));
        prop_assert_eq!(fixture.load("a").unwrap_err().kind(), ErrorKind::CorruptRecord);
    }

    #[test]
    fn any_document_inside_is_read_or_refused(document in "\\PC{0,100}|\\{\"cipher\":\\PC{0,50}\\}") {
        let fixture = Fixture::new();
        fixture.put("a", &Entry::new(Id::random(), document));
        prop_assert!(fixture.load("a").is_err());
    }
}

/// A ciphertext or a nonce that ends early, the tag with it, as if that were all that had been written.
// Security: I8.
#[test]
fn every_cut_is_noticed() {
    let fixture = Fixture::new();
    let stored = fixture.write("a", CANARY);
    let sealed: serde_json::Value = serde_json::from_str(stored.record()).unwrap();
    let mut cuts = 0;
    for (member, value) in sealed.as_object().unwrap() {
        let Some(text) = value.as_str() else { continue };
        for length in 0..text.len() {
            let mut cut = sealed.clone();
            cut[member] = text[..length].into();
            fixture.put("a", &Entry::new(stored.write_id(), cut.to_string()));
            let read = fixture.load("a");
            assert!(read.is_err(), "{member} cut at {length}: {read:?}");
            cuts += 1;
        }
    }
    assert!(cuts > CANARY.len(), "the ciphertext was among them");
}
