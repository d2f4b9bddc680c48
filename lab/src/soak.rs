//! `cargo xtask soak`: the refresh protocol under real processes, judged by the server's journal.
//!
//! The [`conductor`] runs the test kit's server, logs in once and starts [`worker`]s: this program again, each with
//! many tasks on one session. With `--kill` and `--pause` it arms one [`failpoint`](Row) at a time; the worker that
//! comes by dies or stops there, and the next one is armed when the session has recovered. What everybody saw is
//! judged in [`verdict`], which does no I/O. [`drill`] plays short scenes many times: a logout that races
//! renewals, and the death of a holder while another process waits.

mod child;
mod cli;
mod conductor;
mod database;
mod drill;
mod failpoint;
mod outage;
mod place;
mod report;
mod strike;
mod verdict;
mod wire;
mod worker;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use butlr_auth_testkit::Quirk;
use butlr_auth_testkit::servers::ServerError;
use clap::ValueEnum;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use self::conductor::Outcome;
use crate::workspace::Workspace;

pub(crate) use worker::run as run_worker;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where the session is kept; a session in memory has one process
    #[arg(long, value_enum, default_value_t = Store::File)]
    store: Store,
    /// How many processes share the session [default: 8; 1 in memory]
    #[arg(long)]
    processes: Option<usize>,
    /// How many tasks each process has, each asking ten times a second [default: 50]
    #[arg(long)]
    tasks: Option<usize>,
    /// How long an access token lives
    #[arg(long, value_parser = duration, default_value = "2s")]
    lifetime: Duration,
    /// How long it goes on [default: 60s]
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// Kills the holder at drawn points, R0 to R5 of the crash table
    #[arg(long)]
    kill: bool,
    /// Stops the holder for longer than a lease lasts, R6 to R8 of the crash table
    #[arg(long)]
    pause: bool,
    /// Kills the server of the store, brings it back, and freezes it for a while, in turn
    #[arg(long, conflicts_with_all = ["kill", "pause"])]
    outage: bool,
    /// Hides the store's kernel lock, so that the lease alone decides who exchanges
    #[arg(long)]
    lease: bool,
    /// For how long the server forgives a spent refresh token
    #[arg(long, value_parser = duration, default_value = "0s")]
    grace: Duration,
    /// How long the server takes over a request at which a process is killed or stopped
    #[arg(long, value_parser = duration, default_value = "200ms")]
    delay: Duration,
    /// Lets the server hand out one access token for all its life, and say this of how long that is
    #[arg(long, value_enum, conflicts_with_all = ["kill", "pause", "outage"])]
    same_token: Option<SameToken>,
    /// Lets the server take up to so long over each token request, before it acts or after
    #[arg(long, value_parser = duration, conflicts_with = "outage")]
    slow: Option<Duration>,
    /// Lets callers give up after so long
    #[arg(long, value_parser = duration)]
    patience: Option<Duration>,
    /// The headline: 32 processes of 1,000 tasks for ten minutes, unless said otherwise
    #[arg(long)]
    full: bool,
    /// What CI runs, instead: everything in short
    #[arg(long)]
    small: bool,
    /// Leaves out the stores that need these: redis,postgres
    #[arg(long, value_name = "NAMES", value_delimiter = ',', requires = "small")]
    without: Vec<String>,
    /// Plays this many rounds of a logout that races eight processes, instead
    #[arg(long, value_name = "N", conflicts_with_all = ["kill", "pause", "full"])]
    logout_rounds: Option<u32>,
    /// Kills the holder this many times while another process waits, and measures how long it does, instead
    #[arg(long, value_name = "N", conflicts_with_all = ["kill", "pause", "full", "logout_rounds"])]
    takeover_rounds: Option<u32>,
    /// Plays this many rounds of twenty parallel `butlr-auth token` on an expired session, instead
    #[arg(long, value_name = "N", conflicts_with_all = ["kill", "pause", "full", "logout_rounds", "takeover_rounds"])]
    cli_rounds: Option<u32>,
    /// Plays this many rounds of commands that are signalled while a slow server has their refresh token, instead
    #[arg(long, value_name = "N", conflicts_with_all = ["kill", "pause", "full", "logout_rounds", "takeover_rounds", "cli_rounds"])]
    signal_rounds: Option<u32>,
    /// Prints the verdict as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Store {
    Memory,
    File,
    Sqlite,
    /// In a file, encrypted
    Encrypted,
    Redis,
    Postgres,
}

