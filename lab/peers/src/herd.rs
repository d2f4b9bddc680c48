//! W3: a thousand tasks that want a token at once: at a cold start, at expiry, and while the server fails.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::runtime::Runtime;

use crate::contender::Contender;
use crate::loopback::Loopback;
use crate::measure::{Samples, now};

const TASKS: usize = 1_000;
const LATENCY: Duration = Duration::from_millis(50);
const LIFETIME: Duration = Duration::from_secs(3);

/// Whoever is not done by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the three herds met; `None` where there can be none.
pub(crate) struct Herds {
    cold: Option<Herd>,
    expiry: Herd,
    failing: Herd,
}

struct Herd {
    requests: u64,
    tasks: Samples,
    failed: usize,
}

impl Herds {
    /// The cells of the table: how many requests a herd caused, and how long its slowest hundredth took.
    pub(crate) fn cells(&self, post: &Samples) -> Vec<String> {
        let cell = |herd: &Herd| {
            let ratio = herd.tasks.permille(990).as_secs_f64() / post.median().as_secs_f64();
            let unfinished = TASKS - herd.tasks.count();
            let left = if unfinished > 0 {
                format!(", {unfinished} not done in {} s", PATIENCE.as_secs())
            } else {
                String::new()
            };
            format!("{}, {ratio:.2} ×{left}", herd.requests)
        };
        let cold = self.cold.as_ref().map_or_else(|| "–".to_owned(), cell);
        vec![cold, cell(&self.expiry), cell(&self.failing)]
    }
}

/// The floor: a request by a bare client that has a connection.
pub(crate) fn one_post(runtime: &Runtime) -> Result<Samples> {
    let server = Loopback::start()?;
    server.delay(LATENCY);
    let client = reqwest::Client::new();
    let mut samples = Samples::new("one POST, warm reqwest client");
    for round in 0..=20 {
        let post = client.post(format!("{}/token", server.base_url)).body("grant_type=client_credentials");
        samples.time(|| runtime.block_on(async { post.send().await?.bytes().await }))?;
        if round == 0 {
            samples.clear();
        }
    }
    Ok(samples)
}

pub(crate) async fn of<C: Contender>() -> Result<Herds> {
    let server = Loopback::start()?;
    server.delay(LATENCY);
    server.lifetime(LIFETIME);
    let contender = C::open(&server).await?;
    let cold = send(&server, &contender).await?;
    ensure!(cold.failed == 0, "{} of a cold herd of {} failed", cold.failed, C::NAME);
    tokio::time::sleep(LIFETIME + LIFETIME / 10).await;
    let expiry = send(&server, &contender).await?;
    // Somebody who asks at once when it is made never meets a failing server without a token: its own has to end.
    let failing = if C::EAGER {
        server.status(503);
        tokio::time::sleep(LIFETIME * 2).await;
        send(&server, &contender).await?
    } else {
        let down = Loopback::start()?;
        down.delay(LATENCY);
        down.status(503);
        send(&down, &C::open(&down).await?).await?
    };
    for (what, herd) in [("cold", &cold), ("expiry", &expiry), ("failing", &failing)] {
        eprintln!("  {what}: {} requests, {} failed, {}", herd.requests, herd.failed, herd.tasks);
    }
    Ok(Herds { cold: (!C::EAGER).then_some(cold), expiry, failing })
}

async fn send<C: Contender>(server: &Loopback, contender: &C) -> Result<Herd> {
    let before = server.requests();
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let contender = contender.clone();
        running.spawn(async move {
            let start = now();
            let header = contender.header().await;
            (start.elapsed(), header.is_err())
        });
    }
    let mut herd = Herd { requests: 0, tasks: Samples::new(""), failed: 0 };
    let end = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Some(task)) = tokio::time::timeout_at(end, running.join_next()).await {
        let (took, failed) = task?;
        herd.tasks.add(took);
        herd.failed += usize::from(failed);
    }
    herd.requests = server.requests() - before;
    Ok(herd)
}
