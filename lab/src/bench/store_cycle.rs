//! W7: what a renewal costs in the store: a load, the lease with the intent, and the commit, beside the raw operations
//! of the same backend. And how often a session goes there at all.

mod calls;
mod raw;
#[cfg(unix)]
mod servers;

use std::time::Duration;

use anyhow::{Result, ensure};
use butlr_auth_cache::{
    Entry, FileStore, Hold, Id, MemoryStore, Party, SessionKey, SqliteStore, Swap, TokenStore,
};
use butlr_auth_core::{Error, TokenEndpoint as _};
use tokio::runtime::Runtime;

use self::raw::{Raw, RawFile, RawMemory, RawSqlite};
use super::figure::Report;
use super::issuer::Issuer;
use super::measure::Samples;

/// How long a record with a refresh token and an access token of 1 KiB is.
const RECORD: usize = 2_000;
const ROUNDS: usize = 300;
const LIFETIME: Duration = Duration::from_secs(3600);

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W7", "one renewal's store cost: a load, two durable writes");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(calls::calls(report))?;
    let folder = tempfile::tempdir()?;
    let key = SessionKey::new(Issuer::new(LIFETIME)?.identity(), Party::User, "bench");
    let mut bench = Measured { report, runtime: &runtime, key: &key };

    bench.store("memory", &MemoryStore::new(), &mut RawMemory::new())?;

    let store = FileStore::open(folder.path().join("sessions"))?;
    bench.store("file", &store, &mut RawFile::new(folder.path().to_owned()))?;

    let store = SqliteStore::open(folder.path().join("database/sessions.sqlite3"))?;
    bench.store("SQLite", &store, &mut RawSqlite::open(folder.path().join("raw.sqlite3"))?)?;

    #[cfg(unix)]
    servers::run(&mut bench)?;
    Ok(())
}

struct Measured<'a> {
    report: &'a mut Report,
    runtime: &'a Runtime,
    key: &'a SessionKey,
}

impl Measured<'_> {
    /// Measures cycles of `store` and of `raw` in turns.
    fn store(&mut self, name: &str, store: &dyn TokenStore, raw: &mut dyn Raw) -> Result<()> {
        let Self { report, runtime, key } = self;
        let mut of_raw = Samples::new(format!("{name}: the raw operations"));
        let mut of_store = Samples::new(format!("{name}: load, hold, two compare-and-swaps"));
        let mut of_load = Samples::new(format!("{name}: one load more, as a renewal makes"));
        runtime.block_on(async {
            let _ = store.compare_and_swap(key, None, &record(Id::random())).await?;
            Ok::<_, Error>(())
        })?;
        for round in 0..=ROUNDS {
            of_raw.time(|| runtime.block_on(raw.cycle()))?;
            let written = [record(Id::random()), record(Id::random())];
            of_store.time(|| runtime.block_on(cycle(store, key, &written)))?;
            of_load.time(|| runtime.block_on(store.load(key)))?;
            if round == 0 {
                for samples in [&mut of_raw, &mut of_store, &mut of_load] {
                    samples.clear();
                }
            }
        }
        for samples in [&of_raw, &of_store, &of_load] {
            report.note(samples);
        }
        report.at_most(&format!("{name}: a cycle / its raw operations"), of_store.ratio(&of_raw), 1.25);
        Ok(())
    }
}

async fn cycle(store: &dyn TokenStore, key: &SessionKey, [intent, commit]: &[Entry; 2]) -> Result<()> {
    let _held: Hold = store.hold(key).await?;
    let stored = store.load(key).await?.map(|entry| entry.write_id());
    let first = store.compare_and_swap(key, stored, intent).await?;
    let second = store.compare_and_swap(key, Some(intent.write_id()), commit).await?;
    ensure!((first, second) == (Swap::Swapped, Swap::Swapped), "somebody else writes");
    Ok(())
}

fn record(write_id: Id) -> Entry {
    Entry::new(write_id, format!("\"{:x>1$}\"", "", RECORD - 2))
}
