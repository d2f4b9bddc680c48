//! Short scenes, played many times: a logout that races renewals (I7), and the death of the holder (I10).

use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use butlr_auth_cache::{LoginReason, SessionState};
use butlr_auth_core::{Clock as _, SystemClock};
use butlr_auth_testkit::{Endpoint, Event, EventKind, Fault};
use rustix::process::Signal;
use serde_json::json;

use super::child::{Message, Worker};
use super::conductor::Scene;
use super::failpoint::fraction;
use super::wire::{Command, Line, Part, micros};
use super::{Plan, Store};

/// A process that says nothing for so long has hung.
const HUNG: Duration = Duration::from_secs(30);

/// The processes that race a logout.
const RACERS: usize = 8;

/// What a worker did: the token that it was handed, or the kind of its error, and when (boot clock, microseconds).
struct Done {
    worker: usize,
    token: Option<String>,
    error: Option<String>,
    at: u64,
}

/// A logout that races eight processes, all of them renewing: afterwards none has a token, none is stored, and the
/// server honours none.
pub(super) fn logout(rounds: u32, json: bool) -> Result<()> {
    let mut cast = Cast::open(RACERS, Duration::ZERO, Duration::from_millis(5))?;
    let mut raced = 0;
    for round in 1..=rounds {
        let before = cast.scene.server.journal().events().len();
        cast.scene.log_in()?;
        for number in 0..RACERS {
            cast.tell(number, Command::LookAndGet)?;
        }
        for done in cast.answers(RACERS)? {
            ensure!(
                done.token.is_some(),
                "round {round}: a process does not see the login: {:?}",
                done.error
            );
        }
        // The server takes its time, so that the logout falls before, into and after the exchange.
        cast.scene.server.clear_faults();
        let slow = Fault::delay(Duration::from_millis(20).mul_f64(fraction())).on(Endpoint::Token).times(1);
        cast.scene.server.inject(if round % 2 == 0 { slow } else { slow.after_commit() });
        let leaver = round as usize % RACERS;
        for number in 0..RACERS {
            let after = micros(Duration::from_millis(60).mul_f64(fraction()));
            cast.tell(number, if number == leaver { Command::Logout { after } } else { Command::Renew })?;
        }
        for done in cast.answers(RACERS)?.into_iter().filter(|done| done.worker == leaver) {
            ensure!(done.error.is_none(), "round {round}: the logout failed: {:?}", done.error);
        }
        for number in 0..RACERS {
            // At once in its own process, after a look elsewhere.
            cast.tell(number, if number == leaver { Command::Get } else { Command::LookAndGet })?;
        }
        for done in cast.answers(RACERS)? {
            ensure!(
                done.error.as_deref() == Some("LoginRequired"),
                "I7, round {round}: process {} has {:?}, {:?} after the logout",
                done.worker,
                done.token,
                done.error
            );
        }
        let status = cast.scene.runtime.block_on(cast.scene.session.status())?;
        ensure!(
            status.state == SessionState::NeedsLogin(LoginReason::LoggedOut) && status.token.is_none(),
            "I7, round {round}: the store holds {status:?} after the logout"
        );
        let journal = cast.scene.server.journal();
        let events = journal.events().get(before..).unwrap_or_default();
        ensure!(is_revoked(events), "I7, round {round}: the server still honours what this login brought");
        let is_exchange = |event: &Event| event.kind == EventKind::Exchange && event.presented.is_some();
        raced += u32::from(events.iter().any(is_exchange));
    }
    if json {
        println!("{}", json!({ "logout_rounds": rounds, "raced": raced, "ok": true }));
    } else {
        println!(
            "{rounds} logouts raced {RACERS} processes, {raced} of them an exchange that had begun: no token was left"
        );
    }
    Ok(())
}

/// The refresh tokens of the round's family end with a revocation, which nothing follows.
fn is_revoked(events: &[Event]) -> bool {
    let issued = |event: &Event| event.kind == EventKind::Exchange && event.outcome == "issued";
    let revoked =
        events.iter().rposition(|event| event.kind == EventKind::Revocation && event.family.is_some());
    revoked > events.iter().rposition(issued)
}

