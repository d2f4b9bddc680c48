//! Encryption around the stores of this crate, and keys in files and in the environment.

mod key_file;
#[cfg(all(feature = "conformance", feature = "keyring"))]
mod keyring;

use std::fs;
use std::path::Path;

use butlr_auth_cache::{Encrypted, EncryptionKey, Entry, FileStore, Id, Session, TokenStore as _};
use butlr_auth_core::{Error, ErrorKind};

use crate::server::{Server, password};
use crate::store_file::{block_on, key, new_place};

#[track_caller]
fn check_error(error: &Error, kind: ErrorKind, says: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(says), "{error:?}");
}

/// Every byte of every file in the folder.
fn bytes_in(folder: &Path) -> Vec<u8> {
    let files = fs::read_dir(folder).unwrap();
    files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect()
}

fn is_in(canary: &str, bytes: &[u8]) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
}

#[test]
fn nothing_of_a_document_is_in_any_byte_of_the_folder() {
    const CANARY: &str = "canary-8d1f";
    let (_folder, place) = new_place();
    let store = Encrypted::new(FileStore::open(&place).unwrap(), EncryptionKey::generate());
    let entry = Entry::new(Id::random(), format!(r#"{{"refresh_token":"{CANARY}"}}"#));
    let _ = block_on(store.compare_and_swap(&key(), None, &entry)).unwrap();
    let stored = bytes_in(&place);
    assert!(is_in("XChaCha20-Poly1305", &stored), "something was stored");
    // Its parts, too: a cipher that leaves blocks alone would show them.
    for length in 6..=CANARY.len() {
        for part in CANARY.as_bytes().windows(length) {
            assert!(!is_in(str::from_utf8(part).unwrap(), &stored));
        }
    }
    assert!(!format!("{store:?}").contains(CANARY));
    assert_eq!(block_on(store.load(&key())).unwrap().unwrap().record(), entry.record());
}

/// The session of a person who logged in, over a folder and a key.
fn session(server: &Server, place: &Path, key: &EncryptionKey) -> Session {
    let store = Encrypted::new(FileStore::open(place).unwrap(), key.clone());
    Session::builder(server.clone()).store(store).open().unwrap()
}

#[tokio::test]
async fn who_has_lost_the_key_logs_in_again_and_who_has_the_wrong_one_spoils_nothing() {
    let (_folder, place) = new_place();
    let server = Server::new(std::time::Duration::from_secs(1000));
    let (lost, new) = (EncryptionKey::generate(), EncryptionKey::generate());
    let before = session(&server, &place, &lost).login(&password()).await.unwrap();
    assert!(!is_in(before.access_token().expose(), &bytes_in(&place)));

    let after = session(&server, &place, &new);
    let not_here = lost.id().to_string();
    check_error(&after.token().await.unwrap_err(), ErrorKind::CorruptRecord, &not_here);
    check_error(&after.logout().await.unwrap_err(), ErrorKind::CorruptRecord, &not_here);
    let kept = session(&server, &place, &lost).token().await.unwrap();
    assert_eq!(kept.access_token().expose(), before.access_token().expose());

    let anew = session(&server, &place, &new).login(&password()).await.unwrap();
    assert_ne!(anew.access_token().expose(), before.access_token().expose());
    let shared = session(&server, &place, &new).token().await.unwrap();
    assert_eq!(shared.access_token().expose(), anew.access_token().expose());
    // What cannot be read is kept, for whoever finds the key.
    let records = crate::store_file::names(&place).into_iter().filter(|name| name.ends_with(".json")).count();
    assert_eq!(records, 2);
}
