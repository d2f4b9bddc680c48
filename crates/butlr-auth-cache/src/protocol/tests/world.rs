//! Everything that a session depends on, as one value: a server, a store, processes and a clock. Whoever explores it
//! (a script, chance, or the model checker) picks one of the moves that are possible and makes it.

use std::time::Duration;

use butlr_auth_core::{Fingerprint, Moment, Scope, Words};

use super::finding::Finding;
use super::mutation::Mutation;
use super::process::{Claim, Departed, Doing, Process, Task};
use super::server::{Rules, Server, refresh_token};
use super::store::{Outage, Store};
use crate::key::TokenKey;
use crate::protocol::{Attempt, Epoch, Issued, Ledger, Lifetime, Refresh, State, Terms};
use crate::{Id, Party, RefreshPolicy};

pub(super) const BEAT: Duration = Duration::from_millis(1500);

/// What is fixed for a whole schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Setting {
    pub(super) rules: Rules,
    /// Whether the store has a lock that dies with its holder.
    pub(super) holds: bool,
    pub(super) processes: usize,
    pub(super) lifetime: Duration,
    pub(super) poll: Duration,
    /// How the protocol is broken on purpose.
    pub(super) mutation: Option<Mutation>,
}

/// Something that goes wrong while an action is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fault {
    /// A load, a lock or a write fails, and nothing is written.
    StoreFails,
    /// A write is done, and so is the store's connection.
    AcknowledgementIsLost,
    NotSent,
    /// The request never arrives.
    RequestIsLost,
    /// The server acts; its answer never arrives.
    AnswerIsLost,
    /// The server acts; a part of its answer arrives.
    AnswerIsCutOff,
    /// The server acts; nothing but the refresh token of its answer can be used.
    AnswerIsBlemished,
    /// 503 before the server acts.
    ServerErrsEarly,
    /// 500 after the server has acted.
    ServerErrsLate,
    /// 429: the server certainly does not act.
    Throttled,
    /// 403: the server refuses to renew, for a while.
    Refused,
    /// The answer takes this long.
    Slow(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Move {
    /// A caller asks a process for a token.
    Get(usize),
    /// A process does the next thing, and this goes wrong meanwhile.
    Step(usize, Option<Fault>),
    /// The lease of a process that waits for the server beats.
    Beat(usize),
    /// A process looks at the record, as an active session does every five seconds.
    Look(usize),
    /// A process dies; another one takes its place.
    Crash(usize),
    Pause(usize),
    Resume(usize),
    Login(usize),
    Logout(usize),
    /// The server ends the family by itself.
    Revoke,
    LoseTheLastWrite,
    Outage(Option<Outage>),
    /// Time passes until something is due.
    Tick,
}

/// Where a process was when it was hit, in the rows of the table of crash and pause windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Row {
    R0,
    R1,
    R2,
    R3,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

/// What has happened so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Tally {
    /// Faults of any kind: without them nothing may ever go wrong.
    pub(super) faults: u32,
    pub(super) lost_writes: u32,
    pub(super) revocations: u32,
    /// How often a process stopped for a login because the server refused its refresh token.
    pub(super) refusals: u32,
    pub(super) reuses: u32,
    pub(super) exchanges: u32,
    pub(super) rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) setting: Setting,
    pub(super) now: Duration,
    pub(super) server: Server,
    pub(super) store: Store,
    pub(super) processes: Vec<Process>,
    pub(super) tally: Tally,
    pub(super) last_request: Option<Duration>,
    /// The last request with each refresh token.
    pub(super) departed: Vec<Departed>,
    /// The first invariant that did not hold.
    pub(super) finding: Option<Finding>,
    births: u128,
}

impl World {
    /// A family that has just logged in, and processes that have not looked yet.
    pub(super) fn new(setting: Setting) -> Self {
        let mut world = Self {
            setting,
            now: Duration::from_secs(1000),
            server: Server::new(setting.rules),
            store: Store::new(setting.holds),
            processes: Vec::new(),
            tally: Tally::default(),
            last_request: None,
            departed: Vec::new(),
            finding: None,
            births: 0,
        };
        world.login();
        world.processes.resize_with(setting.processes, Process::new);
        world
    }

