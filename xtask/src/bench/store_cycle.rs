//! W7: what a renewal costs in the store: a load, the lease with the intent, and the commit, beside the raw operations
//! of the same backend. And how often a session goes there at all.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use async_trait::async_trait;
use butlr_auth_cache::{
    Entry, FileStore, Hold, Id, MemoryStore, Party, Promises, Session, SessionKey, SqliteStore, Swap,
    TokenStore,
};
use butlr_auth_core::{Error, Grant, ManualClock, Password, TokenEndpoint as _};
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::runtime::Runtime;

use super::figure::{Report, Unit};
use super::issuer::Issuer;
use super::measure::Samples;

/// How long a record with a refresh token and an access token of 1 KiB is.
const RECORD: usize = 2_000;
const ROUNDS: usize = 300;
const LIFETIME: Duration = Duration::from_secs(3600);

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W7", "one renewal's store cost: a load, two durable writes");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(calls(report))?;
    let folder = tempfile::tempdir()?;
    let key = SessionKey::new(Issuer::new(LIFETIME)?.identity(), Party::User, "bench");

    let table = Mutex::new(std::collections::HashMap::from([(key.clone(), record(Id::random()))]));
    let raw = || -> Result<()> {
        let mut bytes = 0;
        for write in 0..3 {
            let mut table = table.lock().map_err(|_| anyhow!("nobody panics"))?;
            bytes += table.get(&key).map_or(0, |entry| entry.clone().record().len());
            if write > 0 {
                table.insert(key.clone(), record(Id::random()));
            }
        }
        ensure!(bytes == 3 * RECORD, "records got lost");
        Ok(())
    };
    measured(report, &runtime, "memory", &MemoryStore::new(), &key, raw)?;

    let store = FileStore::open(folder.path().join("sessions"))?;
    measured(report, &runtime, "file", &store, &key, || raw_file(folder.path()))?;

    let store = SqliteStore::open(folder.path().join("database/sessions.sqlite3"))?;
    let mut raw = RawSqlite::open(&folder.path().join("raw.sqlite3"))?;
    measured(report, &runtime, "SQLite", &store, &key, || raw.cycle())
}

/// Measures cycles of `store` and of `raw` in turns.
fn measured(
    report: &mut Report,
    runtime: &Runtime,
    name: &str,
    store: &dyn TokenStore,
    key: &SessionKey,
    mut raw: impl FnMut() -> Result<()>,
) -> Result<()> {
    let mut of_raw = Samples::new(format!("{name}: the raw operations"));
    let mut of_store = Samples::new(format!("{name}: load, hold, two compare-and-swaps"));
    runtime.block_on(async {
        let _ = store.compare_and_swap(key, None, &record(Id::random())).await?;
        Ok::<_, Error>(())
    })?;
    for round in 0..=ROUNDS {
        of_raw.time(&mut raw)?;
        of_store.time(|| runtime.block_on(cycle(store, key)))?;
        if round == 0 {
            of_raw.clear();
            of_store.clear();
        }
    }
    report.note(&of_raw);
    report.note(&of_store);
    report.at_most(&format!("{name}: a cycle / its raw operations"), of_store.ratio(&of_raw), 1.25);
    Ok(())
}

async fn cycle(store: &dyn TokenStore, key: &SessionKey) -> Result<()> {
    let _held: Hold = store.hold(key).await?;
    let stored = store.load(key).await?.map(|entry| entry.write_id());
    let (intent, commit) = (record(Id::random()), record(Id::random()));
    let first = store.compare_and_swap(key, stored, &intent).await?;
    let second = store.compare_and_swap(key, Some(intent.write_id()), &commit).await?;
    ensure!((first, second) == (Swap::Swapped, Swap::Swapped), "somebody else writes");
    Ok(())
}

fn record(write_id: Id) -> Entry {
    Entry::new(write_id, format!("\"{:x>1$}\"", "", RECORD - 2))
}

