//! The SQLite store against hostile files, failing disks, killed processes and many writers.

mod broken;
mod killed;
mod refused;

use std::path::{Path, PathBuf};

use butlr_auth_cache::{Entry, Id, SqliteStore, Swap, TokenStore as _};
use butlr_auth_core::{Error, ErrorKind};
use tempfile::TempDir;

use crate::store_file::{block_on, key};

/// The path of a database, and the folder around its own.
fn new_database() -> (TempDir, PathBuf) {
    let (folder, place) = crate::store_file::new_place();
    (folder, place.join("sessions.sqlite3"))
}

fn load(store: &SqliteStore) -> Result<Option<Entry>, Error> {
    block_on(store.load(&key()))
}

/// Replaces whatever is stored by `document`.
fn write(store: &SqliteStore, document: &str) -> Result<(), Error> {
    block_on(async {
        let stored = store.load(&key()).await?.map(|entry| entry.write_id());
        let swap = store.compare_and_swap(&key(), stored, &Entry::new(Id::random(), document)).await?;
        assert_eq!(swap, Swap::Swapped);
        Ok(())
    })
}

#[track_caller]
fn check_stored(store: &SqliteStore, document: &str) {
    assert_eq!(load(store).unwrap().unwrap().record(), document);
}

#[track_caller]
fn check_not_opened(path: &Path, kind: ErrorKind, says: &str) {
    check_error(&SqliteStore::open(path).unwrap_err(), kind, says);
}

#[track_caller]
fn check_error(error: &Error, kind: ErrorKind, says: &str) {
    assert_eq!(error.kind(), kind, "{error:?}");
    assert!(error.to_string().contains(says), "{error:?}");
}