    /// Makes one move. It must be one that is possible.
    pub(super) fn make(&mut self, chosen: Move) {
        match chosen {
            Move::Get(process) => self.get(process),
            Move::Step(process, fault) => self.step(process, fault),
            Move::Beat(process) => self.beat(process),
            Move::Look(process) => self.look(process),
            Move::Crash(process) => self.crash(process),
            Move::Pause(process) => self.pause(process),
            Move::Resume(process) => self.processes[process].paused = None,
            Move::Login(_) => self.login(),
            Move::Logout(process) => self.logout(process),
            Move::Revoke => self.revoke(),
            Move::LoseTheLastWrite => {
                if self.store.lose_the_last_write() {
                    self.tally.lost_writes += 1;
                    self.hit(Row::R9);
                }
            }
            Move::Outage(outage) => {
                self.store.outage = outage;
                if outage.is_some() {
                    self.hit(Row::R10);
                }
            }
            Move::Tick => self.now = self.next_instant().unwrap_or(self.now),
        }
    }

    /// What can happen without anything going wrong. Time passes when nobody has anything to do at this instant:
    /// callers may still come late.
    pub(super) fn moves(&self) -> Vec<Move> {
        let now = self.moment();
        let mut moves = Vec::new();
        let mut busy = false;
        for (number, process) in self.processes.iter().enumerate() {
            match &process.task {
                _ if process.paused.is_some() => moves.push(Move::Resume(number)),
                None if process.wants_a_token(now) => moves.push(Move::Get(number)),
                None => {}
                Some(task) if task.is_ready(self.now) => {
                    busy = true;
                    moves.push(Move::Step(number, None));
                }
                Some(Task { doing: Doing::Travelling { beat_at, .. }, .. }) if *beat_at <= self.now => {
                    busy = true;
                    moves.push(Move::Beat(number));
                }
                Some(_) => {}
            }
        }
        if !busy && self.next_instant().is_some() {
            moves.push(Move::Tick);
        }
        moves
    }

    pub(super) fn moment(&self) -> Moment {
        let epoch = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        Moment::new(epoch + self.now, self.now, refresh_token(0))
    }

    pub(super) fn found(&mut self, finding: Finding) {
        self.finding.get_or_insert(finding);
    }

    pub(super) fn hit(&mut self, row: Row) {
        self.tally.faults += 1;
        self.tally.rows.push(row);
    }

    /// The next instant at which anything changes by itself.
    fn next_instant(&self) -> Option<Duration> {
        let now = self.now;
        let running = self.processes.iter().filter(|process| process.paused.is_none());
        let due = running.flat_map(|process| {
            let task = process.task.as_ref().map_or([now; 2], |task| match task.doing {
                Doing::Waiting { until } => [until; 2],
                Doing::Travelling { until, beat_at, .. } => [until, beat_at],
                _ => [now; 2],
            });
            let windows = process.current.as_ref().map_or([now; 3], |(_, issued)| {
                let at = |after| issued.obtained_at.boot + after;
                [
                    at(issued.refresh_after),
                    at(issued.mandatory_after),
                    at(issued.lifetime.end().unwrap_or(Duration::MAX)),
                ]
            });
            task.into_iter().chain(windows).chain([process.not_before, process.failed_until])
        });
        due.filter(|instant| *instant > now).min()
    }

    fn get(&mut self, number: usize) {
        let now = self.moment();
        let process = &mut self.processes[number];
        if process.is_unborn() {
            self.births += 1;
        }
        let owner = *process.owner.get_or_insert_with(|| Id::from_u128(self.births << 64));
        let terms = Terms {
            owner,
            key: token_key(),
            rotates: true,
            supported: true,
            reuse_interval: match self.setting.mutation {
                Some(Mutation::ReplayWithoutGrace) => Duration::from_secs(3600),
                _ => self.setting.rules.grace,
            },
            chain: RefreshPolicy::default().chain,
        };
        let attempt = Attempt::new(terms, now, process.is_urgent(now))
            .remembering(process.memory.clone())
            .having_watched(process.watched);
        process.task = Some(Task::new(attempt));
    }

    fn look(&mut self, number: usize) {
        if self.store.is_readable() {
            self.processes[number].adopt(self.store.ledger.as_ref(), token_key());
        }
    }

