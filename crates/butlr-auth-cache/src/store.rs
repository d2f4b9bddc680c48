use std::any::Any;
use std::fmt;
use std::sync::Arc;
#[cfg(any(unix, feature = "encrypted"))]
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use butlr_auth_core::Error;
#[cfg(unix)]
use butlr_auth_core::ErrorKind;
#[cfg(any(unix, feature = "encrypted"))]
use butlr_auth_core::{Clock as _, SystemClock};

use crate::{Entry, Id, SessionKey};

#[cfg(unix)]
mod directory;
#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(feature = "encrypted")]
mod encryption_key;
#[cfg(unix)]
mod file;
pub(crate) mod holder;
#[cfg(unix)]
mod lock;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(all(unix, feature = "sqlite"))]
mod sqlite;
#[cfg(feature = "tls")]
mod tls;
mod unstored;

#[cfg(feature = "encrypted")]
pub use encrypted::Encrypted;
#[cfg(feature = "encrypted")]
pub use encryption_key::{EncryptionKey, EncryptionKeys};
#[cfg(unix)]
pub use file::FileStore;
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "redis")]
pub use redis::{RedisStore, RedisStoreBuilder};
#[cfg(all(unix, feature = "sqlite"))]
pub use sqlite::SqliteStore;
pub(crate) use unstored::Unstored;

/// Where sessions are kept. Two calls are a whole backend: everything else of the refresh protocol (lease,
/// heartbeat, intent, commit, rejection, logout) is a compare-and-swap on one small entry.
///
/// # What an implementation promises
///
/// - `compare_and_swap` is atomic: of any number of callers that expect the same version, one succeeds. A conflict
///   changes nothing.
/// - A [`Swap::Swapped`] is as durable as [`promises`](Self::promises) says, and the next `load`, by anybody
///   within its reach, sees it or a later one. A cache in front of a database breaks this.
/// - A failure may mean "done, and the acknowledgement got lost". The caller loads again and compares write ids, so
///   the id that the caller drew is stored, never one of the store's own.
/// - A failed write, or one whose future was dropped, leaves the old entry or the new one. Nothing is ever deleted,
///   and nothing expires: a refresh token lives longer than the access token beside it.
/// - Bytes come back as they were stored. A column type that parses JSON changes white space, numbers and repeated
///   members, and refuses NUL: use one for bytes.
/// - Every call ends by a deadline of the store's own, and blocks no thread of the runtime for longer than a lookup
///   in memory: what blocks goes to `spawn_blocking`.
/// - What cannot be read as an entry is kept, under another name, and gives way to a write that expects none.
/// - Entries hold secrets. They reach no log, no `Debug` and no error.
///
/// # How to write one
///
/// Keep [`Entry::to_bytes`] under [`SessionKey::digest`], beside the write id in a column of its own if the backend
/// compares there, and give [`Entry::from_bytes`] what is found: it checks the key, the format and a checksum, and
/// refuses more than 96 KiB. Then run the suite of the feature `conformance`, which names whatever is not kept.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::{Mutex, PoisonError};
///
/// use async_trait::async_trait;
/// use butlr_auth_cache::{Durability, Entry, Id, Promises, Reach, SessionKey, Swap, TokenStore};
/// use butlr_auth_core::Error;
///
/// #[derive(Debug, Default)]
/// struct Table(Mutex<HashMap<String, Entry>>);
///
/// #[async_trait]
/// impl TokenStore for Table {
///     async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
///         Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key.digest()).cloned())
///     }
///
///     async fn compare_and_swap(
///         &self,
///         key: &SessionKey,
///         expected: Option<Id>,
///         entry: &Entry,
///     ) -> Result<Swap, Error> {
///         let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         if table.get(&key.digest()).map(Entry::write_id) != expected {
///             return Ok(Swap::Conflict);
///         }
///         table.insert(key.digest(), entry.clone());
///         Ok(Swap::Swapped)
///     }
///
///     fn promises(&self) -> Promises {
///         Promises::new(Durability::Process, Reach::Process)
///     }
/// }
/// ```
#[async_trait]
pub trait TokenStore: fmt::Debug + Send + Sync {
    /// Loads the entry of a session; `None` if there never was one. A session takes `None` for "logged out", so
    /// whatever is merely unreachable is an error.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](butlr_auth_core::ErrorKind::Storage) if it cannot be read,
    /// [`ErrorKind::Busy`](butlr_auth_core::ErrorKind::Busy) if somebody else kept it for too long,
    /// [`ErrorKind::Unsupported`](butlr_auth_core::ErrorKind::Unsupported) if a newer version wrote it, which stays,
    /// [`ErrorKind::CorruptRecord`](butlr_auth_core::ErrorKind::CorruptRecord) if it is not an entry, and
    /// [`ErrorKind::Configuration`](butlr_auth_core::ErrorKind::Configuration) if it is not safe to read, such as
    /// a file that others may write to.
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error>;

