//! Where the session of a run is kept: a folder, or a real server that the run starts and ends.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use butlr_auth_cache::{FileStore, MemoryStore, SqliteStore, TokenStore};
use serde::{Deserialize, Serialize};

use super::Store;

/// What a worker has to know of the store to open it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    Memory,
    File { folder: PathBuf },
    Sqlite { database: PathBuf },
}

impl Place {
    /// Makes a place for a run in its own folder.
    pub(super) fn make(store: Store, parent: &Path) -> Result<Self> {
        Ok(match store {
            Store::Memory => Self::Memory,
            Store::File => Self::File { folder: private(parent, "sessions")? },
            Store::Sqlite => Self::Sqlite { database: private(parent, "sessions")?.join("sessions.db") },
        })
    }

    /// Opens the store, as any program would.
    pub(super) fn open(&self) -> Result<Arc<dyn TokenStore>> {
        Ok(match self {
            Self::Memory => Arc::new(MemoryStore::new()),
            Self::File { folder } => Arc::new(FileStore::open(folder)?),
            Self::Sqlite { database } => Arc::new(SqliteStore::open(database)?),
        })
    }
}

/// A folder that only its owner may enter.
pub(super) fn private(parent: &Path, name: &str) -> Result<PathBuf> {
    let path = parent.join(name);
    DirBuilder::new().mode(0o700).create(&path)?;
    Ok(path)
}
