//! One outage of the store's server after the other: it dies and comes back, or it freezes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use butlr_auth_core::{Clock as _, SystemClock};
use serde::Serialize;

use super::database::Database;
use super::wire::micros;

/// How long everything is well between two outages, and after the last one.
const CALM: Duration = Duration::from_secs(3);

/// How long a dead server is away. A frozen one stays so for longer, and for longer than any call waits.
const AWAY: Duration = Duration::from_millis(700);

/// What befell the server, and when it was over (boot clock, microseconds).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) kind: Kind,
    pub(super) over_at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Killed,
    Frozen,
}

/// Brings the outages about, in turn.
pub(super) struct Outages {
    database: Option<Database>,
    /// How long a server is frozen; `None` if there are no outages.
    freeze: Option<Duration>,
    next: Duration,
    under_way: Option<(Kind, Duration)>,
    /// Those that are over.
    pub(super) done: Vec<Outage>,
    clock: SystemClock,
}

impl Outages {
    pub(super) fn new(database: Option<Database>, freeze: Option<Duration>) -> Self {
        let clock = SystemClock::new();
        let next = clock.boot() + CALM;
        Self { database, freeze, next, under_way: None, done: Vec::new(), clock }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Does what is due. The last outage is over early enough that the session can recover before `end`.
    pub(super) fn advance(&mut self, now: Duration, end: Duration) -> Result<()> {
        let (Some(database), Some(freeze)) = (&mut self.database, self.freeze) else { return Ok(()) };
        match self.under_way {
            None if now >= self.next && now + freeze + CALM < end => {
                let kind = if self.done.len().is_multiple_of(2) { Kind::Killed } else { Kind::Frozen };
                let lasts = match kind {
                    Kind::Killed => database.kill().map(|()| AWAY),
                    Kind::Frozen => database.freeze().map(|()| freeze),
                };
                self.under_way = Some((kind, now + lasts.context("the store's server")?));
            }
            Some((kind, until)) if now >= until => {
                match kind {
                    Kind::Killed => database.restart(),
                    Kind::Frozen => database.thaw(),
                }
                .context("the store's server")?;
                let over = self.clock.boot();
                self.done.push(Outage { kind, over_at: micros(over) });
                self.next = over + CALM;
                self.under_way = None;
            }
            _ => {}
        }
        Ok(())
    }
}
