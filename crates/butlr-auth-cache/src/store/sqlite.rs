mod database;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind};
use rusqlite::{OptionalExtension as _, Transaction, TransactionBehavior, params};

use self::database::Database;
use super::lock::Lock;
use super::{blocking, milliseconds_since_1970};
use crate::{Durability, Entry, Guard, Hold, Id, Promises, Reach, SessionKey, Swap, TokenStore};

/// Keeps all sessions in one SQLite database, shared by every process of this host. Feature `sqlite`, on Unix.
///
/// For programs that have many sessions, or back up one file. A write is one transaction (`BEGIN IMMEDIATE`,
/// `synchronous=FULL`, write-ahead log): once it is acknowledged it survives the death of the machine, and a reader
/// never waits for a writer. The folder is made with mode 0700 and the file with 0600; whatever is looser, a link or
/// somebody else's is refused, as [`FileStore`](crate::FileStore) does. SQLite keeps `…-wal` and `…-shm` beside the
/// database while it is open, and a lock file, `DIGEST.lease`, stands there for each session that was ever renewed.
///
/// A row that cannot be read as an entry is renamed to `DIGEST.corrupt-TIME` (milliseconds since 1970) and reported
/// once. A damaged database, one that a newer version or another program made, is refused and left as it is.
///
/// The write-ahead log needs shared memory, and `hold` a file lock: neither works on a network file system. Use a
/// database server for several hosts. Reading needs a folder that can be written to.
///
/// # Deadlines and cancellation
///
/// A call that another writer keeps waiting for 5 s fails with [`ErrorKind::Busy`]. Each call is one blocking task of
/// the runtime; dropping its future does not stop it.
///
/// ```no_run
/// use butlr_auth_cache::SqliteStore;
///
/// let store = SqliteStore::open("/var/lib/reports/tokens/sessions.sqlite3")?;
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Database>);

impl SqliteStore {
    /// Keeps sessions in the database at `path`. It and its folder are made if they are missing.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the file or its folder is not this user's alone, or the database is another
    /// program's; [`ErrorKind::Unsupported`] if a newer version made it; [`ErrorKind::CorruptRecord`] if it is damaged
    /// or none; [`ErrorKind::Busy`] if another process is opening it for longer than 5 s; [`ErrorKind::Storage`] if it
    /// cannot be made or opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Ok(Self(Arc::new(Database::open(&path.into())?)))
    }

    /// Returns the database's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let database = Arc::clone(&self.0);
        blocking(move || work(&database)).await
    }
}

#[async_trait]
impl TokenStore for SqliteStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        let key = key.clone();
        self.blocking(move |database| load(database, &key)).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let (key, entry) = (key.clone(), entry.clone());
        self.blocking(move |database| {
            let bytes = entry.to_bytes(&key)?;
            write(database, |transaction| {
                let stored = match read(database, transaction, &key)? {
                    Ok(stored) => stored,
                    Err(corrupt) => return set_aside(database, transaction, &key, &corrupt).map(Err),
                };
                if stored.map(|stored| stored.write_id()) != expected {
                    return Ok(Ok(Swap::Conflict));
                }
                let replace = "INSERT INTO sessions (key, entry) VALUES (?1, ?2)
                    ON CONFLICT (key) DO UPDATE SET entry = excluded.entry";
                let replaced = transaction.execute(replace, params![key.digest(), &**bytes]);
                replaced.map_err(|error| database.failed("write to", error))?;
                Ok(Ok(Swap::Swapped))
            })
        })
        .await
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Disk, Reach::Host)
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let name = format!("{}.lease", key.digest());
        self.blocking(move |database| {
            let lock = Lock::take(database.directory(), &name)?;
            Ok(lock.map_or(Hold::Busy, |lock| {
                lock.sign();
                Hold::Held(Guard::new(lock))
            }))
        })
        .await
    }

    fn holder(&self, key: &SessionKey) -> Option<String> {
        super::holder::read(self.0.directory(), &format!("{}.lease", key.digest()))
    }

    fn set_aside(&self, key: &SessionKey) -> Option<String> {
        let names = format!("{}.corrupt-*", key.digest());
        let last = self.0.with_connection(|connection| {
            let last = "SELECT key FROM sessions WHERE key GLOB ?1 ORDER BY key DESC LIMIT 1";
            let found = connection.query_row(last, params![names], |row| row.get::<_, String>(0)).optional();
            found.map_err(|error| self.0.failed("read", error))
        });
        last.ok().flatten().map(|last| format!("{} as {last}", self.0.shown()))
    }
}

/// What a row holds, or why that is no entry.
type Read = Result<Option<Entry>, Error>;

fn load(database: &Database, key: &SessionKey) -> Result<Option<Entry>, Error> {
    let stored = database.with_connection(|connection| read(database, connection, key))?;
    if stored.is_ok() {
        return stored;
    }
    // Only in a transaction that writes: otherwise the good row of a writer in between would be set aside.
    write(database, |transaction| match read(database, transaction, key)? {
        Ok(stored) => Ok(Ok(stored)),
        Err(corrupt) => set_aside(database, transaction, key, &corrupt).map(Err),
    })
}

/// Runs `work` while nobody else writes, and commits what it did even if it then reports an error of the row's.
fn write<T>(
    database: &Database,
    work: impl FnOnce(&Transaction<'_>) -> Result<Result<T, Error>, Error>,
) -> Result<T, Error> {
    database.with_connection(|connection| {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| database.failed("write to", error))?;
        let done = work(&transaction)?;
        transaction.commit().map_err(|error| database.failed("write to", error))?;
        Ok(done)
    })?
}

fn read(database: &Database, connection: &rusqlite::Connection, key: &SessionKey) -> Result<Read, Error> {
    let select = "SELECT entry FROM sessions WHERE key = ?1";
    connection
        .query_row(select, [key.digest()], |row| {
            // Where SQLite has them: no copy is left behind.
            Ok(row.get_ref(0)?.as_blob().map_or_else(
                |_| Err(Error::new(ErrorKind::CorruptRecord, "a session record is not a blob")),
                |bytes| Entry::from_bytes(key, bytes),
            ))
        })
        .optional()
        .map(Option::transpose)
        .map_err(|error| database.failed("read", error))
}

/// Keeps a row that is no entry under another key; one of a newer format stays where it is.
fn set_aside(
    database: &Database,
    transaction: &Transaction<'_>,
    key: &SessionKey,
    why: &Error,
) -> Result<Error, Error> {
    if why.kind() != ErrorKind::CorruptRecord {
        return Ok(why.clone());
    }
    let aside = format!("{}.corrupt-{}", key.digest(), milliseconds_since_1970());
    transaction
        .execute("UPDATE sessions SET key = ?1 WHERE key = ?2", [&aside, &key.digest()])
        .map_err(|error| database.failed("write to", error))?;
    let message = format!("{why}; it was set aside in {} as {aside}", database.shown());
    Ok(Error::new(ErrorKind::CorruptRecord, message))
}