    fn crash(&mut self, number: usize) {
        let row = self.row_of_a_crash(number);
        self.hit(row);
        self.check_format();
        self.abandon(number);
        self.processes[number] = Process::new();
        self.store.holder = self.store.holder.filter(|holder| *holder != number);
    }

    fn row_of_a_crash(&self, number: usize) -> Row {
        let Some(Task { doing, claim: Some(Claim { token, .. }), received, .. }) =
            &self.processes[number].task
        else {
            return Row::R0;
        };
        match received {
            Some(refresh) if self.store.has_kept(refresh_token(*refresh)) => Row::R5,
            Some(_) => Row::R3,
            None if matches!(doing, Doing::Travelling { .. })
                && self.server.tokens[*token].spent_at.is_some() =>
            {
                Row::R2
            }
            None => Row::R1,
        }
    }

    /// Whatever this process has sent, nobody waits for its answer.
    pub(super) fn abandon(&mut self, number: usize) {
        let owner = self.processes[number].owner;
        let sent = self.departed.iter_mut().filter(|departed| departed.by == owner);
        sent.for_each(|departed| departed.abandoned = true);
    }

    fn pause(&mut self, number: usize) {
        self.abandon(number);
        self.processes[number].paused = Some(self.now);
        if let Some(task) = &mut self.processes[number].task {
            task.slept = true;
        }
        let row = match &mut self.processes[number].task {
            Some(task @ Task { doing: Doing::Leaving(_), .. }) => {
                task.overslept = true;
                Row::R7
            }
            Some(Task { doing: Doing::Next(_), claim: Some(_), received: None, .. }) => Row::R6,
            Some(Task { claim: Some(_), .. }) => Row::R8,
            _ => Row::R0,
        };
        self.hit(row);
    }

    fn revoke(&mut self) {
        self.tally.faults += 1;
        self.tally.revocations += 1;
        let family = self.server.families;
        self.server.revoke_family(family);
    }

    /// A login by a program of its own, over whatever is stored.
    fn login(&mut self) {
        let number = self.server.login();
        let before = self.store.ledger.as_ref();
        let counter = before.map_or(0, |ledger| ledger.epoch.counter) + 1;
        let login = Id::from_u128(self.server.families as u128);
        let mut ledger = Ledger::new(Epoch { counter, login });
        ledger.fence = before.map_or(0, |ledger| ledger.fence) + 1;
        ledger.generation = 1;
        ledger.refresh = Some(Refresh { fingerprint: refresh_token(number) });
        ledger.access.insert(token_key(), Issued { generation: 1, ..self.issue() });
        self.store.put(ledger);
    }

    /// Writes a tombstone. The server has no endpoint to revoke at, so that what a racing refresh brings lives on
    /// unless that refresh sees to it.
    fn logout(&mut self, number: usize) {
        let Some(before) = self.store.ledger.clone() else { return };
        let login = Id::from_u128(u128::MAX - u128::from(before.epoch.counter));
        let mut tombstone = Ledger::new(Epoch { counter: before.epoch.counter + 1, login });
        tombstone.state = State::LoggedOut;
        tombstone.fence = before.fence + 1;
        self.store.put(tombstone.clone());
        let process = &mut self.processes[number];
        (process.memory, process.current) = (Some(tombstone), None);
    }

    /// Describes an access token that is asked for now.
    pub(super) fn issue(&mut self) -> Issued {
        let (fingerprint, lifetime) = self.server.issue(self.setting.lifetime, self.now);
        let windows = RefreshPolicy { jitter: false, ..RefreshPolicy::default() }.windows(lifetime);
        Issued {
            fingerprint,
            scope: Scope::default(),
            obtained_at: self.moment(),
            lifetime: Lifetime::Said(lifetime),
            refresh_after: windows.refresh_after,
            mandatory_after: windows.mandatory_after,
            generation: 0,
            confirmed: 0,
        }
    }
}

/// The one access token that everybody wants.
pub(super) fn token_key() -> TokenKey {
    static KEY: std::sync::LazyLock<TokenKey> = std::sync::LazyLock::new(|| {
        TokenKey::new(&Words::default().purpose(), Party::User, &Scope::default())
    });
    *KEY
}

/// The refresh token that a ledger would send.
pub(super) fn current_token(ledger: &Ledger) -> Option<Fingerprint> {
    ledger.refresh.map(|refresh| refresh.fingerprint)
}
