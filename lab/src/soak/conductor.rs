//! Runs the server and the workers, and collects what they saw.

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use butlr_auth_cache::{Session, SessionState};
use butlr_auth_core::{Clock as _, SystemClock};
use butlr_auth_testkit::{AuthorizationServer, Successor};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::child::{Message, Worker};
use super::database::Database;
use super::outage::Outages;
use super::place::{Place, private};
use super::strike::{Strikes, slow_down};
use super::verdict::{Observations, Seen, Strike, Verdict};
use super::wire::{Line, Part, Settings, micros};
use super::{Plan, Row, SameToken, Store};

/// How often the conductor looks around when no worker says anything.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often a person is told how it goes.
const TELL_EVERY: Duration = Duration::from_secs(5);

/// How long workers may take to end.
const END: Duration = Duration::from_secs(60);

/// A run that is over.
pub(super) struct Outcome {
    pub(super) plan: Plan,
    pub(super) took: Duration,
    pub(super) verdict: Verdict,
    scene: Scene,
}

impl Outcome {
    /// Keeps the folder of the run, and returns the path of its journal.
    pub(super) fn keep(self) -> Result<PathBuf> {
        Ok(self.scene.folder.keep().join(JOURNAL))
    }
}

const JOURNAL: &str = "journal.jsonl";

/// A private folder, a server, and the session that a person would log in with.
pub(super) struct Scene {
    pub(super) server: AuthorizationServer,
    pub(super) settings: Settings,
    pub(super) session: Session,
    pub(super) runtime: Runtime,
    /// The server of the store, if it has one.
    database: Option<Database>,
    folder: TempDir,
}

impl Scene {
    pub(super) fn open(plan: &Plan, part: Part) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("butlr-auth-soak-").tempdir()?;
        let tickets = private(folder.path(), "tickets")?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        // A process that slept for longer than a token lives comes back when the successor of its refresh token
        // is spent as well: a server that forgives gives it another child.
        let sleeps = plan.rows.iter().any(|row| !row.is_kill());
        let server = AuthorizationServer::builder()
            .access_token_lifetime(plan.lifetime)
            .reuse_interval(plan.grace)
            .successor(if sleeps { Successor::Sibling } else { Successor::Same })
            .journal_file(folder.path().join(JOURNAL));
        let server = plan.same_token.into_iter().fold(server, |server, kind| server.quirk(kind.quirk()));
        let server = runtime.block_on(server.start())?;
        let (place, database) = Place::make(plan.store, folder.path())?;
        runtime.block_on(place.prepare())?;
        let (client, user) = (server.client().clone(), server.user().clone());
        let settings = Settings {
            part,
            base_url: server.base_url().to_owned(),
            client_id: client.id,
            client_secret: client.secret,
            username: user.username,
            password: user.password,
            grace: plan.grace,
            delay: plan.delay,
            place,
            tickets,
            lease: plan.lease,
            learns_ends: plan.same_token == Some(SameToken::Full),
            patience: plan.patience,
        };
        let session = Session::builder(settings.endpoint()?).store(settings.place.open()?).open()?;
        Ok(Self { server, settings, session, runtime, database, folder })
    }

    pub(super) fn log_in(&self) -> Result<()> {
        self.runtime.block_on(self.session.login(&self.settings.login()?)).context("the login failed")?;
        Ok(())
    }
}

pub(super) fn run(plan: &Plan) -> Result<Outcome> {
    let scene = Scene::open(plan, Part::Soak { tasks: plan.tasks })?;
    let (to, from) = mpsc::channel();
    let mut conductor = Conductor::new(plan, scene, to);
    conductor.play(&from)?;
    let Conductor { plan, scene, observations, .. } = conductor;
    let took = Duration::from_micros(observations.elapsed);
    let verdict = observations.judge();
    Ok(Outcome { took, verdict, scene, plan })
}

struct Conductor {
    plan: Plan,
    scene: Scene,
    to: Sender<Message>,
    workers: Vec<Worker>,
    /// How many workers have ended because they were told to.
    ended: usize,
    stopping: bool,
    strikes: Strikes,
    outages: Outages,
    observations: Observations,
    clock: SystemClock,
}

impl Conductor {
    fn new(plan: &Plan, mut scene: Scene, to: Sender<Message>) -> Self {
        let strikes = Strikes::new(plan, &scene.settings.tickets);
        let outages = Outages::new(scene.database.take(), plan.freeze);
        let mut observations = Observations {
            lifetime: micros(plan.lifetime),
            grace: plan.grace,
            lease: plan.lease,
            same_token: plan.same_token,
            ..Observations::default()
        };
        let plan = plan.clone();
        let clock = SystemClock::new();
        observations.wall_zero = wall_zero(&clock);
        let (workers, ended, stopping) = (Vec::new(), 0, false);
        Self { plan, scene, to, workers, ended, stopping, strikes, outages, observations, clock }
    }

