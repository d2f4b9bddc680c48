//! W5: a hundred thousand identities in one process: what a get, the memory and the idle ones cost, and what happens
//! when five thousand tokens are to be renewed at once.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::RwLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use butlr_auth_cache::Sessions;
use butlr_auth_core::{Clock as _, Grant, ManualClock, SystemClock, Token};
use tokio::runtime::{Handle, Runtime};

use super::figure::{Report, Target, Unit};
use super::issuer::{Issuer, TOKEN_LENGTH};
use super::measure::Samples;
use super::waiting::waits;

const IDENTITIES: usize = 100_000;
const DUE: usize = 5_000;

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W5", "100,000 identities in one process");
    let names: Vec<String> = (0..IDENTITIES).map(|number| format!("tenant-{number:06}")).collect();
    // On one thread, because allocations are counted there.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sessions = filled(report, &runtime, &names)?;
    gets(report, &runtime, &names, &sessions)?;
    due_at_once(report, &names)
}

fn filled(report: &mut Report, runtime: &Runtime, names: &[String]) -> Result<Sessions> {
    let threads = threads()?;
    let issuer = Issuer::new(Duration::from_secs(24 * 3600))?;
    let builder = Sessions::builder(issuer.clone()).grant(Grant::client_credentials());
    let sessions = builder.capacity(2 * IDENTITIES).open()?;
    let mut fill = Samples::in_batches("opened and given its first token", u32::try_from(IDENTITIES)?);
    let mut result = Ok(());
    let memory = allocation_counter::measure(|| {
        result = fill.time(|| {
            runtime.block_on(async {
                for name in names {
                    sessions.token(name).await?;
                }
                Ok::<_, butlr_auth_core::Error>(())
            })
        });
    });
    result?;
    ensure!(issuer.exchanges() == IDENTITIES, "{} exchanges", issuer.exchanges());
    report.note(&fill);
    let per_identity = memory.bytes_current as f64 / IDENTITIES as f64 - TOKEN_LENGTH as f64;
    let what = "bytes per identity, beyond its token's own";
    report.figure(what, per_identity, Unit::Bytes, Some(Target::AtMost(600.0)));
    let tasks = runtime.handle().metrics().num_alive_tasks();
    report.count_at_most("tasks of all idle identities", tasks as f64, 0.0);
    let threads = self::threads()?.saturating_sub(threads);
    report.count_at_most("threads of all idle identities", threads as f64, 0.0);
    Ok(sessions)
}

/// Gets in an order that no cache can guess, beside a map that holds nothing but the tokens.
fn gets(report: &mut Report, runtime: &Runtime, names: &[String], sessions: &Sessions) -> Result<()> {
    const BATCH: usize = 20_000;
    const ROUNDS: usize = 60;

    let clock = SystemClock::new();
    let papaya = papaya::HashMap::new();
    let mut plain = HashMap::new();
    for name in names {
        let token = sessions.try_token(name)?.context("it was just filled")?;
        papaya.pin().insert(name.clone(), copied(&token)?);
        plain.insert(name.clone(), copied(&token)?);
    }
    let plain = RwLock::new(plain);
    let batch = u32::try_from(BATCH)?;
    let mut of_papaya = Samples::in_batches("papaya: get and clone, clock read", batch);
    let mut of_plain = Samples::in_batches("HashMap in a RwLock: get and clone, clock read", batch);
    let mut try_token = Samples::in_batches("Sessions::try_token", batch);
    let mut token = Samples::in_batches("Sessions::token", batch);
    let mut draw = Draw(1);
    for round in 0..=ROUNDS {
        // Each contender has an order of its own, so that none warms the names for the next.
        let mut drawn =
            || -> Vec<&String> { (0..BATCH).filter_map(|_| names.get(draw.below(IDENTITIES))).collect() };
        let orders = [drawn(), drawn(), drawn(), drawn()];
        let [first, second, third, fourth] = &orders;
        of_papaya.time(|| {
            for name in first {
                black_box((papaya.pin().get(*name).cloned(), clock.boot()));
            }
        });
        of_plain.time(|| {
            for name in second {
                black_box((plain.read().ok().and_then(|map| map.get(*name).cloned()), clock.boot()));
            }
        });
        try_token.time(|| {
            for name in third {
                let _ = black_box(sessions.try_token(name));
            }
        });
        token.time(|| {
            runtime.block_on(async {
                for name in fourth {
                    let _ = black_box(sessions.token(name).await);
                }
            });
        });
        if round == 0 {
            for samples in [&mut of_papaya, &mut of_plain, &mut try_token, &mut token] {
                samples.clear();
            }
        }
    }
    for samples in [&of_papaya, &of_plain, &try_token, &token] {
        report.note(samples);
    }
    report.shown("HashMap in a RwLock / papaya", of_plain.ratio(&of_papaya), Unit::Times);
    report.at_most("try_token / a papaya get", try_token.ratio(&of_papaya), 1.5);
    report.at_most("token / a papaya get", token.ratio(&of_papaya), 1.5);
    Ok(())
}

/// A token in a place of its own: a clone would share the place of the original.
fn copied(token: &Token) -> Result<Token> {
    let access_token = butlr_auth_core::AccessToken::new(token.access_token().expose())?;
    Ok(Token::new(access_token, token.scope().clone(), *token.validity()))
}

fn due_at_once(report: &mut Report, names: &[String]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let issuer = Issuer::new(Duration::from_secs(3600))?.slow(Duration::from_millis(5));
        let clock = ManualClock::new();
        let builder = Sessions::builder(issuer.clone()).grant(Grant::client_credentials());
        let sessions = builder.capacity(IDENTITIES).clock(clock.clone()).open()?;
        let due = names.get(..DUE).context("there are so many names")?;
        ask(&sessions, due).await?;
        let issued = issuer.exchanges();
        // Every token is to be renewed, and none has ended.
        clock.advance(Duration::from_secs(3000));
        let waited = ask(&sessions, due).await?;
        sessions.shutdown().await;
        let renewed = issuer.exchanges() - issued;
        ensure!(renewed == DUE, "{renewed} renewals of {DUE}");
        report.count_at_most("5,000 due at once: callers that waited", waited as f64, 0.0);
        let most = issuer.most_in_flight() as f64;
        report.count_at_most("5,000 due at once: most exchanges in flight", most, 16.0);
        // A task that has told its result may still have to end.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let left = Handle::current().metrics().num_alive_tasks() as f64;
        report.count_at_most("5,000 due at once: tasks left afterwards", left, 0.0);
        Ok(())
    })
}

/// One caller for each, all at once; how many of them waited.
async fn ask(sessions: &Sessions, names: &[String]) -> Result<usize> {
    let mut running = tokio::task::JoinSet::new();
    for name in names {
        let (sessions, name) = (sessions.clone(), name.clone());
        running.spawn(async move { waits(sessions.token(&name)).await });
    }
    let mut waited = 0;
    while let Some(task) = running.join_next().await {
        let (token, did) = task?;
        token?;
        waited += usize::from(did);
    }
    Ok(waited)
}

/// How many threads this process has; none where nobody tells.
fn threads() -> Result<usize> {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return Ok(0) };
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    Ok(line.context("the kernel counts threads")?.trim().parse()?)
}

/// Numbers that look drawn, the same in every run (a multiplicative generator after Lehmer).
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0 * 48_271 % 0x7fff_ffff;
        usize::try_from(self.0).unwrap_or_default() % limit
    }
}
