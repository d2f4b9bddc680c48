mod builder;
mod pool;
mod statements;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind};

pub use self::builder::PostgresStoreBuilder;
use self::pool::Pool;
use self::statements::{Statements, Value};
use crate::{Durability, Entry, Id, Promises, Reach, SessionKey, Swap, TokenStore};

/// Keeps sessions in PostgreSQL, for every process of every host that reaches it. Feature `postgres`.
///
/// Each session is a row of one table. A write is one statement that names the version it replaces. Statements are
/// unnamed, nothing is prepared, no lock and no setting outlives its statement, and so a pooler in transaction mode
/// may stand in between. A few connections are made as they are needed and kept; clones share them.
///
/// # The table
///
/// [`create_schema`](Self::create_schema) makes it where it is missing; [`schema`](Self::schema) is the statement, for
/// whoever keeps migrations or runs without the right to create tables:
///
/// ```
/// # use butlr_auth_cache::PostgresStore;
/// # let store = PostgresStore::open("postgres://localhost/app")?;
/// assert_eq!(
///     store.schema(),
///     "CREATE TABLE IF NOT EXISTS butlr_auth_sessions (\
///      key text PRIMARY KEY, write_id text NOT NULL, entry bytea NOT NULL)",
/// );
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
///
/// The store itself needs `SELECT`, `INSERT` and `UPDATE` on it.
///
/// # What it promises
///
/// [`Durability::Disk`], for a server with `fsync` on. Where `synchronous_commit` is off, each write turns it on for
/// itself; a stricter setting stays. A fail-over to a replica that replicates asynchronously may lose the last write
/// all the same: then set `synchronous_standby_names`.
///
/// # While it is down
///
/// Calls fail with [`ErrorKind::StoreUnreachable`] by their deadlines, 2 s to connect and 5 s to answer. A session goes on
/// serving the token it has for as long as the token lasts, spends no refresh token, and goes on by itself afterwards.
///
/// # Cancellation
///
/// A connection whose call failed or was dropped is closed and not used again. The statement may have been carried
/// out.
///
/// # Examples
/// ```no_run
/// # async fn example() -> Result<(), butlr_auth_core::Error> {
/// use butlr_auth_cache::PostgresStore;
///
/// let store = PostgresStore::open("postgres://app:password@db.example.com/app")?;
/// store.create_schema().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    pool: Pool,
    statements: Statements,
}

impl PostgresStore {
    /// Keeps sessions at `url`: `postgres://[user][:password]@host[:port]/database`. Connects at the first call.
    ///
    /// # Errors
    /// As [`PostgresStoreBuilder::build`].
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::builder(url).build()
    }

    /// Starts a builder, for whatever the URL does not say.
    pub fn builder(url: &str) -> PostgresStoreBuilder {
        PostgresStoreBuilder::new(url)
    }

    /// Returns the statement that makes the table.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.0.statements.create
    }

    /// Makes the table where it is missing. Several processes may do so at once.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if the server cannot be reached or the user may not create tables.
    pub async fn create_schema(&self) -> Result<(), Error> {
        let create = async || self.0.pool.query(self.schema(), &[]).await;
        // Two that create at once may both find nothing, and one then fails on a catalogue's unique index.
        if create().await.is_err() {
            create().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl TokenStore for PostgresStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        let Inner { pool, statements } = &*self.0;
        let found = pool.query(&statements.load, &[Value::Text(&key.digest())]).await?;
        let Some(row) = found.first() else { return Ok(None) };
        let corrupt = |what: &str| {
            let message =
                format!("a row of the table {} in postgres at {} {what}", statements.table, pool.host());
            Error::new(ErrorKind::CorruptRecord, message)
        };
        let unfit = |_| corrupt("has columns of another type");
        let (write_id, bytes): (&str, Option<&[u8]>) =
            (row.try_get(0).map_err(unfit)?, row.try_get(1).map_err(unfit)?);
        let entry = Entry::from_bytes(key, bytes.ok_or_else(|| corrupt("exceeds 96 KiB"))?)?;
        if entry.write_id().to_string() != write_id {
            return Err(corrupt("names another version than its entry"));
        }
        Ok(Some(entry))
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let Inner { pool, statements } = &*self.0;
        let (digest, bytes, write_id) = (key.digest(), entry.to_bytes(key)?, entry.write_id().to_string());
        let (key, write_id, bytes) = (Value::Text(&digest), Value::Text(&write_id), Value::Secret(&bytes));
        let written = match expected {
            None => pool.query(&statements.insert, &[key, write_id, bytes]).await,
            Some(expected) => {
                let expected = expected.to_string();
                pool.query(&statements.update, &[key, write_id, bytes, Value::Text(&expected)]).await
            }
        };
        match written {
            Ok(rows) if rows.is_empty() => Ok(Swap::Conflict),
            Ok(_) => Ok(Swap::Swapped),
            Err(failure) if failure.is_serialization_failure() => Ok(Swap::Conflict),
            Err(failure) => Err(failure.into()),
        }
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Disk, Reach::Cluster)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("host", &self.0.pool.host())
            .field("table", &self.0.statements.table)
            .finish_non_exhaustive()
    }
}
