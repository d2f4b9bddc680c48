//! A suite that cannot fail shows nothing: each promise is broken once, and the check of that name says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use butlr_auth_cache::conformance::{self, Promise};
use butlr_auth_cache::{
    Durability, Entry, Guard, Hold, Id, MemoryStore, Party, Promises, Reach, SessionKey, Swap, TokenStore,
};
use butlr_auth_core::{Error, ErrorKind};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::yield_now;

use crate::store::folder;
use crate::store_plain::PlainStore;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    LoadsAnEmptyEntry,
    IgnoresTheExpectedVersion,
    TreatsNoneAsAny,
    ConflictsButWrites,
    DrawsItsOwnVersion,
    NormalizesTheDocument,
    CutsLongDocuments,
    FoldsLetterCase,
    ForgetsTheParty,
    CachesInEachHandle,
    ForgetsWithItsHandle,
    ComparesBeforeItWaits,
    WritesBackTheWholeTable,
    AcceptsARepeatedWrite,
    DeletesBeforeItInserts,
    StaysLockedWhenCancelled,
    LocksPerHandle,
    LocksForEver,
    HoldKeepsWritersOut,
    HoldWaits,
    ChangesItsPromises,
}

type Table = HashMap<SessionKey, Entry>;

/// A correct store, but for its fault.
#[derive(Debug)]
struct Broken {
    fault: Fault,
    place: Arc<Place>,
    /// What only this handle knows.
    own: Mutex<Table>,
    locks: MemoryStore,
}

#[derive(Debug, Default)]
struct Place {
    table: Mutex<Table>,
    rows: Mutex<HashMap<SessionKey, Arc<AsyncMutex<()>>>>,
    busy: Mutex<HashMap<SessionKey, bool>>,
    locks: MemoryStore,
    handles: Mutex<usize>,
}

impl Broken {
    fn open(fault: Fault, place: &Arc<Place>) -> Self {
        *place.handles.lock().unwrap() += 1;
        Self { fault, place: Arc::clone(place), own: Mutex::default(), locks: MemoryStore::new() }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        match self.fault {
            Fault::CachesInEachHandle => self.own.lock().unwrap(),
            _ => self.place.table.lock().unwrap(),
        }
    }

    fn filed(&self, key: &SessionKey) -> SessionKey {
        let mut key = key.clone();
        match self.fault {
            Fault::FoldsLetterCase => key.name = key.name.to_lowercase(),
            Fault::ForgetsTheParty => key.party = Party::User,
            _ => {}
        }
        key
    }

    fn stored(&self, entry: &Entry) -> Entry {
        match self.fault {
            Fault::DrawsItsOwnVersion => Entry::new(Id::random(), entry.record()),
            Fault::NormalizesTheDocument => {
                Entry::new(entry.write_id(), entry.record().split_whitespace().collect::<String>())
            }
            Fault::CutsLongDocuments => {
                Entry::new(entry.write_id(), entry.record().chars().take(50_000).collect::<String>())
            }
            _ => entry.clone(),
        }
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        let mut handles = self.place.handles.lock().unwrap();
        *handles -= 1;
        if self.fault == Fault::ForgetsWithItsHandle && *handles == 0 {
            self.place.table.lock().unwrap().clear();
        }
    }
}

