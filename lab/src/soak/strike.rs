//! One kill or pause after the other: armed, taken by whoever comes by, and over when the session has recovered.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Event, EventKind, Fault, Journal};
use rustix::process::Signal;

use super::child::Worker;
use super::failpoint::{ARMED, fraction, resumed};
use super::verdict::Strike;
use super::wire::micros;
use super::{Plan, Row};

/// A stopped process sleeps for longer than a lease lasts without a beat, which is 6 seconds.
const SLEEP: Duration = Duration::from_secs(8);

/// How long after a strike the session has to recover before the next one comes all the same.
const PATIENCE: Duration = Duration::from_secs(30);

/// Arms the failpoints in turn.
pub(super) struct Strikes {
    tickets: PathBuf,
    rows: Vec<Row>,
    delay: Duration,
    slow: Option<Duration>,
    state: State,
    /// Those that happened.
    pub(super) done: Vec<Strike>,
}

/// How far the strike under way has come.
enum State {
    Idle,
    Armed,
    /// This worker took the ticket: it is dying or stopped.
    Struck(usize),
    /// It is dead or awake again, and the journal was this long then.
    Recovering(usize),
}

impl Strikes {
    pub(super) fn new(plan: &Plan, tickets: &Path) -> Self {
        Self {
            tickets: tickets.to_owned(),
            rows: plan.rows.clone(),
            delay: plan.delay,
            slow: plan.slow,
            state: State::Idle,
            done: Vec::new(),
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle | State::Armed)
    }

    /// Takes back a ticket that nobody has taken.
    pub(super) fn disarm(&mut self, server: &AuthorizationServer) {
        if matches!(self.state, State::Armed) && fs::remove_file(self.tickets.join(ARMED)).is_ok() {
            self.state = State::Idle;
            server.clear_faults();
            slow_down(server, self.slow);
        }
    }

    /// A worker has taken the ticket.
    pub(super) fn struck(&mut self, worker: usize, strike: Strike) {
        self.done.push(strike);
        self.state = State::Struck(worker);
    }

    /// A worker is gone: as it was meant to, if this returns true.
    pub(super) fn gone(&mut self, number: usize, journal: &Journal) -> bool {
        let expected = matches!(self.state, State::Struck(worker) if worker == number);
        if expected {
            self.state = State::Recovering(journal.events().len());
        }
        expected
    }

    /// Does what is due.
    pub(super) fn advance(
        &mut self,
        now: Duration,
        arm: bool,
        workers: &[Worker],
        server: &AuthorizationServer,
    ) -> Result<()> {
        let last = self.done.last();
        match self.state {
            State::Idle if arm => self.arm(server)?,
            State::Idle | State::Armed => {}
            State::Struck(worker) => {
                let (Some(strike), Some(holder)) = (last, workers.get(worker)) else { return Ok(()) };
                if strike.in_flight && strike.row != Row::R1 && has_acted(&server.journal(), strike) {
                    let signal = if strike.row == Row::R8 { Signal::STOP } else { Signal::KILL };
                    holder.signal(signal);
                }
                if !strike.row.is_kill() && micros(now) >= strike.at + micros(SLEEP) {
                    fs::write(self.tickets.join(resumed(holder.pid())), "")?;
                    holder.signal(Signal::CONT);
                    self.state = State::Recovering(server.journal().events().len());
                }
            }
            State::Recovering(from) => {
                let Some(strike) = last else { return Ok(()) };
                let journal = server.journal();
                let since = journal.events().get(from..).unwrap_or_default();
                let given_up = micros(now) >= strike.at + micros(SLEEP + PATIENCE);
                // A sleeper may still be about to send: the second step comes when it long has.
                let steps = if strike.row.is_kill() { 1 } else { 2 };
                let clean = since.iter().filter(|event| is_clean_step(event, strike)).count();
                if given_up || clean >= steps {
                    self.state = State::Idle;
                }
            }
        }
        Ok(())
    }

    /// The row that was hit least so far is next.
    fn arm(&mut self, server: &AuthorizationServer) -> Result<()> {
        let hits = |row: &Row| self.done.iter().filter(|strike| strike.row == *row).count();
        let Some(row) = self.rows.iter().copied().min_by_key(hits) else { return Ok(()) };
        let slow = Fault::delay(self.delay).on(Endpoint::Token).times(1);
        server.clear_faults();
        match row {
            Row::R1 => server.inject(slow),
            Row::R2 | Row::R8 => server.inject(slow.after_commit()),
            _ => {}
        }
        slow_down(server, self.slow);
        // Written under another name first, so that nobody reads half of it.
        let draft = self.tickets.join("draft");
        fs::write(&draft, format!("{row:?}"))?;
        fs::rename(draft, self.tickets.join(ARMED))?;
        self.state = State::Armed;
        Ok(())
    }
}

/// How many token requests find the server slow before it is told again.
const SLOW_REQUESTS: usize = 1000;

/// Lets the server take up to so long over each request, drawn anew, half of them when it has acted.
pub(super) fn slow_down(server: &AuthorizationServer, slow: Option<Duration>) {
    let Some(longest) = slow else { return };
    for number in 0..SLOW_REQUESTS {
        let fault = Fault::delay(longest.mul_f64(fraction())).on(Endpoint::Token).times(1);
        server.inject(if number % 2 == 0 { fault } else { fault.after_commit() });
    }
}

/// The server has honoured the refresh token that was in flight.
fn has_acted(journal: &Journal, strike: &Strike) -> bool {
    journal
        .events()
        .iter()
        .any(|event| event.kind == EventKind::Exchange && event.presented == strike.presented)
}

/// A renewal with a refresh token that the strike had nothing to do with.
fn is_clean_step(event: &Event, strike: &Strike) -> bool {
    event.outcome == "issued" && event.presented.is_some() && event.presented != strike.presented
}
