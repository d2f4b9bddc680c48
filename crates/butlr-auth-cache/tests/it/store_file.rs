//! The file store against hostile folders, failing disks, killed processes and racing neighbours.

pub(crate) mod child;
mod killed;
mod raced;
mod refused;
mod traced;

use std::fs;
use std::path::{Path, PathBuf};

use butlr_auth_cache::{Entry, FileStore, Id, Party, SessionKey, Swap, TokenStore as _};
use butlr_auth_core::{ClientId, EndpointIdentity, Error, Provider};
use tempfile::TempDir;

pub(crate) fn key() -> SessionKey {
    SessionKey::new(&EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli")), Party::User, "default")
}

/// A folder to keep sessions in, and the one around it.
pub(crate) fn new_place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("sessions");
    (folder, place)
}

fn file(place: &Path, extension: &str) -> PathBuf {
    place.join(format!("{}.{extension}", key().digest()))
}

pub(crate) fn names(place: &Path) -> Vec<String> {
    fs::read_dir(place).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn temporary_files(place: &Path) -> usize {
    names(place).iter().filter(|name| name.ends_with(".tmp")).count()
}

/// No reactor, and so no system call but those of the store.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

fn load(store: &FileStore) -> Result<Option<Entry>, Error> {
    block_on(store.load(&key()))
}

/// Replaces whatever is stored by `document`, and tells whether nobody came in between.
fn try_write(store: &FileStore, document: &str) -> Result<Swap, Error> {
    block_on(async {
        let stored = store.load(&key()).await?.map(|entry| entry.write_id());
        store.compare_and_swap(&key(), stored, &Entry::new(Id::random(), document)).await
    })
}

fn write(store: &FileStore, document: &str) -> Result<(), Error> {
    try_write(store, document).map(|swap| assert_eq!(swap, Swap::Swapped))
}

#[track_caller]
fn check_stored(store: &FileStore, document: &str) {
    assert_eq!(load(store).unwrap().unwrap().record(), document);
}

/// A number of rounds that a longer run by hand may raise by an environment variable.
pub(crate) fn rounds(variable: &str, usual: usize) -> usize {
    std::env::var(variable).map_or(usual, |rounds| rounds.parse().unwrap())
}

/// Passes over a test for want of a tool: never in CI.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "in CI this test must run: {why}");
    say(&format!("SKIPPED {}: {why}", std::thread::current().name().unwrap_or_default()));
}

#[expect(clippy::print_stderr, reason = "a person who runs the tests is told what they saw")]
pub(crate) fn say(what: &str) {
    eprintln!("{what}");
}
