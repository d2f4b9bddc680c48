//! W9: many processes on one session: the soak as it is, for a minute on each store, and a fleet that does nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use butlr_auth_cache::{FileStore, Session};
use butlr_auth_core::Grant;
use serde::Deserialize;

use super::figure::{Report, Target, Unit};
use super::issuer::Issuer;

const PROCESSES: usize = 32;
const TASKS: usize = 1_000;
const STORES: [&str; 4] = ["file", "sqlite", "redis", "postgres"];
const IDLE: Duration = Duration::from_secs(10);

/// What is wanted of a soak's verdict.
#[derive(Deserialize)]
struct Verdict {
    exchanges: f64,
    upper_bound: f64,
    longest_wait_ms: f64,
    expired_served: f64,
    invalid_grant: f64,
    gets: f64,
    ok: bool,
}

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W9", "32 processes of 1,000 tasks on one session, tokens of 2 s, a minute per store");
    for store in STORES {
        soak(report, store)?;
    }
    idle(report)
}

fn soak(report: &mut Report, store: &str) -> Result<()> {
    let (processes, tasks) = (PROCESSES.to_string(), TASKS.to_string());
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["soak", "--store", store, "--processes", &processes, "--tasks", &tasks]);
    let output = command.args(["--duration", "60s", "--json"]).stderr(Stdio::inherit()).output()?;
    let verdict: Verdict = serde_json::from_slice(&output.stdout).context("the soak gave no verdict")?;
    ensure!(verdict.ok, "an invariant does not hold: run `cargo xtask soak --store {store}`");
    report.note(format_args!("{store}: {:.0} gets", verdict.gets));
    let required = verdict.exchanges / verdict.upper_bound;
    report.at_most(&format!("{store}: exchanges / what time requires at most"), required, 1.0);
    let stall = Some(Target::AtMost(0.0));
    let what = format!("{store}: longest wait of a caller with a usable token");
    report.figure(&what, verdict.longest_wait_ms, Unit::Milliseconds, stall);
    let what = format!("{store}: expired tokens and refused renewals");
    report.count_at_most(&what, verdict.expired_served + verdict.invalid_grant, 0.0);
    Ok(())
}

/// Processes that hold a fresh token and do nothing.
fn idle(report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut fleet = Vec::new();
    for _ in 0..PROCESSES {
        fleet.push(IdleProcess::start(folder.path())?);
    }
    let before = fleet.iter().map(IdleProcess::processor_time).sum::<Result<Duration>>()?;
    std::thread::sleep(IDLE);
    let after = fleet.iter().map(IdleProcess::processor_time).sum::<Result<Duration>>()?;
    let part = (after - before).as_secs_f64() / IDLE.as_secs_f64() / PROCESSES as f64;
    let what = "processor time of an idle process, of one core";
    report.figure(what, 100.0 * part, Unit::Percent, Some(Target::AtMost(1.0)));
    Ok(())
}

struct IdleProcess(Child);

impl IdleProcess {
    fn start(folder: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "--idle"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().context("an idle process has a stdout")?;
        let started = Self(child);
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        ensure!(ready.trim() == "ready", "an idle process did not start");
        Ok(started)
    }

    /// What it has used of all processors, by the kernel's count of ticks.
    fn processor_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        let (_, fields) = stat.rsplit_once(") ").context("the kernel names a process in brackets")?;
        let ticks: u64 =
            fields.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // A tick is a hundredth of a second on every platform of Linux that user space sees.
        Ok(Duration::from_millis(10 * ticks))
    }
}

impl Drop for IdleProcess {
    fn drop(&mut self) {
        // The end of its stdin ends it.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// One idle process: opens the session, has a token, and waits for the end of its stdin.
pub(super) fn stay_idle(folder: &Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let builder = Session::builder(Issuer::new(Duration::from_secs(3600))?);
    let store = FileStore::open(folder.join("sessions"))?;
    let session = builder.grant(Grant::client_credentials()).store(store).open()?;
    runtime.block_on(session.token())?;
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
