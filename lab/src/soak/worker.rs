//! `cargo xtask soak-worker`: one process on the shared session. It reads its settings from stdin, never from its
//! arguments, and ends when its stdin does.

use std::collections::HashSet;
use std::future::poll_fn;
use std::io::{BufRead as _, BufReader};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use anyhow::{Context as _, Result};
use butlr_auth_cache::{Event, Session};
use butlr_auth_core::{Clock as _, Error, ErrorKind, Fingerprint, SystemClock, Token};
use butlr_auth_testkit::{Endpoint as Door, Journal};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, timeout};

use super::failpoint::{Endpoint, Failpoints, Store as Points, say};
use super::place::Place;
use super::wire::{Command, Line, Part, Settings, Tally, micros};

/// Every task asks this often a second, each with one of as many phases.
const GETS: usize = 10;

/// How often the token is shown to the API.
const CALL_EVERY: Duration = Duration::from_millis(50);

pub(crate) fn run() -> Result<()> {
    let mut lines = BufReader::new(std::io::stdin()).lines();
    let first = lines.next().context("settings are read from stdin")??;
    let settings: Settings = serde_json::from_str(&first).context("these are no settings")?;
    let (sender, commands) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let Ok(command) = serde_json::from_str(&line) else { break };
            if sender.send(command).is_err() {
                break;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(work(&settings, commands))
}

async fn work(settings: &Settings, mut commands: mpsc::UnboundedReceiver<Command>) -> Result<()> {
    let witness = Arc::new(Witness { patience: settings.patience, ..Witness::default() });
    let session = open(settings, &witness)?;
    if matches!(settings.place, Place::Memory) {
        session.login(&settings.login()?).await?;
    }
    say(&Line::Ready);
    match settings.part {
        Part::Drill => {
            while let Some(command) = commands.recv().await {
                obey(&session, command).await;
            }
        }
        Part::Soak { tasks } => {
            soak(&session, tasks, settings, &witness, commands).await?;
            session.shutdown().await;
            witness.report();
        }
    }
    Ok(())
}

fn open(settings: &Settings, witness: &Arc<Witness>) -> Result<Session> {
    let points = Failpoints::new(settings.tickets.clone(), settings.delay);
    let endpoint = Endpoint { inner: settings.endpoint()?, points: Arc::clone(&points) };
    let witness = Arc::clone(witness);
    let store = Points { inner: settings.place.open()?, points, lease: settings.lease };
    Ok(Session::builder(endpoint).on_event(move |event| witness.happened(event)).store(store).open()?)
}

/// Asks from all tasks, and calls the API, until the commands end.
async fn soak(
    session: &Session,
    tasks: usize,
    settings: &Settings,
    witness: &Arc<Witness>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> Result<()> {
    let phases: Vec<watch::Sender<u64>> = (0..GETS).map(|_| watch::Sender::new(0)).collect();
    let mut running = tokio::task::JoinSet::new();
    for phase in phases.iter().cycle().take(tasks) {
        running.spawn(ask(session.clone(), Arc::clone(witness), phase.subscribe()));
    }
    let stop = watch::Sender::new(());
    let api = Api::new(&settings.base_url)?;
    running.spawn(call(session.clone(), Arc::clone(witness), api, settings.learns_ends, stop.subscribe()));
    // One timer for all tasks: it wakes a tenth of them every ten milliseconds.
    let mut ticker = tokio::time::interval(Duration::from_secs(1) / 100);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut reporter = tokio::time::interval(Duration::from_secs(1));
    reporter.set_missed_tick_behavior(MissedTickBehavior::Skip);
    for phase in phases.iter().cycle() {
        tokio::select! {
            _ = ticker.tick() => phase.send_modify(|tick| *tick += 1),
            _ = reporter.tick() => witness.report(),
            ended = commands.recv() => if ended.is_none() { break },
        }
    }
    drop((phases, stop));
    while running.join_next().await.is_some() {}
    Ok(())
}

async fn ask(session: Session, witness: Arc<Witness>, mut phase: watch::Receiver<u64>) {
    let mut last = None;
    while phase.changed().await.is_ok() {
        if let Some((token, _)) = witness.get(&session, last.as_ref()).await {
            last = Some(token);
        }
    }
}

async fn call(
    session: Session,
    witness: Arc<Witness>,
    api: Api,
    learns_ends: bool,
    mut stop: watch::Receiver<()>,
) {
    let clock = &witness.clock;
    let mut ticker = tokio::time::interval(CALL_EVERY);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut last = None;
    loop {
        tokio::select! {
            _ = ticker.tick() => {}
            _ = stop.changed() => return,
        }
        let Some((token, got)) = witness.get(&session, last.as_ref()).await else { continue };
        last = Some(token.clone());
        // A renewal that failed hands out a token in its last moments, and says so. Whether it still reaches the
        // API in time is nobody's promise. Said before the call: this process may be about to be killed.
        let risky = got >= token.validity().mandatory_at;
        if risky {
            say(&Line::Late { access_token: name(&token) });
        }
        let refused = api.refuses(&token).await;
        witness.called(refused);
        if learns_ends && refused == Some(true) {
            witness.refused(&token);
            session.reject(&token.fingerprint());
        }
        if !risky && refused == Some(true) && token.is_over(clock.boot()) {
            say(&Line::Late { access_token: name(&token) });
        }
    }
}

async fn obey(session: &Session, command: Command) {
    let token = match command {
        Command::Renew => session.renew().await.map(Some),
        Command::Get => session.token().await.map(Some),
        Command::LookAndGet => match session.status().await {
            Ok(_) => session.token().await.map(Some),
            Err(error) => Err(error),
        },
        Command::Logout { after } => {
            tokio::time::sleep(Duration::from_micros(after)).await;
            session.logout().await.and_then(|logout| logout.not_revoked.map_or(Ok(None), Err))
        }
    };
    let at = micros(SystemClock::new().boot());
    let (token, error) = match token {
        Ok(token) => (token.map(|token| name(&token)), None),
        Err(error) => (None, Some(kind(&error))),
    };
    say(&Line::Did { token, error, at });
}

/// The token as the journal names it.
fn name(token: &Token) -> String {
    Journal::fingerprint(token.access_token().expose())
}

fn kind(error: &Error) -> String {
    format!("{:?}", error.kind())
}

/// What the API says of a token.
struct Api {
    client: reqwest::Client,
    url: String,
}

impl Api {
    fn new(base_url: &str) -> Result<Self> {
        let client =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { client, url: format!("{base_url}{}", Door::GraphQl.path()) })
    }

    /// Whether it answers 401; `None` if it does not answer.
    async fn refuses(&self, token: &Token) -> Option<bool> {
        let request = self
            .client
            .post(&self.url)
            .bearer_auth(token.access_token().expose())
            .header("content-type", "application/json")
            .body(r#"{"query":"{ __typename }"}"#);
        let answer = request.send().await.ok()?;
        let refused = answer.status() == reqwest::StatusCode::UNAUTHORIZED;
        // Read to its end, so that the connection can be used again.
        let _ = answer.bytes().await;
        Some(refused)
    }
}

/// Keeps count of what callers met.
#[derive(Default)]
struct Witness {
    clock: SystemClock,
    patience: Option<Duration>,
    tally: Mutex<Tally>,
    seen: Mutex<HashSet<Fingerprint>>,
    /// Tokens that the API refused: who waits for another one has none.
    refused: Mutex<HashSet<Fingerprint>>,
}

impl Witness {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the conductor what was counted since the last time: a worker may not live to tell it at the end.
    fn report(&self) {
        let tally = std::mem::take(&mut *self.tally());
        say(&Line::Tally(tally));
    }

    fn happened(&self, event: Event) {
        *self.tally().events.entry(event.as_str().to_owned()).or_default() += 1;
    }

    /// Asks for a token, and tells when it had it at the earliest. Whether a caller waits is not a matter of time
    /// but of whether its first poll is its last.
    async fn get(&self, session: &Session, last: Option<&Token>) -> Option<(Token, Duration)> {
        let began = self.clock.boot();
        let mut get = pin!(session.token());
        let first = poll_fn(|context| Poll::Ready(get.as_mut().poll(context))).await;
        let (result, got) = match first {
            Poll::Ready(result) => (result, began),
            Poll::Pending => {
                let asked = self.clock.boot();
                let needless = last
                    .is_some_and(|token| asked < token.validity().mandatory_at && !self.was_refused(token));
                let waited = timeout(self.patience.unwrap_or(Duration::MAX), get).await;
                let got = self.clock.boot();
                let lives = last.is_some_and(|token| !token.is_over(asked) && !self.was_refused(token));
                self.waited(needless, lives, got - began);
                let Ok(result) = waited else {
                    self.tally().given_up += 1;
                    return None;
                };
                (result, got)
            }
        };
        self.tally().gets += 1;
        let token = result.inspect_err(|error| self.failed(error)).ok()?;
        if got == began {
            let mut tally = self.tally();
            tally.expired += u64::from(token.is_over(began));
            tally.stale += u64::from(began >= token.validity().mandatory_at);
        }
        if last.is_none_or(|last| last.fingerprint() != token.fingerprint()) {
            self.saw(&token);
        }
        Some((token, got))
    }

    fn refused(&self, token: &Token) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(token.fingerprint());
    }

    fn was_refused(&self, token: &Token) -> bool {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).contains(&token.fingerprint())
    }

    fn waited(&self, needless: bool, lives: bool, took: Duration) {
        let took = micros(took);
        let mut tally = self.tally();
        if lives {
            tally.longest_live_wait = tally.longest_live_wait.max(took);
        }
        if needless {
            tally.needless_waits += 1;
            tally.longest_needless_wait = tally.longest_needless_wait.max(took);
        } else {
            tally.longest_wait = tally.longest_wait.max(took);
        }
    }

    fn saw(&self, token: &Token) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.insert(token.fingerprint()) {
            return;
        }
        drop(seen);
        let validity = token.validity();
        say(&Line::Token {
            access_token: name(token),
            refresh_at: micros(validity.refresh_at),
            expires_at: micros(validity.end.instant().unwrap_or(Duration::MAX)),
        });
    }

    fn failed(&self, error: &Error) {
        let first = {
            let mut tally = self.tally();
            let count = tally.errors.entry(kind(error)).or_default();
            *count += 1;
            *count % 100 == 1
        };
        // The conductor looks for itself; telling it a few times a second is enough.
        if first && error.kind() == ErrorKind::LoginRequired {
            say(&Line::LoginRequired);
        }
    }

    fn called(&self, refused: Option<bool>) {
        let mut tally = self.tally();
        tally.calls += u64::from(refused.is_some());
        tally.refused += u64::from(refused == Some(true));
    }
}