/// What a server says of the life of a token that it hands out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SameToken {
    /// What remains of it
    Remaining,
    /// A whole life, although it ends when it ends
    Full,
    /// A whole life, and so it is: it begins anew with each answer
    Sliding,
}

impl SameToken {
    fn quirk(self) -> Quirk {
        match self {
            Self::Remaining => Quirk::SameTokenRemaining,
            Self::Full => Quirk::SameTokenFull,
            Self::Sliding => Quirk::SameTokenSliding,
        }
    }
}

impl Store {
    fn has_server(self) -> bool {
        matches!(self, Self::Redis | Self::Postgres)
    }
}

/// How long a server is frozen in a run that is long enough: longer than a lease lasts.
const LONGEST_FREEZE: Duration = Duration::from_secs(10);

/// A run, with every default filled in.
#[derive(Clone, Debug)]
struct Plan {
    store: Store,
    processes: usize,
    tasks: usize,
    lifetime: Duration,
    duration: Duration,
    rows: Vec<Row>,
    /// For how long the store's server is frozen, if it has outages.
    freeze: Option<Duration>,
    /// Whether the lease alone decides who exchanges.
    lease: bool,
    grace: Duration,
    delay: Duration,
    same_token: Option<SameToken>,
    /// How long the server takes at most over any token request.
    slow: Option<Duration>,
    patience: Option<Duration>,
}

/// Where a holder dies or stops: the crash table of the design of the refresh protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Row {
    /// Dies before the intent is written.
    R0,
    /// Dies after the intent, before or while sending; the server never acts.
    R1,
    /// Dies when the server has rotated and the answer is on its way.
    R2,
    /// Dies with the answer in hand, before it is stored.
    R3,
    /// Dies inside the write.
    R4,
    /// Dies when it is stored and nobody has been told.
    R5,
    /// Stops with the intent written, before the guard.
    R6,
    /// Stops between the guard and the first byte.
    R7,
    /// Stops when the request is sent.
    R8,
}

impl Row {
    const KILLS: [Self; 6] = [Self::R0, Self::R1, Self::R2, Self::R3, Self::R4, Self::R5];
    const PAUSES: [Self; 3] = [Self::R6, Self::R7, Self::R8];

