//! Anything, in any order, against a session: a model of a few lines says what may come of it.

use std::collections::{HashMap, HashSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{Entry, Hold, Id, MemoryStore, Promises, Session, SessionKey, Swap, TokenStore};
use butlr_auth_core::{
    AccessToken, ClientId, Clock, Delivery, EndpointIdentity, Error, ErrorCode, ErrorKind, ErrorResponse,
    Fingerprint, Grant, GrantType, Moment, Password, Provider, RefreshToken, Revocation, TokenEndpoint,
    TokenResponse,
};
use tokio::time::Instant;

const LIFETIME: Duration = Duration::from_secs(1000);

/// Each byte is one thing that happens; the upper half of a byte says how much of it.
pub(crate) fn session(input: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = runtime else { return };
    // Enough for every pair and many a triple of things; more only takes longer.
    let input = input.get(..64).unwrap_or(input);
    runtime.block_on(World::new().live(input));
}

struct World {
    server: Server,
    store: Store,
    clock: PausedClock,
    session: Session,
    /// Whether a person is logged in; `None` after something that may have ended either way.
    logged_in: Option<bool>,
    /// Whether an answer or a write has been lost, so that a refresh token may be presented again.
    lossy: bool,
}

impl World {
    fn new() -> Self {
        let (server, store, clock) = (Server::default(), Store::default(), PausedClock::new());
        let session = open(&server, &store, &clock);
        Self { server, store, clock, session, logged_in: Some(false), lossy: false }
    }

    async fn live(mut self, input: &[u8]) {
        for byte in input {
            let much = u32::from(byte >> 4);
            match byte & 0x0f {
                0 | 1 => self.get().await,
                2 => tokio::time::advance(LIFETIME / 16 * much).await,
                3 => tokio::time::advance(Duration::from_secs(1)).await,
                4 => self.clock.jump(i64::from(much) * 3600 - 28_800),
                5 => self.log_in().await,
                6 => self.log_out().await,
                7 => self.reject(),
                8 => self.server.next(Fault::Down),
                9 => {
                    self.server.next(Fault::AnswerLost);
                    self.lossy = true;
                }
                10 => self.server.next(Fault::NotSent),
                11 => {
                    self.store.state().failing = much;
                    self.lossy = true;
                }
                12 => {
                    self.store.state().forgetting = much;
                    self.lossy = true;
                }
                13 => self.cancel().await,
                // Another process on the same store.
                14 => self.session = open(&self.server, &self.store, &self.clock),
                _ => self.session.shutdown().await,
            }
        }
        self.recover().await;
    }

    async fn get(&mut self) {
        match self.session.token().await {
            Ok(token) => {
                assert!(!token.is_over(self.clock.boot()), "an expired token");
                let issued = self.server.state().issued.get(token.access_token().expose()).copied();
                assert!(issued.is_some(), "a token that nobody issued");
                assert!(self.logged_in != Some(false), "a token without a login");
            }
            Err(error) => {
                let expected =
                    error.kind() != ErrorKind::LoginRequired || self.logged_in != Some(true) || self.lossy;
                assert!(expected, "a login was lost although nothing else was: {error}");
            }
        }
        if !self.lossy {
            assert_eq!(self.server.state().reused, 0, "a refresh token was spent twice");
        }
    }

    async fn log_in(&mut self) {
        let Ok(password) = Password::new("secret") else { return };
        let result = self.session.login(&Grant::password("ada", password)).await;
        self.logged_in = match result {
            Ok(_) if self.store.is_sound() => Some(true),
            // It may have been stored although the acknowledgement was lost.
            _ => None,
        };
    }

    async fn log_out(&mut self) {
        self.logged_in = if self.session.logout().await.is_ok() { Some(false) } else { None };
    }

    fn reject(&self) {
        if let Some(token) = self.session.try_token() {
            self.session.reject(&token.fingerprint());
        }
    }

    /// Asks and leaves at once.
    async fn cancel(&self) {
        let mut asked = pin!(self.session.token());
        poll_fn(|context| {
            let _ = asked.as_mut().poll(context);
            Poll::Ready(())
        })
        .await;
    }

    /// When everything works again, a login gives a session that works.
    async fn recover(mut self) {
        *self.store.state() = Faults::default();
        self.server.state().faults.clear();
        self.session.shutdown().await;
        // Longer than any back-off.
        tokio::time::advance(Duration::from_secs(120)).await;
        self.log_in().await;
        assert_eq!(self.logged_in, Some(true), "a login does not recover it");
        tokio::time::advance(LIFETIME).await;
        let token = self.session.token().await;
        assert!(token.is_ok(), "it does not renew: {token:?}");
        self.session.shutdown().await;
    }
}

fn open(server: &Server, store: &Store, clock: &PausedClock) -> Session {
    match Session::builder(server.clone()).store(store.clone()).clock(clock.clone()).open() {
        Ok(session) => session,
        Err(error) => panic!("a session opens without asking anybody: {error}"),
    }
}

/// The runtime's own paused time, and a wall clock that can be set.
#[derive(Clone, Debug)]
struct PausedClock {
    start: Arc<Mutex<Option<Instant>>>,
    wall: Arc<Mutex<i64>>,
}

impl PausedClock {
    fn new() -> Self {
        Self { start: Arc::default(), wall: Arc::default() }
    }

    fn jump(&self, seconds: i64) {
        *self.wall.lock().unwrap_or_else(PoisonError::into_inner) += seconds;
    }
}

impl Clock for PausedClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Moment {
        let mut start = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let boot = Duration::from_secs(3600) + (now - *start.get_or_insert(now));
        let jumped = *self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = 1_800_000_000_i64.saturating_add(jumped).unsigned_abs();
        let wall = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(wall) + boot;
        Moment::new(wall, boot, Fingerprint::of(b"paused"))
    }
}

