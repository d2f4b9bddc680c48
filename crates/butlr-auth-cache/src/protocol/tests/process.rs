//! A process, reduced to what its session knows and to the one attempt that it may have under way.

use std::time::Duration;

use butlr_auth_core::Moment;

use crate::Id;
use crate::protocol::{Action, Answer, Attempt, Epoch, Issued, Ledger, State, Watched};

/// What a driver of the protocol is busy with. Between any two of these a process can die or stop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Doing {
    /// About to do what the machine wants.
    Next(Action),
    /// The guard has let the request pass, and it has not left the machine.
    Leaving(usize),
    /// The server is done with it; the answer is on its way until then.
    Travelling {
        answer: Answer,
        until: Duration,
        beat_at: Duration,
    },
    Waiting {
        until: Duration,
    },
}

/// The right to exchange, as the store acknowledged it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Claim {
    pub(super) fence: u64,
    pub(super) token: usize,
    pub(super) generation: u64,
}

/// A request that has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Departed {
    pub(super) token: usize,
    pub(super) at: Duration,
    pub(super) by: Option<Id>,
    pub(super) answered: bool,
    /// Whether its sender has died or stopped since.
    pub(super) abandoned: bool,
}

/// An attempt under way, and what the checks need to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Task {
    pub(super) attempt: Attempt,
    pub(super) doing: Doing,
    /// The version of the record that was seen last.
    pub(super) version: u64,
    pub(super) claim: Option<Claim>,
    /// The refresh tokens that reached the server.
    pub(super) presented: Vec<usize>,
    pub(super) received: Option<usize>,
    /// Whether it stood still at all.
    pub(super) slept: bool,
    /// Whether it stood still between the guard and the departure of the request.
    pub(super) overslept: bool,
    /// Whether "not persisted" was said.
    pub(super) warned: bool,
    /// Whether the record said, or this attempt wrote, that a login is needed.
    pub(super) knows_refused: bool,
}

impl Task {
    pub(super) fn new(mut attempt: Attempt) -> Self {
        let doing = Doing::Next(attempt.begin());
        Self {
            attempt,
            doing,
            version: 0,
            claim: None,
            presented: Vec::new(),
            received: None,
            slept: false,
            overslept: false,
            warned: false,
            knows_refused: false,
        }
    }

    /// Whether it can go on without time passing.
    pub(super) fn is_ready(&self, now: Duration) -> bool {
        match self.doing {
            Doing::Next(_) | Doing::Leaving(_) => true,
            Doing::Travelling { until, .. } | Doing::Waiting { until } => now >= until,
        }
    }

    /// Whether its next step is nobody else's business: it reads and changes nothing that is shared.
    pub(super) fn is_private(&self, store_holds: bool) -> bool {
        match &self.doing {
            Doing::Next(Action::Send { .. } | Action::Wait(_)) => true,
            // Without a lock to try or to let go of, these concern nobody else.
            Doing::Next(Action::Hold | Action::Publish) => !store_holds,
            Doing::Next(_) => false,
            Doing::Leaving(_) => false,
            Doing::Travelling { .. } | Doing::Waiting { .. } => true,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    /// Its name in leases; it gets one when it first does anything.
    pub(super) owner: Option<Id>,
    /// Since when it stands still, if it does.
    pub(super) paused: Option<Duration>,
    /// The record as it was seen or made last.
    pub(super) memory: Option<Ledger>,
    /// What callers get.
    pub(super) current: Option<(Epoch, Issued)>,
    pub(super) watched: Option<Watched>,
    /// No attempt in the background before this.
    pub(super) not_before: Duration,
    /// The last failure is the answer to every caller until this.
    pub(super) failed_until: Duration,
    pub(super) task: Option<Task>,
}

impl Process {
    pub(super) fn new() -> Self {
        Self {
            owner: None,
            paused: None,
            memory: None,
            current: None,
            watched: None,
            not_before: Duration::ZERO,
            failed_until: Duration::ZERO,
            task: None,
        }
    }

    /// Whether it has done nothing yet: then it is as good as any other that has not.
    pub(super) fn is_unborn(&self) -> bool {
        self.owner.is_none()
    }

    /// Whether a caller would have to wait for a token.
    pub(super) fn is_urgent(&self, now: Moment) -> bool {
        !self.current.as_ref().is_some_and(|(_, issued)| issued.is_usable(now))
    }

    /// Whether a caller would set an attempt going.
    pub(super) fn wants_a_token(&self, now: Moment) -> bool {
        let fresh = self.current.as_ref().is_some_and(|(_, issued)| issued.is_fresh(now));
        let due = if self.is_urgent(now) { self.failed_until } else { self.not_before };
        self.task.is_none() && !fresh && now.boot >= due
    }

    /// Takes over what the store holds, unless this process knows better: as the session does.
    pub(super) fn adopt(&mut self, ledger: Option<&Ledger>, token: crate::key::TokenKey) {
        let Some(ledger) = ledger else {
            (self.memory, self.current) = (None, None);
            return;
        };
        if self.memory.as_ref().is_some_and(|memory| memory.is_newer_than(ledger)) {
            return;
        }
        let another = self.memory.as_ref().is_some_and(|memory| memory.epoch != ledger.epoch);
        self.memory = Some(ledger.clone());
        if another {
            (self.not_before, self.failed_until) = (Duration::ZERO, Duration::ZERO);
        }
        match ledger.access.get(&token) {
            Some(issued) if ledger.state != State::LoggedOut => self.show(ledger.epoch, issued),
            None if !another && ledger.state != State::LoggedOut => {}
            _ => self.current = None,
        }
    }

    /// Hands a token out from now on, unless a later one is known.
    pub(super) fn show(&mut self, epoch: Epoch, issued: &Issued) {
        let overtaken = self.memory.as_ref().is_some_and(|memory| memory.epoch.counter > epoch.counter);
        let older = self
            .current
            .as_ref()
            .is_some_and(|(shown, current)| *shown == epoch && current.generation > issued.generation);
        if !overtaken && !older {
            self.current = Some((epoch, issued.clone()));
        }
    }
}
