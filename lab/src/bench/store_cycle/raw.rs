//! What a renewal must do at least in each store: read once, and twice replace what is there if it is what was expected.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, ensure};
use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior, params};

use super::RECORD;

/// How long what a store writes is: the record and what identifies it.
const WRITTEN: usize = RECORD + 300;

/// One cycle by the backend's own client.
#[async_trait]
pub(super) trait Raw {
    async fn cycle(&mut self) -> Result<()>;
}

/// What is written: never twice the same, because a database may leave out the write of what is there already.
pub(super) struct Content([u8; WRITTEN]);

impl Content {
    pub(super) fn new() -> Self {
        Self([b'a'; WRITTEN])
    }

    pub(super) fn next(&mut self) -> &[u8] {
        self.0.iter_mut().for_each(|byte| *byte = if *byte == b'z' { b'a' } else { *byte + 1 });
        &self.0
    }
}

/// A value that a lock guards.
pub(super) struct RawMemory(tokio::sync::Mutex<Vec<u8>>);

impl RawMemory {
    pub(super) fn new() -> Self {
        Self(tokio::sync::Mutex::new(Content::new().0.to_vec()))
    }
}

#[async_trait]
impl Raw for RawMemory {
    async fn cycle(&mut self) -> Result<()> {
        let mut bytes = self.0.lock().await.clone().len();
        for _ in 0..2 {
            let new = Content::new().0.to_vec();
            let mut value = self.0.lock().await;
            bytes += value.len();
            *value = new;
        }
        ensure!(bytes == 3 * WRITTEN, "records got lost");
        Ok(())
    }
}

/// A read; twice: write, sync, rename, and sync the folder.
pub(super) struct RawFile {
    folder: PathBuf,
    content: Content,
}

impl RawFile {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, content: Content::new() }
    }
}

#[async_trait]
impl Raw for RawFile {
    async fn cycle(&mut self) -> Result<()> {
        let (name, temporary) = (self.folder.join("raw.json"), self.folder.join("raw.tmp"));
        if name.exists() {
            ensure!(fs::read(&name)?.len() == WRITTEN, "torn");
        }
        for _ in 0..2 {
            let mut file = File::create(&temporary)?;
            file.write_all(self.content.next())?;
            file.sync_all()?;
            fs::rename(&temporary, &name)?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }
}

/// The same database with the same promises, without anything around it.
pub(super) struct RawSqlite {
    connection: Connection,
    content: Content,
}

impl RawSqlite {
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             CREATE TABLE sessions (key TEXT PRIMARY KEY NOT NULL, entry BLOB NOT NULL) STRICT",
        )?;
        let mut content = Content::new();
        connection.execute("INSERT INTO sessions VALUES ('bench', ?1)", params![content.next()])?;
        Ok(Self { connection, content })
    }
}

#[async_trait]
impl Raw for RawSqlite {
    async fn cycle(&mut self) -> Result<()> {
        let read = |connection: &Connection| {
            let select = "SELECT entry FROM sessions WHERE key = 'bench'";
            connection.query_row(select, [], |row| row.get::<_, Vec<u8>>(0))
        };
        read(&self.connection)?;
        for _ in 0..2 {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            read(&transaction)?;
            let update = "UPDATE sessions SET entry = ?1 WHERE key = 'bench'";
            transaction.execute(update, params![self.content.next()])?;
            transaction.commit()?;
        }
        Ok(())
    }
}