#[async_trait]
impl TokenStore for Broken {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        let found = self.table().get(&self.filed(key)).cloned();
        match self.fault {
            Fault::LoadsAnEmptyEntry => Ok(found.or_else(|| Some(Entry::new(Id::from_u128(0), "{}")))),
            _ => Ok(found),
        }
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        if self.fault == Fault::HoldKeepsWritersOut {
            match self.place.locks.hold(key).await? {
                Hold::Held(_) => {}
                _ => return Err(Error::new(ErrorKind::Busy, "somebody holds it")),
            }
        }
        let key = self.filed(key);
        if self.fault == Fault::StaysLockedWhenCancelled {
            if self.place.busy.lock().unwrap().insert(key.clone(), true) == Some(true) {
                return Err(Error::new(ErrorKind::Busy, "somebody writes"));
            }
            yield_now().await;
            self.place.busy.lock().unwrap().insert(key.clone(), false);
        }
        let row = self.place.rows.lock().unwrap().entry(key.clone()).or_default().clone();
        let _row = match self.fault {
            Fault::ComparesBeforeItWaits => None,
            _ => Some(row.lock_owned().await),
        };
        let mut snapshot = self.table().clone();
        let stored = snapshot.get(&key).map(Entry::write_id);
        let agrees = match self.fault {
            Fault::IgnoresTheExpectedVersion => true,
            Fault::TreatsNoneAsAny => expected.is_none() || stored == expected,
            _ => stored == expected,
        };
        let repeated = self.fault == Fault::AcceptsARepeatedWrite && stored == Some(entry.write_id());
        let entry = self.stored(entry);
        if !agrees {
            if self.fault == Fault::ConflictsButWrites {
                self.table().insert(key, entry);
            }
            return Ok(if repeated { Swap::Swapped } else { Swap::Conflict });
        }
        match self.fault {
            Fault::ComparesBeforeItWaits => yield_now().await,
            Fault::WritesBackTheWholeTable => {
                yield_now().await;
                snapshot.insert(key, entry);
                *self.table() = snapshot;
                return Ok(Swap::Swapped);
            }
            Fault::DeletesBeforeItInserts => {
                self.table().remove(&key);
                yield_now().await;
            }
            _ => {}
        }
        self.table().insert(key, entry);
        Ok(Swap::Swapped)
    }

    fn promises(&self) -> Promises {
        let mut asked = self.own.lock().unwrap();
        let key = SessionKey::new(&identity(), Party::User, "promises");
        let again = asked.insert(key, Entry::new(Id::random(), "{}")).is_some();
        let reach =
            if again && self.fault == Fault::ChangesItsPromises { Reach::Cluster } else { Reach::Process };
        Promises::new(Durability::Process, reach)
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        match self.fault {
            Fault::LocksPerHandle => self.locks.hold(key).await,
            Fault::LocksForEver => Ok(match self.place.locks.hold(key).await? {
                Hold::Held(guard) => {
                    std::mem::forget(guard);
                    Hold::Held(Guard::new(()))
                }
                other => other,
            }),
            Fault::HoldWaits => loop {
                match self.place.locks.hold(key).await? {
                    // Sleeps because this broken store waits for a lock, as it must not.
                    Hold::Busy => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
                    other => return Ok(other),
                }
            },
            _ => self.place.locks.hold(key).await,
        }
    }
}

fn identity() -> butlr_auth_core::EndpointIdentity {
    let provider = butlr_auth_core::Provider::butlr();
    butlr_auth_core::EndpointIdentity::new(&provider, butlr_auth_core::ClientId::new("cli"))
}

#[track_caller]
fn check_found(fault: Fault, promise: Promise) {
    // Time is virtual, so that a store that hangs costs none.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let place = Arc::default();
    let open = async || Broken::open(fault, &place);
    let broken = runtime.block_on(promise.check(open)).unwrap_err();
    assert_eq!(broken.promise(), promise, "{broken}");
    assert!(broken.to_string().contains(&promise.to_string()), "{broken}");
    runtime.block_on(conformance::check(open)).unwrap_err();
}

