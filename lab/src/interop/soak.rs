//! 32 processes on one session at a server that ends the family of a refresh token that is used twice.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use butlr_auth_cache::{FileStore, Session};
use butlr_auth_core::{Clock as _, SystemClock};
use butlr_auth_http::HttpTokenEndpoint;
use serde::{Deserialize, Serialize};

use super::flows::Flows;
use super::oidc_provider::{LIFETIME, OidcProvider};

const PROCESSES: usize = 32;

/// How often each process asks for the token.
const EVERY: Duration = Duration::from_millis(20);

/// What a process reads from stdin.
#[derive(Serialize, Deserialize)]
struct Settings {
    issuer: String,
    client_id: String,
    folder: PathBuf,
    duration: Duration,
}

/// What a process met.
#[derive(Default, Serialize, Deserialize)]
struct Tally {
    gets: u64,
    expired: u64,
    errors: BTreeMap<String, u64>,
}

pub(super) async fn run(server: &OidcProvider, flows: &Flows<'_>, duration: Duration) -> Result<()> {
    let place = tempfile::tempdir()?;
    let folder = place.path().join("sessions");
    flows.log_in_to(&folder).await?;
    let (refreshed, refused, ended) = (server.refreshed(), server.refused(), server.ended());
    let settings = Settings {
        issuer: server.peer.issuer.clone(),
        client_id: server.peer.app.id.to_owned(),
        folder,
        duration,
    };
    let settings = serde_json::to_vec(&settings)?;
    let mut workers = Vec::new();
    for _ in 0..PROCESSES {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("interop-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        std::io::Write::write_all(&mut child.stdin.take().context("a worker has a stdin")?, &settings)?;
        workers.push(child);
    }
    let mut total = Tally::default();
    for worker in workers {
        let output = tokio::task::spawn_blocking(move || worker.wait_with_output()).await??;
        ensure!(output.status.success(), "a worker failed");
        let tally: Tally = serde_json::from_slice(&output.stdout)?;
        total.gets += tally.gets;
        total.expired += tally.expired;
        for (kind, count) in tally.errors {
            *total.errors.entry(kind).or_default() += count;
        }
    }
    let refreshed = server.refreshed() - refreshed;
    let (refused, ended) = (server.refused() - refused, server.ended() - ended);
    println!(
        "  {PROCESSES} processes, {} s, tokens of {LIFETIME} s: {refreshed} refreshes, {refused} refused, \
         {ended} families ended, {} gets, {} expired, errors: {:?}",
        duration.as_secs(),
        total.gets,
        total.expired,
        total.errors
    );
    ensure!(refused == 0 && ended == 0, "a refresh token was used twice");
    ensure!(total.expired == 0 && total.errors.is_empty(), "a caller met an error or an expired token");
    // Renewed before it expires, and once for all: as often as tokens live, at most twice as often.
    let lifetimes = duration.as_secs() / LIFETIME;
    let refreshed = u64::try_from(refreshed)?;
    ensure!(
        (lifetimes / 2..=lifetimes * 2 + 2).contains(&refreshed),
        "{refreshed} refreshes in {lifetimes} lifetimes"
    );
    Ok(())
}

/// One process.
pub(crate) fn run_worker() -> Result<()> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input)?;
    let settings: Settings = serde_json::from_slice(&input)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tally = runtime.block_on(work(&settings))?;
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

async fn work(settings: &Settings) -> Result<Tally> {
    let endpoint = HttpTokenEndpoint::discover(settings.issuer.as_str()).await?;
    let endpoint = endpoint.client_id(settings.client_id.as_str()).build()?;
    let session = Session::builder(endpoint).store(FileStore::open(&settings.folder)?).open()?;
    let clock = SystemClock::new();
    let mut tally = Tally::default();
    let mut ticker = tokio::time::interval(EVERY);
    let end = clock.boot() + settings.duration;
    while clock.boot() < end {
        ticker.tick().await;
        let token = session.token().await;
        tally.gets += 1;
        match token {
            Ok(token) => tally.expired += u64::from(token.is_over(clock.boot())),
            Err(error) => *tally.errors.entry(format!("{:?}", error.kind())).or_default() += 1,
        }
    }
    session.shutdown().await;
    Ok(tally)
}
