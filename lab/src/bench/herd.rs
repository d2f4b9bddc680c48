//! W3: a herd of tasks that all want a token at once: at a cold start, at expiry, and while the server fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use butlr_auth_cache::Session;
use butlr_auth_core::{ClientSecret, Clock as _, Dialect, Grant, ManualClock, Provider, TokenEndpoint};
use butlr_auth_http::HttpTokenEndpoint;

use super::figure::{Report, Target, Unit};
use super::loopback::Loopback;
use super::measure::{Samples, now};
use super::waiting::waits;

const ROUNDS: usize = 12;
const LATENCY: Duration = Duration::from_millis(50);

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W3", "many tasks want a token at once; the server takes 50 ms");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let scene = Scene::open()?;
        for tasks in [1_000, 10_000] {
            scene.measure(report, tasks).await?;
        }
        Ok(())
    })
}

struct Scene {
    server: Loopback,
    endpoint: Arc<dyn TokenEndpoint>,
    client: reqwest::Client,
}

/// What a herd met.
struct Herd {
    requests: u64,
    tasks: Samples,
    waited: usize,
    errors: usize,
    messages: BTreeSet<String>,
}

/// One of the three cases, over all rounds.
struct Case {
    name: &'static str,
    requests: u64,
    p99: Samples,
}

impl Case {
    fn new(name: &'static str) -> Self {
        Self { name, requests: 0, p99: Samples::new(format!("{name}, p99")) }
    }

    fn add(&mut self, herd: &Herd) {
        self.requests = self.requests.max(herd.requests);
        self.p99.add(herd.tasks.permille(990));
    }
}

/// An endpoint of the server, as a program would build it.
pub(super) fn endpoint(server: &Loopback) -> Result<HttpTokenEndpoint> {
    let url = format!("{}/token", server.base_url).parse()?;
    let provider = Provider::new("bench", url, Dialect::form());
    Ok(HttpTokenEndpoint::builder(provider).client_secret("bench", ClientSecret::new("secret")?).build()?)
}

impl Scene {
    #[expect(clippy::disallowed_methods, reason = "the floor is a plain client")]
    fn open() -> Result<Self> {
        let server = Loopback::start()?;
        let endpoint = Arc::new(endpoint(&server)?);
        Ok(Self { server, endpoint, client: reqwest::Client::new() })
    }

    async fn measure(&self, report: &mut Report, tasks: usize) -> Result<()> {
        let mut post = Samples::new("one POST, warm reqwest client");
        let (mut cold, mut expiry, mut failing) =
            (Case::new("cold"), Case::new("expiry"), Case::new("failing"));
        let mut down = Vec::new();
        self.server.delay(LATENCY);
        for round in 0..=ROUNDS {
            self.server.status(200);
            self.post(&mut post).await?;
            let (session, clock) = self.session()?;
            let born = self.herd(tasks, &session).await?;
            clock.advance(Duration::from_secs(2 * 3600));
            let renewed = self.herd(tasks, &session).await?;
            // From here on the session has a token that is renewed in the background, and the server is down.
            let validity = *session.try_token().context("it was just issued")?.validity();
            self.server.status(503);
            clock.advance(validity.refresh_at.saturating_sub(clock.boot()) + Duration::from_secs(1));
            down.push(self.herd(tasks, &session).await?);
            session.shutdown().await;
            let failed = self.herd(tasks, &self.session()?.0).await?;
            ensure!(born.errors + renewed.errors == 0, "a herd met errors: {:?}", born.messages);
            ensure!(
                failed.errors == tasks && failed.messages.len() == 1,
                "not one error for all: {:?}",
                failed.messages
            );
            if round == 0 {
                post.clear();
                continue;
            }
            cold.add(&born);
            expiry.add(&renewed);
            failing.add(&failed);
        }
        report.note(&post);
        for case in [&cold, &expiry, &failing] {
            report.note(&case.p99);
            let name = case.name;
            report.count_at_most(&format!("{tasks} tasks, {name}: requests"), case.requests as f64, 1.0);
            report.at_most(&format!("{tasks} tasks, {name}: p99 / one POST"), case.p99.ratio(&post), 1.12);
        }
        let troubled: usize = down.iter().map(|herd| herd.errors + herd.waited).sum();
        let what = format!("{tasks} tasks, server down, token usable: errors and waits");
        report.figure(&what, troubled as f64, Unit::Count, Some(Target::AtMost(0.0)));
        Ok(())
    }

    fn session(&self) -> Result<(Session, ManualClock)> {
        let clock = ManualClock::new();
        let builder = Session::builder(Arc::clone(&self.endpoint)).grant(Grant::client_credentials());
        Ok((builder.clock(clock.clone()).open()?, clock))
    }

    async fn post(&self, samples: &mut Samples) -> Result<()> {
        let start = now();
        let request = self
            .client
            .post(format!("{}/token", self.server.base_url))
            .header("content-type", "application/x-www-form-urlencoded")
            .body("grant_type=client_credentials&client_id=bench&client_secret=secret");
        let answer: serde_json::Value = serde_json::from_slice(&request.send().await?.bytes().await?)?;
        samples.add(start.elapsed());
        ensure!(answer.get("access_token").is_some(), "the server issued no token");
        Ok(())
    }

    async fn herd(&self, tasks: usize, session: &Session) -> Result<Herd> {
        let before = self.server.requests();
        let running: Vec<_> = (0..tasks)
            .map(|_| {
                let session = session.clone();
                tokio::spawn(async move {
                    let start = now();
                    let (token, waited) = waits(session.token()).await;
                    (start.elapsed(), waited, token.err())
                })
            })
            .collect();
        let mut herd =
            Herd { requests: 0, tasks: Samples::new(""), waited: 0, errors: 0, messages: BTreeSet::new() };
        for task in running {
            let (took, waited, error) = task.await?;
            herd.tasks.add(took);
            herd.waited += usize::from(waited);
            herd.errors += usize::from(error.is_some());
            herd.messages.extend(error.map(|error| error.to_string()));
        }
        herd.requests = self.server.requests() - before;
        Ok(herd)
    }
}
