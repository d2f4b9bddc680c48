//! `cargo xtask hostile`: every hostile answer of the test kit, to every request that it may answer.
//!
//! The cases say what a client must make of them. What holds for all of them is checked for all of them: one request,
//! no step to where the answer leads, no secret in an error or in a log at TRACE, bounds on time, memory and what is
//! read.

mod ask;
mod logs;
mod memory;
mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use anyhow::{Result, ensure};
use butlr_auth_core::{Clock as _, Error, SystemClock};
use butlr_auth_testkit::hostile::{Case, Expected, HostileServer, Sent, Surface};
use tracing_subscriber::filter::LevelFilter;

use self::logs::Logs;

/// What one answer may cost the whole process, the server that plays it included: 64 MiB.
const MEMORY: u64 = 64 * 1024 * 1024;

/// What is read of an answer at most, what fits into the sockets included: 16 MiB.
const READ: usize = 16 * 1024 * 1024;

/// The deadline of a request that only its deadline ends: 300 ms.
const SHORT: Duration = Duration::from_millis(300);

/// The deadline of every other request, as it is usually: 5 s.
const USUAL: Duration = Duration::from_secs(5);

/// A client that is not back after this has no deadline: 30 s.
const HUNG: Duration = Duration::from_secs(30);

/// What the client sends. `canary` is in all that is secret, in the answers of the cases, too.
const SENT: Sent<'static> =
    Sent { client_id: "cli", client_secret: "canary-client%secret", token: "canary-refresh-token%3d" };

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Runs only the cases whose name begins so: `transport/`, `json/bom`
    only: Vec<String>,
    /// Prints every case, not only a line for each group
    #[arg(long)]
    all: bool,
}

/// What came of one case on one surface.
struct Outcome {
    case: Case,
    surface: Surface,
    found: String,
    wrong: Vec<String>,
    took: Duration,
    memory: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let cases: Vec<_> = Case::all()
        .into_iter()
        .filter(|case| {
            options.only.is_empty() || options.only.iter().any(|only| case.name().starts_with(only))
        })
        .collect();
    ensure!(!cases.is_empty(), "no case has such a name");
    let logs = Logs::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(logs.clone())
        .with_ansi(false)
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcomes = tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let mut outcomes = Vec::new();
            for case in cases {
                for surface in case.surfaces().collect::<Vec<_>>() {
                    outcomes.push(play(case.clone(), surface, &logs).await?);
                }
            }
            Ok::<_, anyhow::Error>(outcomes)
        })
    })?;
    table::print(&outcomes, options.all);
    let wrong = outcomes.iter().filter(|outcome| !outcome.wrong.is_empty()).count();
    ensure!(wrong == 0, "{wrong} of {} answers are taken wrongly", outcomes.len());
    Ok(())
}

async fn play(case: Case, surface: Surface, logs: &Logs) -> Result<Outcome> {
    let server = HostileServer::start(&case, surface, SENT).await?;
    let deadline = if case.takes_for_ever() { SHORT } else { USUAL };
    logs.take();
    memory::forget_peak();
    let before = memory::now();
    let clock = SystemClock::new();
    let began = clock.boot();
    let asked = tokio::time::timeout(HUNG, ask::ask(surface, &server.url(), SENT, deadline)).await;
    let took = clock.boot() - began;
    let memory = before.zip(memory::peak()).map(|(before, peak)| peak.saturating_sub(before));
    let mut wrong = Vec::new();
    let found = match &asked {
        Err(_) => "hung".to_owned(),
        Ok(Ok(())) => Expected::Accepted.to_string(),
        Ok(Err(error)) => format!("{:?}", error.kind()),
    };
    let expected = case.expected(surface);
    if found != expected.to_string() {
        wrong.push(format!("{expected} is expected"));
    }
    // Metadata is looked for at two places, everything else is asked for once.
    let most = if surface == Surface::Discovery { 2 } else { 1 };
    if server.requests() > most {
        wrong.push(format!("{} requests", server.requests()));
    }
    if server.led_astray() {
        wrong.push("the client went where the answer led it".to_owned());
    }
    if server.written() > READ {
        wrong.push(format!("{} bytes were read", server.written()));
    }
    if memory.is_some_and(|memory| memory > MEMORY) {
        wrong.push("it took too much memory".to_owned());
    }
    if let Ok(Err(error)) = &asked {
        wrong.extend(leaked(&shown(error)).map(|secret| format!("its error shows {secret}")));
    }
    wrong.extend(leaked(&logs.take()).map(|secret| format!("its log shows {secret}")));
    Ok(Outcome { surface, found, wrong, took, memory, case })
}

/// All that an error can show.
fn shown(error: &Error) -> String {
    let mut shown = format!("{error:?} {error:#?}");
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        shown += &format!(" {error} {error:?}");
        next = error.source();
    }
    shown
}

/// A secret in plain letters, or the client's in those of the Basic header.
fn leaked(text: &str) -> Option<&'static str> {
    // `cli:canary`, as far as three bytes are four letters of it.
    const BASIC: &str = "Y2xpOmNhbmFy";
    ["canary", BASIC].into_iter().find(|secret| text.contains(secret))
}
