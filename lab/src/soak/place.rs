//! Where the session of a run is kept: a folder, or a real server that the run starts and ends.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use butlr_auth_cache::{
    Encrypted, EncryptionKey, FileStore, MemoryStore, PostgresStore, RedisStore, SqliteStore, TokenStore,
};
use serde::{Deserialize, Serialize};

use super::Store;
use super::database::Database;

/// What a worker has to know of the store to open it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Memory,
    File { folder: PathBuf },
    Sqlite { database: PathBuf },
    Encrypted { folder: PathBuf, key: PathBuf },
    Redis { url: String },
    Postgres { url: String },
}

impl Place {
    /// Makes a place for a run in its own folder, and starts the server that it is in, if it is in one.
    pub(super) fn make(store: Store, parent: &Path) -> Result<(Self, Option<Database>)> {
        let place = match store {
            Store::Memory => Self::Memory,
            Store::File => Self::File { folder: private(parent, "sessions")? },
            Store::Sqlite => Self::Sqlite { database: private(parent, "sessions")?.join("sessions.db") },
            Store::Encrypted => Self::Encrypted {
                folder: private(parent, "sessions")?,
                key: private(parent, "keys")?.join("key"),
            },
            Store::Redis => {
                let database = Database::redis()?;
                return Ok((Self::Redis { url: database.url() }, Some(database)));
            }
            Store::Postgres => {
                let database = Database::postgres()?;
                return Ok((Self::Postgres { url: database.url() }, Some(database)));
            }
        };
        Ok((place, None))
    }

    /// Opens the store, as any program would.
    pub(super) fn open(&self) -> Result<Arc<dyn TokenStore>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::File { folder } => Arc::new(FileStore::open(folder)?),
            Self::Sqlite { database } => Arc::new(SqliteStore::open(database)?),
            Self::Encrypted { folder, key } => {
                let key = EncryptionKey::from_file_or_create(key)?;
                Arc::new(Encrypted::new(FileStore::open(folder)?, key))
            }
            Self::Redis { url } => Arc::new(RedisStore::builder(url).synced().build()?),
            Self::Postgres { url } => Arc::new(PostgresStore::open(url)?),
        })
    }

    /// Makes the tables that a database needs.
    pub(super) async fn prepare(&self) -> Result<()> {
        if let Self::Postgres { url } = self {
            PostgresStore::open(url)?.create_schema().await?;
        }
        Ok(())
    }
}

/// A folder that only its owner may enter.
pub(super) fn private(parent: &Path, name: &str) -> Result<PathBuf> {
    let path = parent.join(name);
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}