    fn is_kill(self) -> bool {
        Self::KILLS.contains(&self)
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.small {
        return small(workspace, &options.without);
    }
    if let Some(rounds) = options.logout_rounds {
        return drill::logout(rounds, options.json);
    }
    if let Some(rounds) = options.takeover_rounds {
        return drill::takeover(rounds, options.json);
    }
    if let Some(rounds) = options.cli_rounds {
        return cli::run(workspace, rounds, options.json);
    }
    if let Some(rounds) = options.signal_rounds {
        return cli::signals(workspace, rounds, options.json);
    }
    conclude(conductor::run(&options.plan()?)?, options.json)
}

fn conclude(outcome: Outcome, json: bool) -> Result<()> {
    report::print(&outcome, json)?;
    match outcome.verdict.violations.len() {
        0 => Ok(()),
        _ => bail!("the journal of this run shows what must not happen: {}", outcome.keep()?.display()),
    }
}

/// What continuous integration runs: eight processes of fifty tasks for some seconds on each store, the servers of
/// stores with outages, then twenty logouts, and five rounds of the command line.
fn small(workspace: &Workspace, left_out: &[String]) -> Result<()> {
    for store in [Store::File, Store::Sqlite, Store::Encrypted, Store::Redis, Store::Postgres] {
        if store.to_possible_value().is_some_and(|value| left_out.iter().any(|name| name == value.get_name()))
        {
            continue;
        }
        let plan = Plan {
            store,
            processes: 8,
            tasks: 50,
            lifetime: Duration::from_secs(2),
            duration: Duration::from_secs(if store.has_server() { 20 } else { 10 }),
            rows: Vec::new(),
            freeze: store.has_server().then_some(Duration::from_secs(3)),
            lease: store.has_server(),
            grace: Duration::ZERO,
            delay: Duration::from_millis(200),
            same_token: None,
            slow: None,
            patience: None,
        };
        play(&plan)?;
        let calm = Plan { freeze: None, lease: false, ..plan };
        match store {
            // Lives of which the second half is asked about again and again.
            Store::File => {
                play(&Plan { same_token: Some(SameToken::Remaining), lifetime: SHORT_LIFE, ..calm })?
            }
            Store::Sqlite => play(&Plan { same_token: Some(SameToken::Full), lifetime: SHORT_LIFE, ..calm })?,
            Store::Encrypted => play(&Plan {
                rows: Row::KILLS.to_vec(),
                grace: Duration::from_secs(30),
                slow: Some(Duration::from_secs(2)),
                patience: Some(Duration::from_millis(500)),
                duration: Duration::from_secs(25),
                ..calm
            })?,
            _ => {}
        }
    }
    drill::logout(20, false)?;
    cli::run(workspace, 5, false)?;
    cli::signals(workspace, 4, false)
}

/// How long a token lives that a server hands out again, in a run of some seconds.
const SHORT_LIFE: Duration = Duration::from_secs(6);

fn play(plan: &Plan) -> Result<()> {
    match conductor::run(plan) {
        Err(error) if is_skipped(&error) => eprintln!("SKIPPED soak in {:?}: {error}", plan.store),
        outcome => conclude(outcome?, false)?,
    }
    println!();
    Ok(())
}

/// Whether all that is wrong is a server that is not installed on a developer's machine.
fn is_skipped(error: &anyhow::Error) -> bool {
    let missing = error.downcast_ref::<ServerError>().and_then(ServerError::missing_package);
    missing.is_some() && std::env::var_os("CI").is_none()
}

impl Options {
    fn plan(&self) -> Result<Plan> {
        let mut rows = Vec::new();
        if self.kill {
            rows.extend(Row::KILLS);
        }
        if self.pause {
            rows.extend(Row::PAUSES);
        }
        let processes = self.processes.unwrap_or(match self.store {
            Store::Memory => 1,
            _ if self.full => 32,
            _ => 8,
        });
        if self.store == Store::Memory && (processes != 1 || !rows.is_empty()) {
            bail!(
                "a session in memory lives and dies with its one process: no --processes, --kill or --pause"
            );
        }
        if self.outage && !self.store.has_server() {
            bail!("--outage is for stores that have a server: redis and postgres");
        }
        let duration = self.duration.unwrap_or_else(|| Duration::from_secs(if self.full { 600 } else { 60 }));
        Ok(Plan {
            store: self.store,
            processes,
            tasks: self.tasks.unwrap_or(if self.full { 1000 } else { 50 }),
            lifetime: self.lifetime,
            duration,
            rows,
            freeze: self.outage.then(|| LONGEST_FREEZE.min(duration / 5)),
            lease: self.lease || self.store.has_server(),
            grace: self.grace,
            delay: self.delay,
            same_token: self.same_token,
            slow: self.slow,
            patience: self.patience,
        })
    }
}

fn duration(text: &str) -> Result<Duration> {
    let parsed: SignedDuration = text.parse().context("such as 2s, 200ms or 10m")?;
    Duration::try_from(parsed).context("must not be negative")
}