    fn play(&mut self, from: &Receiver<Message>) -> Result<()> {
        let began = self.clock.boot();
        if self.plan.store != Store::Memory {
            self.scene.log_in()?;
        }
        self.observations.logins.push(0);
        slow_down(&self.scene.server, self.plan.slow);
        for number in 0..self.plan.processes {
            self.workers.push(Worker::start(number, &self.scene.settings, &self.to)?);
        }
        // Nobody is struck so late that the run ends before the session has recovered.
        let quiet = Duration::from_secs(if self.plan.rows.iter().all(|row| row.is_kill()) { 5 } else { 20 });
        let end = began + self.plan.duration;
        let mut told = began;
        loop {
            let now = self.clock.boot();
            let arm = now + quiet < end;
            if !arm {
                self.strikes.disarm(&self.scene.server);
            }
            if now >= end && self.strikes.is_idle() && self.outages.is_idle() {
                break;
            }
            self.outages.advance(now, end)?;
            self.strikes.advance(now, arm, &self.workers, &self.scene.server)?;
            if now >= told + TELL_EVERY {
                told = now;
                self.tell(now - began);
            }
            self.listen(from, LOOK_EVERY)?;
        }
        self.finish(from)?;
        self.observations.elapsed = micros(self.clock.boot() - began);
        self.observations.outages = std::mem::take(&mut self.outages.done);
        self.observations.strikes = std::mem::take(&mut self.strikes.done);
        self.observations.events = self.scene.server.journal().events().to_vec();
        Ok(())
    }

    fn finish(&mut self, from: &Receiver<Message>) -> Result<()> {
        self.stopping = true;
        self.workers.iter_mut().for_each(Worker::finish);
        let deadline = self.clock.boot() + END;
        while self.ended < self.workers.len() {
            if self.clock.boot() > deadline {
                bail!("{} workers do not end", self.workers.len() - self.ended);
            }
            self.listen(from, LOOK_EVERY)?;
        }
        Ok(())
    }

    /// Hears what the workers say, until all is heard and a while has passed.
    fn listen(&mut self, from: &Receiver<Message>, wait: Duration) -> Result<()> {
        let mut message = match from.recv_timeout(wait) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => bail!("nobody is left to listen to"),
        };
        loop {
            self.hear(message)?;
            match from.try_recv() {
                Ok(next) => message = next,
                Err(_) => return Ok(()),
            }
        }
    }

    fn hear(&mut self, message: Message) -> Result<()> {
        let seen = &mut self.observations;
        match message {
            Message::Line(_, Line::Ready | Line::Did { .. }) => {}
            Message::Line(_, Line::Sent { presented, at }) => seen.sent.push((presented, at)),
            Message::Line(_, Line::Token { access_token, refresh_at, expires_at }) => {
                seen.tokens.insert(access_token, Seen { refresh_at, expires_at });
            }
            Message::Line(_, Line::Late { access_token }) => *seen.late.entry(access_token).or_default() += 1,
            Message::Line(worker, Line::Struck { row, presented, in_flight, at }) => {
                self.strikes.struck(worker, Strike { row, presented, in_flight, at });
            }
            Message::Line(_, Line::LoginRequired) => self.log_in_if_needed()?,
            Message::Line(_, Line::Tally(tally)) => seen.tally.add(&tally),
            Message::Gone(_, true) if self.stopping => self.ended += 1,
            Message::Gone(number, _) => {
                if !self.strikes.gone(number, &self.scene.server.journal()) {
                    bail!("worker {number} ended although nobody wanted it to");
                }
                self.check_record();
                let anew = Worker::start(number, &self.scene.settings, &self.to)?;
                if let Some(worker) = self.workers.get_mut(number) {
                    *worker = anew;
                }
            }
        }
        Ok(())
    }

    /// After a kill the record must be one that somebody wrote whole.
    fn check_record(&mut self) {
        if self.scene.runtime.block_on(self.scene.session.status()).is_err() {
            self.observations.unreadable += 1;
        }
    }

    fn log_in_if_needed(&mut self) -> Result<()> {
        if self.plan.store == Store::Memory {
            return Ok(());
        }
        let status = self.scene.runtime.block_on(self.scene.session.status())?;
        if matches!(status.state, SessionState::NeedsLogin(_)) {
            self.scene.log_in()?;
            self.observations.logins.push(self.strikes.done.len());
        }
        Ok(())
    }

    fn tell(&self, elapsed: Duration) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let mut hits: HashMap<Row, u32> = HashMap::new();
        for strike in &self.strikes.done {
            *hits.entry(strike.row).or_default() += 1;
        }
        let hits: Vec<String> = self
            .plan
            .rows
            .iter()
            .map(|row| format!(" {row:?}:{}", hits.get(row).copied().unwrap_or_default()))
            .collect();
        eprintln!(
            "{:>4} s of {}: {} renewals, {} logins{}",
            elapsed.as_secs(),
            self.plan.duration.as_secs(),
            self.observations.sent.len(),
            self.observations.logins.len(),
            hits.concat(),
        );
    }
}

/// The wall time at zero of the boot clock, in microseconds: what the journal's times are compared by.
fn wall_zero(clock: &SystemClock) -> u64 {
    let now = clock.now();
    let wall = now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    micros(wall.saturating_sub(now.boot))
}