    /// Replaces the entry whose write id is `expected` (`None`: there must be none) by `entry`. Writing the entry
    /// that is there already, after an answer that got lost, is a conflict like any other.
    ///
    /// # Errors
    /// As [`load`](Self::load). The entry may or may not have been written.
    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error>;

    /// Says what a successful write survives and who sees it.
    fn promises(&self) -> Promises;

    /// Tries, without waiting, to take a lock that is freed when its holder dies, however it dies. It is held over
    /// a whole exchange. Winning it proves that whoever held it before is gone.
    ///
    /// It belongs to the guard, not to a thread: a second attempt is [`Hold::Busy`] on the same thread and handle
    /// too, and the guard may be dropped anywhere. It keeps nobody from writing. A store without such a lock leaves
    /// this method out; one with a lock that expires by time has none.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let _ = key;
        Ok(Hold::Unsupported)
    }

    /// Says in words who has the lock of [`hold`](Self::hold), as far as the store knows: for an error that names who
    /// keeps a session from being renewed. Without such a lock the record itself says who renews the session.
    fn holder(&self, key: &SessionKey) -> Option<String> {
        let _ = key;
        None
    }

    /// Says where a damaged entry of this session was set aside last, as far as the store knows: for an error that says
    /// that there is none.
    fn set_aside(&self, key: &SessionKey) -> Option<String> {
        let _ = key;
        None
    }
}

const _: fn(&dyn TokenStore) = |_| {};

/// How a compare-and-swap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a compare-and-swap has two outcomes")]
pub enum Swap {
    /// The entry was replaced.
    Swapped,
    /// Another version was there; nothing changed.
    Conflict,
}

/// How an attempt to take a store's lock ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum Hold {
    /// The lock is ours until the guard is dropped.
    Held(Guard),
    /// Somebody else has it.
    Busy,
    /// The store has no such lock.
    Unsupported,
}

/// Keeps a store's lock until it is dropped.
pub struct Guard(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Any + Send>);

impl Guard {
    /// Wraps whatever frees the lock when it is dropped.
    #[must_use]
    pub fn new(lock: impl Any + Send) -> Self {
        Self(Box::new(lock))
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

/// What a store promises of a successful write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Promises {
    /// What it survives.
    pub durability: Durability,
    /// Who sees it.
    pub reach: Reach,
}

impl Promises {
    /// States both promises.
    #[must_use]
    pub fn new(durability: Durability, reach: Reach) -> Self {
        Self { durability, reach }
    }
}

/// What a successful write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// Nothing: it ends with the process.
    Process,
    /// A fail-over may lose the last write: replication is asynchronous, or the disk is not synced each time.
    Asynchronous,
    /// The death of the process and of the machine.
    Disk,
}

/// Who sees a successful write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reach {
    /// This process.
    Process,
    /// Every process of this host.
    Host,
    /// Every host.
    Cluster,
}

/// Runs what blocks on a thread that may, to its end: dropping the future does not stop it.
#[cfg(unix)]
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.unwrap_or_else(|_| Err(Error::new(ErrorKind::Storage, "the runtime ended during a store's call")))
}

/// What the name of something that was set aside ends with, and since when a holder holds.
fn milliseconds_since_1970() -> u128 {
    SystemClock::new().now().wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<S: TokenStore + ?Sized> TokenStore for $pointer<S> {
            async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
                (**self).load(key).await
            }

            async fn compare_and_swap(
                &self,
                key: &SessionKey,
                expected: Option<Id>,
                entry: &Entry,
            ) -> Result<Swap, Error> {
                (**self).compare_and_swap(key, expected, entry).await
            }

            fn promises(&self) -> Promises {
                (**self).promises()
            }

            async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
                (**self).hold(key).await
            }

            fn holder(&self, key: &SessionKey) -> Option<String> {
                (**self).holder(key)
            }

            fn set_aside(&self, key: &SessionKey) -> Option<String> {
                (**self).set_aside(key)
            }
        }
    )*};
}

forward!(Arc, Box);