/// What goes wrong with the next request.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Down,
    AnswerLost,
    NotSent,
}

/// An authorization server with single-use refresh tokens.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    identity: EndpointIdentity,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Access tokens and the number of their family.
    issued: HashMap<String, usize>,
    refresh: HashMap<String, usize>,
    spent: HashMap<String, usize>,
    dead: HashSet<usize>,
    families: usize,
    reused: usize,
    faults: Vec<Fault>,
}

impl Default for Server {
    fn default() -> Self {
        let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli"));
        Self { identity, state: Arc::default() }
    }
}

impl Server {
    pub(crate) fn described(&self) -> &EndpointIdentity {
        &self.identity
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, fault: Fault) {
        self.state().faults.insert(0, fault);
    }
}

impl State {
    fn act(&mut self, grant: &Grant) -> Result<TokenResponse, Error> {
        let family = match grant {
            Grant::RefreshToken { refresh_token, .. } => self.spend(refresh_token.expose())?,
            _ => {
                self.families += 1;
                self.families
            }
        };
        let number = self.issued.len();
        let (access, refresh) = (format!("access-{number}"), format!("refresh-{number}"));
        let mut response = TokenResponse::new(AccessToken::new(access.as_str())?);
        response.expires_in = Some(LIFETIME);
        response.refresh_token = Some(RefreshToken::new(refresh.as_str())?);
        self.issued.insert(access, family);
        self.refresh.insert(refresh, family);
        Ok(response)
    }

    fn spend(&mut self, token: &str) -> Result<usize, Error> {
        if let Some(family) = self.refresh.remove(token) {
            self.spent.insert(token.to_owned(), family);
            if !self.dead.contains(&family) {
                return Ok(family);
            }
        } else if let Some(family) = self.spent.get(token) {
            self.reused += 1;
            self.dead.insert(*family);
        }
        Err(Error::new(ErrorKind::Refused, "refused")
            .with_delivery(Delivery::Answered)
            .with_status(400)
            .with_error_response(ErrorResponse::new(ErrorCode::INVALID_GRANT, None)))
    }
}

#[async_trait]
impl TokenEndpoint for Server {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut state = self.state();
        let lost = |delivery| Error::new(ErrorKind::Unreachable, "unreachable").with_delivery(delivery);
        match state.faults.pop() {
            Some(Fault::Down) => Err(Error::new(ErrorKind::ServerFailed, "down")
                .with_delivery(Delivery::Answered)
                .with_status(503)),
            Some(Fault::NotSent) => Err(lost(Delivery::NotSent)),
            Some(Fault::AnswerLost) => {
                let _ = state.act(grant);
                Err(lost(Delivery::Unanswered))
            }
            None => state.act(grant),
        }
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        let mut state = self.state();
        let family = [&state.refresh, &state.spent, &state.issued]
            .into_iter()
            .find_map(|tokens| tokens.get(token.expose()).copied());
        state.dead.extend(family);
        Ok(())
    }

    fn supports(&self, _: GrantType) -> bool {
        true
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

/// A store that fails: before it writes, or after, when nobody hears that it did.
#[derive(Clone, Debug, Default)]
struct Store {
    inner: MemoryStore,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Debug, Default)]
struct Faults {
    /// How many of the next writes fail.
    failing: u32,
    /// How many of the next writes are done, and said to have failed.
    forgetting: u32,
}

impl Store {
    fn state(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_sound(&self) -> bool {
        let faults = self.state();
        faults.failing == 0 && faults.forgetting == 0
    }
}

#[async_trait]
impl TokenStore for Store {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.inner.load(key).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let failed = || Err(Error::new(ErrorKind::Storage, "the disk is full"));
        let (failing, forgetting) = {
            let mut faults = self.state();
            let now = (faults.failing > 0, faults.failing == 0 && faults.forgetting > 0);
            faults.failing = faults.failing.saturating_sub(1);
            faults.forgetting = faults.forgetting.saturating_sub(u32::from(now.1));
            now
        };
        if failing {
            return failed();
        }
        let swap = self.inner.compare_and_swap(key, expected, entry).await?;
        if forgetting { failed() } else { Ok(swap) }
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        self.inner.hold(key).await
    }
}