/// What a file store must do at least: read once, and twice write, sync, rename, and sync the folder.
fn raw_file(folder: &Path) -> Result<()> {
    let (name, temporary) = (folder.join("raw.json"), folder.join("raw.tmp"));
    let content = [b'x'; RECORD + 300];
    if name.exists() {
        ensure!(fs::read(&name)?.len() == content.len(), "torn");
    }
    for _ in 0..2 {
        let mut file = File::create(&temporary)?;
        file.write_all(&content)?;
        file.sync_all()?;
        fs::rename(&temporary, &name)?;
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// The same database with the same promises, without anything around it.
struct RawSqlite {
    connection: Connection,
    /// SQLite leaves out the write of what is there already.
    content: [u8; RECORD + 300],
}

impl RawSqlite {
    fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
             CREATE TABLE sessions (key TEXT PRIMARY KEY NOT NULL, entry BLOB NOT NULL) STRICT",
        )?;
        let insert = "INSERT INTO sessions VALUES ('bench', ?1)";
        let content = [b'x'; RECORD + 300];
        connection.execute(insert, params![content.as_slice()])?;
        Ok(Self { connection, content })
    }

    fn cycle(&mut self) -> Result<()> {
        let read = |connection: &Connection| {
            let select = "SELECT entry FROM sessions WHERE key = 'bench'";
            connection.query_row(select, [], |row| row.get::<_, Vec<u8>>(0))
        };
        read(&self.connection)?;
        for _ in 0..2 {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            read(&transaction)?;
            let update = "UPDATE sessions SET entry = ?1 WHERE key = 'bench'";
            self.content.iter_mut().for_each(|byte| *byte = byte.wrapping_add(1));
            transaction.execute(update, params![self.content.as_slice()])?;
            transaction.commit()?;
        }
        Ok(())
    }
}

/// Counts what a session asks of its store.
#[derive(Clone, Debug, Default)]
struct Counted {
    inner: MemoryStore,
    calls: Arc<[AtomicUsize; 2]>,
}

impl Counted {
    /// Loads and writes since the last time.
    fn take(&self) -> [f64; 2] {
        [0, 1].map(|which| {
            self.calls.get(which).map_or(0.0, |calls: &AtomicUsize| calls.swap(0, Ordering::SeqCst) as f64)
        })
    }

    fn count(&self, which: usize) {
        if let Some(calls) = self.calls.get(which) {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl TokenStore for Counted {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.count(0);
        self.inner.load(key).await
    }

    async fn compare_and_swap(&self, key: &SessionKey, old: Option<Id>, new: &Entry) -> Result<Swap, Error> {
        self.count(1);
        self.inner.compare_and_swap(key, old, new).await
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        self.inner.hold(key).await
    }
}

/// A person's session: its renewals, and a minute with a get every hundredth of a second.
async fn calls(report: &mut Report) -> Result<()> {
    const SECONDS: u64 = 60;

    let (store, clock) = (Counted::default(), ManualClock::new());
    let session =
        Session::builder(Issuer::new(LIFETIME)?).store(store.clone()).clock(clock.clone()).open()?;
    session.login(&Grant::password("ada", Password::new("secret")?)).await?;
    store.take();
    session.renew().await?;
    session.shutdown().await;
    let [loads, writes] = store.take();
    report.count_at_most("loads of a renewal", loads, 1.0);
    report.count_at_most("writes of a renewal", writes, 2.0);
    for _ in 0..SECONDS * 100 {
        session.token().await?;
        clock.advance(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    session.shutdown().await;
    let [loads, writes] = store.take();
    report.count_at_most("6,000 fresh gets in a minute: loads", loads, (SECONDS / 5) as f64);
    report.count_at_most("6,000 fresh gets in a minute: writes", writes, 0.0);
    report.shown("gets per load", (SECONDS * 100) as f64 / loads.max(1.0), Unit::Count);
    Ok(())
}
