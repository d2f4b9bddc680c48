//! W4: two hundred tasks that ask all the time, while tokens live for two seconds.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;
use butlr_auth_cache::Session;
use butlr_auth_core::{Clock as _, Grant, SystemClock};
use tokio::time::MissedTickBehavior;

use super::figure::{Report, Target, Unit};
use super::herd::endpoint;
use super::loopback::Loopback;
use super::measure::{Samples, now};
use super::waiting::waits;

const TASKS: usize = 200;
const EVERY: Duration = Duration::from_millis(10);
const FOR: Duration = Duration::from_secs(20);
const LIFETIME: Duration = Duration::from_secs(2);

/// The earliest that a token of two seconds is renewed: a margin of a quarter and a jitter of another one before its
/// end.
const SHORTEST_PERIOD: Duration = Duration::from_secs(1);

/// What the callers of one task met.
#[derive(Default)]
struct Met {
    gets: Vec<Duration>,
    /// The same clock around nothing: what the machine adds.
    nothing: Vec<Duration>,
    waited: usize,
    expired: usize,
    failed: usize,
}

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W4", "200 tasks, a get per 10 ms for 20 s, tokens of 2 s, an exchange takes 50 ms");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let server = Loopback::start()?;
        server.delay(Duration::from_millis(50));
        server.lifetime(LIFETIME);
        let session = Session::builder(endpoint(&server)?).grant(Grant::client_credentials()).open()?;
        session.token().await?;
        let start = now();
        let running: Vec<_> = (0..TASKS).map(|_| tokio::spawn(ask(session.clone()))).collect();
        let (mut gets, mut nothing) = (Samples::new("session.token()"), Samples::new("nothing"));
        let (mut waited, mut expired, mut failed) = (0, 0, 0);
        for task in running {
            let met = task.await?;
            met.gets.into_iter().for_each(|time| gets.add(time));
            met.nothing.into_iter().for_each(|time| nothing.add(time));
            waited += met.waited;
            expired += met.expired;
            failed += met.failed;
        }
        let periods = start.elapsed().as_secs_f64() / SHORTEST_PERIOD.as_secs_f64();
        report.note(&nothing);
        report.note(&gets);
        report.count_at_most("callers that waited", waited as f64, 0.0);
        report.count_at_most("expired tokens and failures", (expired + failed) as f64, 0.0);
        for (name, permille, limit) in [("p99.9", 999, 5.0), ("maximum", 1000, 1000.0)] {
            let micros = |samples: &Samples| samples.permille(permille).as_secs_f64() * 1e6;
            report.shown(&format!("doing nothing, {name}"), micros(&nothing), Unit::Microseconds);
            let target = Some(Target::AtMost(limit));
            report.figure(&format!("a get, {name}"), micros(&gets), Unit::Microseconds, target);
        }
        report.count_at_most("exchanges", server.requests() as f64, (1.0 + periods).floor());
        Ok(())
    })
}

async fn ask(session: Session) -> Met {
    let clock = SystemClock::new();
    let mut met = Met::default();
    let mut ticker = tokio::time::interval(EVERY);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = now() + FOR;
    while now() < end {
        ticker.tick().await;
        let start = now();
        black_box(&session);
        met.nothing.push(start.elapsed());
        let start = now();
        let (token, waited) = waits(session.token()).await;
        met.gets.push(start.elapsed());
        met.waited += usize::from(waited);
        match token {
            Ok(token) => met.expired += usize::from(token.is_over(clock.boot())),
            Err(_) => met.failed += 1,
        }
    }
    met
}