/// Kills the holder during its request while another process waits for the result.
pub(super) fn takeover(rounds: u32, json: bool) -> Result<()> {
    let clock = SystemClock::new();
    let mut cast = Cast::open(2, Duration::ZERO, Duration::ZERO)?;
    cast.scene.log_in()?;
    let mut waits = Vec::new();
    for round in 0..rounds {
        let (holder, waiter) = (0, 1);
        for number in [holder, waiter] {
            cast.tell(number, Command::LookAndGet)?;
        }
        cast.answers(2)?;
        let faults = |events: &[Event]| events.iter().filter(|event| event.kind == EventKind::Fault).count();
        let before = faults(cast.scene.server.journal().events());
        cast.scene.server.inject(Fault::delay(HUNG * 2).on(Endpoint::Token).times(1));
        cast.tell(holder, Command::Renew)?;
        let deadline = clock.boot() + HUNG;
        while faults(cast.scene.server.journal().events()) == before {
            ensure!(clock.boot() < deadline, "round {round}: the holder never sends");
            std::thread::sleep(Duration::from_millis(1));
        }
        cast.tell(waiter, Command::Renew)?;
        // Drawn, so that the death falls anywhere between two looks of the waiter.
        std::thread::sleep(Duration::from_millis(150).mul_f64(1.0 + fraction()));
        let killed = micros(clock.boot());
        cast.kill(holder)?;
        let done = cast.answers(1)?.pop().context("the waiter has answered")?;
        ensure!(done.token.is_some(), "round {round}: the waiter got {:?}", done.error);
        waits.push(done.at.saturating_sub(killed) / 1000);
    }
    waits.sort_unstable();
    let within = waits.iter().filter(|wait| **wait <= 100).count();
    let at =
        |share: usize| waits.get((waits.len() * share / 100).min(waits.len().saturating_sub(1))).copied();
    let (median, worst) = (at(50).unwrap_or_default(), waits.last().copied().unwrap_or_default());
    if json {
        println!(
            "{}",
            json!({ "takeover_rounds": rounds, "median_ms": median, "worst_ms": worst, "within_100_ms": within })
        );
    } else {
        println!(
            "{rounds} holders killed: the next token after {median} ms (median), {worst} ms (worst); \
             within 100 ms {within} times"
        );
    }
    Ok(())
}

/// Workers that do what they are told, on one session in a file.
struct Cast {
    scene: Scene,
    workers: Vec<Worker>,
    to: mpsc::Sender<Message>,
    from: Receiver<Message>,
    /// How many were killed whose end has not been heard yet.
    doomed: usize,
}

impl Cast {
    fn open(workers: usize, grace: Duration, delay: Duration) -> Result<Self> {
        let plan = Plan {
            same_token: None,
            slow: None,
            patience: None,
            store: Store::File,
            processes: workers,
            tasks: 0,
            lifetime: Duration::from_secs(600),
            duration: Duration::ZERO,
            rows: Vec::new(),
            freeze: None,
            lease: false,
            grace,
            delay,
        };
        let scene = Scene::open(&plan, Part::Drill)?;
        let (to, from) = mpsc::channel();
        let mut cast = Self { scene, workers: Vec::new(), to, from, doomed: 0 };
        for number in 0..workers {
            let worker = Worker::start(number, &cast.scene.settings, &cast.to)?;
            cast.workers.push(worker);
        }
        Ok(cast)
    }

    fn tell(&mut self, worker: usize, command: Command) -> Result<()> {
        self.workers.get_mut(worker).context("there is such a worker")?.command(command)
    }

    /// Waits for this many answers.
    fn answers(&mut self, count: usize) -> Result<Vec<Done>> {
        let mut answers = Vec::new();
        while answers.len() < count {
            match self.from.recv_timeout(HUNG).context("a worker hangs")? {
                Message::Line(worker, Line::Did { token, error, at }) => {
                    answers.push(Done { worker, token, error, at });
                }
                Message::Line(..) => {}
                Message::Gone(..) if self.doomed > 0 => self.doomed -= 1,
                Message::Gone(number, _) => bail!("worker {number} ended although nobody wanted it to"),
            }
        }
        Ok(answers)
    }

    /// Kills a worker and starts another one in its place.
    fn kill(&mut self, number: usize) -> Result<()> {
        let worker = self.workers.get_mut(number).context("there is such a worker")?;
        worker.signal(Signal::KILL);
        self.doomed += 1;
        *worker = Worker::start(number, &self.scene.settings, &self.to)?;
        Ok(())
    }
}