#[test]
fn each_fault_is_found_by_the_check_of_its_promise() {
    check_found(Fault::LoadsAnEmptyEntry, Promise::AbsentLoadsAsNone);
    check_found(Fault::IgnoresTheExpectedVersion, Promise::WritesNameTheirVersion);
    check_found(Fault::TreatsNoneAsAny, Promise::WritesNameTheirVersion);
    check_found(Fault::ConflictsButWrites, Promise::WritesNameTheirVersion);
    check_found(Fault::DrawsItsOwnVersion, Promise::DoubtfulWritesCanBeTold);
    check_found(Fault::NormalizesTheDocument, Promise::EntriesAreExact);
    check_found(Fault::CutsLongDocuments, Promise::EntriesAreExact);
    check_found(Fault::FoldsLetterCase, Promise::KeysAreApart);
    check_found(Fault::ForgetsTheParty, Promise::KeysAreApart);
    check_found(Fault::CachesInEachHandle, Promise::WritesAreSeenAtOnce);
    check_found(Fault::ForgetsWithItsHandle, Promise::WritesOutliveTheirHandle);
    check_found(Fault::ComparesBeforeItWaits, Promise::OneWriterWins);
    check_found(Fault::WritesBackTheWholeTable, Promise::NoUpdateIsLost);
    check_found(Fault::AcceptsARepeatedWrite, Promise::DoubtfulWritesCanBeTold);
    check_found(Fault::DeletesBeforeItInserts, Promise::CancelledCallsLeaveOldOrNew);
    check_found(Fault::StaysLockedWhenCancelled, Promise::CancelledCallsLeaveOldOrNew);
    check_found(Fault::LocksPerHandle, Promise::HoldExcludes);
    check_found(Fault::LocksForEver, Promise::HoldExcludes);
    check_found(Fault::HoldKeepsWritersOut, Promise::HoldExcludes);
    check_found(Fault::HoldWaits, Promise::HoldExcludes);
    check_found(Fault::ChangesItsPromises, Promise::PromisesAreStated);
}

/// Its writers exclude each other by a lock file each, so not at all; its lock outlives its holder.
#[derive(Debug)]
struct Unshared {
    store: PlainStore,
    folder: std::path::PathBuf,
    writes_unlocked: bool,
}

impl Unshared {
    fn open(place: &str, writes_unlocked: bool) -> Self {
        Self { store: PlainStore::open(place), folder: place.into(), writes_unlocked }
    }
}

#[async_trait]
impl TokenStore for Unshared {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.store.load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        if self.writes_unlocked {
            let lock = self.folder.join(format!("{}.lock", key.digest()));
            let _ = std::fs::remove_file(lock);
        }
        self.store.compare_and_swap(key, expected, entry).await
    }

    fn promises(&self) -> Promises {
        self.store.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        struct Unlink(std::path::PathBuf);
        impl Drop for Unlink {
            fn drop(&mut self) {
                let _ = std::fs::remove_file(&self.0);
            }
        }
        let path = self.folder.join(format!("{}.pid", key.digest()));
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(_) => Ok(Hold::Held(Guard::new(Unlink(path)))),
            Err(_) => Ok(Hold::Busy),
        }
    }
}

#[tokio::test]
async fn a_store_that_processes_do_not_share_is_found() {
    let (_folder, place) = folder();
    let test = "store_broken::a_store_that_processes_do_not_share_is_found";
    let checked =
        conformance::check_across_processes(test, &place, async |place| Unshared::open(place, true));
    check_process_promise(checked.await, Promise::ProcessesShareIt);
}

#[tokio::test]
async fn a_lock_that_outlives_its_process_is_found() {
    let (_folder, place) = folder();
    let test = "store_broken::a_lock_that_outlives_its_process_is_found";
    let checked =
        conformance::check_across_processes(test, &place, async |place| Unshared::open(place, false));
    check_process_promise(checked.await, Promise::HoldEndsWithItsProcess);
}

/// The child of such a check runs the same test, and has nothing to say about it.
#[track_caller]
fn check_process_promise(checked: Result<(), conformance::Broken>, promise: Promise) {
    if std::env::var_os("BUTLR_AUTH_CONFORMANCE").is_some() {
        return checked.unwrap();
    }
    let broken = checked.unwrap_err();
    assert_eq!(broken.promise(), promise, "{broken}");
}

#[tokio::test]
async fn a_store_that_reaches_no_other_process_says_so() {
    let store = MemoryStore::new();
    let checked = conformance::check_across_processes("none", "nowhere", async |_: &str| store.clone()).await;
    assert_eq!(checked.unwrap_err().promise(), Promise::ProcessesShareIt);
}
