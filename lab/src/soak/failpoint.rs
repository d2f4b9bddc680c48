//! The points at which a holder dies or stops: wrappers around the store and the endpoint, so that the product has
//! none of it in it.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{Entry, Hold, Id, Promises, SessionKey, Swap, TokenStore};
use butlr_auth_core::{
    Clock as _, EndpointIdentity, Error, Grant, GrantType, RefreshError, Revocation, SystemClock,
    TokenEndpoint, TokenResponse,
};
use butlr_auth_testkit::Journal;
use rustix::process::{Signal, getpid, kill_process};

use super::Row;
use super::wire::{Line, micros};

/// The name of the one ticket that can be taken.
pub(super) const ARMED: &str = "armed";

/// Where the process stands in its renewal, and the tickets that it may find on its way.
#[derive(Debug)]
pub(super) struct Failpoints {
    tickets: PathBuf,
    delay: Duration,
    clock: SystemClock,
    stage: Mutex<Stage>,
}

/// What the next compare-and-swap is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// A claim.
    #[default]
    Idle,
    /// A beat.
    InFlight,
    /// The commit of what this refresh token brought.
    Received { presented: String },
    /// A failure to be noted.
    Failed,
}

impl Failpoints {
    pub(super) fn new(tickets: PathBuf, delay: Duration) -> Arc<Self> {
        Arc::new(Self { tickets, delay, clock: SystemClock::new(), stage: Mutex::default() })
    }

    fn stage(&self) -> Stage {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn enter(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn now(&self) -> u64 {
        micros(self.clock.boot())
    }

    /// Takes the ticket for a row, if that is the one: a rename succeeds for one process only.
    fn take(&self, row: Row) -> bool {
        let armed = self.tickets.join(ARMED);
        let is_armed = fs::read_to_string(&armed).is_ok_and(|name| name == format!("{row:?}"));
        is_armed && fs::rename(&armed, self.tickets.join(format!("taken-{}", std::process::id()))).is_ok()
    }

    fn announce(&self, row: Row, presented: Option<&str>, in_flight: bool) {
        let presented = presented.map(str::to_owned);
        say(&Line::Struck { row, presented, in_flight, at: self.now() });
    }

    /// Dies here if the ticket says so.
    fn die_at(&self, row: Row, presented: Option<&str>) {
        if self.take(row) {
            self.announce(row, presented, false);
            die();
        }
    }

    /// Stops here, if the ticket says so, until the conductor lets it go on.
    async fn stop_at(&self, row: Row, presented: Option<&str>) {
        if self.take(row) {
            self.announce(row, presented, false);
            self.stop().await;
        }
    }

    /// The signal may reach another thread first, so this one waits for the word as well as for the signal.
    async fn stop(&self) {
        let word = self.tickets.join(resumed(std::process::id()));
        if !word.exists() {
            // It fails for a process that does not exist, and this one does.
            let _ = kill_process(getpid(), Signal::STOP);
        }
        while !word.exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let _ = fs::remove_file(word);
    }
}

/// The name of the file by which the conductor lets a stopped process go on.
pub(super) fn resumed(process: u32) -> String {
    format!("resumed-{process}")
}

/// Writes a line to the conductor. When it is gone there is nobody left to tell.
pub(super) fn say(line: &Line) {
    if let Ok(mut json) = serde_json::to_vec(line) {
        json.push(b'\n');
        let mut stdout = std::io::stdout().lock();
        let _ = stdout.write_all(&json).and_then(|()| stdout.flush());
    }
}

fn die() -> ! {
    loop {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Dies at a time drawn from `0..within`, whatever this process is doing then.
fn die_within(within: Duration) {
    let at = within.mul_f64(fraction());
    std::thread::spawn(move || {
        std::thread::sleep(at);
        die();
    });
}

/// A number from 0 to 1, drawn from the product's own source of random ids.
pub(super) fn fraction() -> f64 {
    let drawn = u32::try_from(Id::random().to_u128() & u128::from(u32::MAX)).unwrap_or_default();
    f64::from(drawn) / f64::from(u32::MAX)
}

/// The endpoint, with R1 to R3, R7 and R8.
#[derive(Debug)]
pub(super) struct Endpoint<E> {
    pub(super) inner: E,
    pub(super) points: Arc<Failpoints>,
}

#[async_trait]
impl<E: TokenEndpoint> TokenEndpoint for Endpoint<E> {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        self.inner.exchange(grant).await
    }

    async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
        let Grant::RefreshToken { refresh_token, .. } = grant else {
            return self.inner.refresh(grant).await;
        };
        let points = &self.points;
        let presented = Journal::fingerprint(refresh_token.expose());
        points.enter(Stage::InFlight);
        points.stop_at(Row::R7, Some(&presented)).await;
        say(&Line::Sent { presented: presented.clone(), at: points.now() });
        if points.take(Row::R1) {
            let in_flight = fraction() < 0.5;
            points.announce(Row::R1, Some(&presented), in_flight);
            if !in_flight {
                die();
            }
            // The server waits for `delay` before it acts.
            die_within(points.delay / 2);
        }
        // The conductor strikes when it sees in the journal that the server has acted.
        let struck = [Row::R2, Row::R8].into_iter().find(|row| points.take(*row));
        if let Some(row) = struck {
            points.announce(row, Some(&presented), true);
        }
        let response = self.inner.refresh(grant).await;
        match struck {
            Some(Row::R2) => die(),
            Some(_) => points.stop().await,
            None => {}
        }
        if response.is_ok() {
            points.die_at(Row::R3, Some(&presented));
            points.enter(Stage::Received { presented });
        } else {
            points.enter(Stage::Failed);
        }
        response
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        self.inner.revoke(token).await
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        self.inner.supports(grant_type)
    }

    fn identity(&self) -> &EndpointIdentity {
        self.inner.identity()
    }
}

/// The store, with R0 and R4 to R6.
#[derive(Debug)]
pub(super) struct Store<S> {
    pub(super) inner: S,
    pub(super) points: Arc<Failpoints>,
    /// Whether the lock that the kernel frees is hidden.
    pub(super) lease: bool,
}

#[async_trait]
impl<S: TokenStore> TokenStore for Store<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.inner.load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let points = &self.points;
        let stage = points.stage();
        match &stage {
            Stage::Idle => points.die_at(Row::R0, None),
            Stage::Received { presented } if points.take(Row::R4) => {
                points.announce(Row::R4, Some(presented), false);
                // A write that expects a version which never was is refused half-way: several times as long as that
                // takes covers the whole of the real one.
                let began = points.clock.boot();
                let _ = self.inner.compare_and_swap(key, Some(Id::random()), entry).await;
                die_within((points.clock.boot() - began) * 4);
                let _ = self.inner.compare_and_swap(key, expected, entry).await;
                die();
            }
            _ => {}
        }
        let swap = self.inner.compare_and_swap(key, expected, entry).await?;
        match stage {
            Stage::Idle if swap == Swap::Swapped => points.stop_at(Row::R6, None).await,
            Stage::Received { presented } if swap == Swap::Swapped => {
                points.die_at(Row::R5, Some(&presented));
                points.enter(Stage::Idle);
            }
            Stage::Failed => points.enter(Stage::Idle),
            _ => {}
        }
        Ok(swap)
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        if self.lease { Ok(Hold::Unsupported) } else { self.inner.hold(key).await }
    }
}
