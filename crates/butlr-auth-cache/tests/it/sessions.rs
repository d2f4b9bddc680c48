//! Many identities in one process: bounded, apart from each other, and at rest when nobody asks.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_cache::{MemoryStore, RefreshPolicy, Session, Sessions, SessionsBuilder};
use butlr_auth_core::{
    AccessToken, ClientId, Delivery, EndpointIdentity, Error, ErrorKind, Grant, ManualClock, Provider, Scope,
    TokenEndpoint, TokenResponse,
};
use tokio::sync::{Semaphore, watch};

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

/// An authorization server with a client for each tenant.
#[derive(Clone, Debug, Default)]
struct Tenants(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    exchanges: HashMap<String, usize>,
    in_flight: usize,
    most_in_flight: usize,
    /// Tenants whose requests wait until they are let go.
    held: HashMap<String, Arc<Semaphore>>,
    broken: HashSet<String>,
}

#[derive(Debug)]
struct Tenant {
    server: Tenants,
    identity: EndpointIdentity,
}

impl Tenants {
    fn builder(&self) -> SessionsBuilder {
        let server = self.clone();
        let grant = Grant::client_credentials();
        Sessions::builder_for_each(move |tenant| Ok(server.tenant(tenant))).grant(grant)
    }

    fn tenant(&self, name: &str) -> Tenant {
        let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new(name));
        Tenant { server: self.clone(), identity }
    }

    fn hold(&self, name: &str) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        self.0.lock().unwrap().held.insert(name.to_owned(), Arc::clone(&gate));
        gate
    }

    fn exchanges(&self) -> usize {
        self.0.lock().unwrap().exchanges.values().sum()
    }

    fn exchanges_of(&self, name: &str) -> usize {
        self.0.lock().unwrap().exchanges.get(name).copied().unwrap_or_default()
    }
}

#[async_trait]
impl TokenEndpoint for Tenant {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let name = self.identity.client_id.as_str();
        let (count, gate) = {
            let mut state = self.server.0.lock().unwrap();
            state.in_flight += 1;
            state.most_in_flight = state.most_in_flight.max(state.in_flight);
            let count = state.exchanges.entry(name.to_owned()).or_default();
            *count += 1;
            (*count, state.held.get(name).cloned())
        };
        match gate {
            Some(gate) => gate.acquire().await.unwrap().forget(),
            // Others come in meanwhile, as they do while a request is on its way.
            None => tokio::task::yield_now().await,
        }
        let mut state = self.server.0.lock().unwrap();
        state.in_flight -= 1;
        if state.broken.contains(name) {
            let error = Error::new(ErrorKind::ServerFailed, "as.example.com answered 503");
            return Err(error.with_delivery(Delivery::Answered).with_status(503));
        }
        let scope = grant.scope().iter().collect::<Vec<_>>().join("+");
        let mut response =
            TokenResponse::new(AccessToken::new(format!("token-of-{name}/{scope}#{count}")).unwrap());
        response.expires_in = Some(LIFETIME);
        Ok(response)
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

async fn text(session: &Session) -> String {
    session.token().await.unwrap().access_token().expose().to_owned()
}

#[tokio::test]
async fn identities_never_share_a_token() {
    let server = Tenants::default();
    let sessions = server.builder().open().unwrap();
    let rooms: Scope = "read:rooms".parse().unwrap();
    for _ in 0..3 {
        for name in ["a", "b", "", "a/b", "A"] {
            assert_eq!(text(&sessions.get(name).unwrap()).await, format!("token-of-{name}/#1"));
        }
    }
    assert_eq!(text(&sessions.get_scoped("a", &rooms).unwrap()).await, "token-of-a/read:rooms#2");
    assert_eq!(text(&sessions.get_scoped("a", &Scope::empty()).unwrap()).await, "token-of-a/#1");
    assert_eq!(sessions.len(), 6);
    assert_eq!(server.exchanges(), 6);
}

#[tokio::test]
async fn people_of_one_client_each_live_by_their_own_login() {
    let server = Server::new(LIFETIME);
    let store = MemoryStore::new();
    let sessions = Sessions::builder(server.clone()).store(store.clone()).open().unwrap();
    for (name, token) in [("ada", "access-1"), ("grace", "access-2")] {
        sessions.get(name).unwrap().login(&password()).await.unwrap();
        assert_eq!(sessions.token(name).await.unwrap().access_token().expose(), token);
    }
    let error = sessions.token("eve").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    // Another process, or this one after a restart.
    let sessions = Sessions::builder(server.clone()).store(store).open().unwrap();
    assert_eq!(sessions.token("ada").await.unwrap().access_token().expose(), "access-1");
    assert_eq!(server.exchanges(), 2);
}

#[tokio::test]
async fn a_closed_session_of_a_person_comes_back_from_the_store() {
    let server = Server::new(LIFETIME);
    let sessions = Sessions::builder(server.clone()).capacity(1).open().unwrap();
    for name in ["ada", "grace"] {
        sessions.get(name).unwrap().login(&password()).await.unwrap();
    }
    sessions.shutdown().await;
    for _ in 0..5 {
        for (name, token) in [("ada", "access-1"), ("grace", "access-2")] {
            assert_eq!(sessions.token(name).await.unwrap().access_token().expose(), token);
        }
    }
    assert_eq!(server.exchanges(), 2);
}

#[tokio::test]
async fn the_least_recently_used_idle_session_goes_first() {
    let (server, clock) = (Tenants::default(), ManualClock::new());
    let sessions = server.builder().clock(clock.clone()).capacity(3).open().unwrap();
    for name in ["a", "b", "c", "a", "d", "a", "e"] {
        sessions.token(name).await.unwrap();
        sessions.shutdown().await;
        clock.advance(Duration::from_millis(1));
        assert!(sessions.len() <= 3);
    }
    for (name, exchanges) in [("a", 1), ("d", 1), ("e", 1), ("b", 2), ("c", 2)] {
        sessions.token(name).await.unwrap();
        assert_eq!(server.exchanges_of(name), exchanges, "{name}");
    }
}

#[tokio::test]
async fn what_is_in_use_is_never_dropped() {
    let (server, clock) = (Tenants::default(), ManualClock::new());
    let sessions = server.builder().clock(clock.clone()).capacity(2).open().unwrap();
    let held = sessions.get("held").unwrap();
    held.token().await.unwrap();
    // Under way, with nobody who waits for it.
    let gate = server.hold("slow");
    let waiter = tokio::spawn({
        let sessions = sessions.clone();
        async move { sessions.token("slow").await }
    });
    while server.exchanges_of("slow") == 0 {
        tokio::task::yield_now().await;
    }
    waiter.abort();
    for number in 0..100 {
        clock.advance(Duration::from_millis(1));
        sessions.token(&format!("other-{number}")).await.unwrap();
    }
    gate.add_permits(1);
    sessions.shutdown().await;
    assert_eq!(text(&sessions.get("slow").unwrap()).await, "token-of-slow/#1");
    assert_eq!(text(&sessions.get("held").unwrap()).await, text(&held).await);
    assert_eq!(server.exchanges_of("held"), 1);
    assert!(sessions.len() <= 3, "{}", sessions.len());
}

#[tokio::test]
async fn more_than_fit_stay_while_they_are_in_use() {
    let server = Tenants::default();
    let sessions = server.builder().capacity(10).open().unwrap();
    let handles: Vec<_> = (0..100).map(|number| sessions.get(&number.to_string()).unwrap()).collect();
    assert_eq!(sessions.len(), 100);
    for handle in &handles {
        handle.token().await.unwrap();
    }
    drop(handles);
    sessions.shutdown().await;
    // As many as it takes for the full table to be searched again.
    for number in 100..200 {
        sessions.get(&number.to_string()).unwrap();
    }
    assert!(sessions.len() <= 10, "{}", sessions.len());
}

#[tokio::test]
async fn one_slow_identity_delays_no_other() {
    let server = Tenants::default();
    let sessions = server.builder().open().unwrap();
    let gate = server.hold("slow");
    let slow = tokio::spawn({
        let sessions = sessions.clone();
        async move { sessions.token("slow").await.unwrap() }
    });
    while server.exchanges_of("slow") == 0 {
        tokio::task::yield_now().await;
    }
    for number in 0..1000 {
        sessions.token(&number.to_string()).await.unwrap();
    }
    assert!(!slow.is_finished());
    gate.add_permits(1);
    assert_eq!(slow.await.unwrap().access_token().expose(), "token-of-slow/#1");
}

#[tokio::test]
async fn one_broken_identity_fails_alone() {
    let server = Tenants::default();
    server.0.lock().unwrap().broken.insert("broken".to_owned());
    let sessions = server.builder().open().unwrap();
    for _ in 0..50 {
        assert_eq!(sessions.token("broken").await.unwrap_err().kind(), ErrorKind::ServerFailed);
        sessions.token("sound").await.unwrap();
        // Its failure is still to be remembered, or every caller would ask anew.
        sessions.sweep();
    }
    assert_eq!(server.exchanges_of("broken"), 1);
    assert_eq!(server.exchanges_of("sound"), 1);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_made_is_an_error_of_that_identity() {
    let server = Tenants::default();
    let tenants = server.clone();
    let sessions = Sessions::builder_for_each(move |name| match name {
        "unknown" => Err(Error::new(ErrorKind::Configuration, "tenant `unknown` has no client")),
        name => Ok(tenants.tenant(name)),
    });
    let sessions = sessions.grant(Grant::client_credentials()).open().unwrap();
    assert_eq!(sessions.token("unknown").await.unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(sessions.try_token("unknown").unwrap_err().kind(), ErrorKind::Configuration);
    sessions.token("known").await.unwrap();
    assert_eq!(sessions.len(), 1);
}

#[test]
fn no_room_is_a_mistake() {
    let error = Tenants::default().builder().capacity(0).open().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn at_most_sixteen_exchanges_are_under_way_and_usable_tokens_wait_for_none() {
    let (server, clock) = (Tenants::default(), ManualClock::new());
    let policy = || {
        let mut policy = RefreshPolicy::default();
        policy.jitter = false;
        policy
    };
    let sessions = server.builder().clock(clock.clone()).policy(policy()).open().unwrap();
    let names: Vec<String> = (0..5000).map(|number| number.to_string()).collect();
    let all = |sessions: &Sessions| {
        let tasks = names.iter().map(|name| {
            let (sessions, name) = (sessions.clone(), name.clone());
            tokio::spawn(async move { sessions.token(&name).await.unwrap() })
        });
        tasks.collect::<Vec<_>>()
    };
    for task in all(&sessions) {
        task.await.unwrap();
    }
    assert_eq!(server.exchanges(), 5000);
    assert_eq!(server.0.lock().unwrap().most_in_flight, 16);

    // All of them are due, and the server answers nobody.
    clock.advance(LIFETIME * 3 / 4);
    let gates: Vec<_> = names.iter().map(|name| server.hold(name)).collect();
    for name in &names {
        assert!(sessions.try_token(name).unwrap().unwrap().access_token().expose().ends_with("#1"));
    }
    while server.exchanges() < 5016 {
        tokio::task::yield_now().await;
    }
    for name in &names {
        assert!(sessions.token(name).await.unwrap().access_token().expose().ends_with("#1"));
    }
    assert_eq!(server.exchanges(), 5016);
    for gate in gates {
        gate.add_permits(1);
    }
    sessions.shutdown().await;
    for name in &names {
        assert!(sessions.token(name).await.unwrap().access_token().expose().ends_with("#2"));
    }
    assert_eq!(server.0.lock().unwrap().most_in_flight, 16);
}

#[tokio::test]
async fn a_token_that_another_process_stored_helps_whoever_waits_in_the_queue() {
    let (server, store) = (Tenants::default(), MemoryStore::new());
    let open = || server.builder().store(store.clone()).max_exchanges(1).open().unwrap();
    let (here, there) = (open(), open());
    there.token("shared").await.unwrap();
    let _gate = server.hold("slow");
    let slow = tokio::spawn({
        let here = here.clone();
        async move { here.token("slow").await }
    });
    while server.exchanges_of("slow") == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(here.token("shared").await.unwrap().access_token().expose(), "token-of-shared/#1");
    slow.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_exchange_each_however_many_open_an_identity_at_once() {
    let server = Tenants::default();
    let sessions = server.builder().capacity(64).open().unwrap();
    let (start, started) = watch::channel(false);
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let (sessions, mut started) = (sessions.clone(), started.clone());
            tokio::spawn(async move {
                started.wait_for(|started| *started).await.unwrap();
                for number in 0..64 {
                    let name = ((number + task) % 64).to_string();
                    let token = sessions.token(&name).await.unwrap();
                    assert_eq!(token.access_token().expose(), format!("token-of-{name}/#1"));
                }
            })
        })
        .collect();
    start.send(true).unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(server.exchanges(), 64);
}

#[tokio::test]
async fn a_hundred_thousand_idle_identities_are_memory_alone() {
    const IDENTITIES: usize = 100_000;
    let (server, clock) = (Tenants::default(), ManualClock::new());
    let sessions = server.builder().clock(clock.clone()).capacity(IDENTITIES).open().unwrap();
    let runtime = tokio::runtime::Handle::current().metrics();
    let before = runtime.num_alive_tasks();
    for number in 0..IDENTITIES {
        sessions.token(&number.to_string()).await.unwrap();
    }
    sessions.shutdown().await;
    assert_eq!(sessions.len(), IDENTITIES);
    assert_eq!(runtime.num_alive_tasks(), before);
    for number in 0..IDENTITIES {
        let token = sessions.try_token(&number.to_string()).unwrap().unwrap();
        assert_eq!(token.access_token().expose(), format!("token-of-{number}/#1"));
    }
    assert_eq!(server.exchanges(), IDENTITIES);

    // What has ended and is in nobody's hands goes; what is in somebody's stays.
    let held = sessions.get("7").unwrap();
    clock.advance(LIFETIME);
    assert_eq!(sessions.sweep(), IDENTITIES - 1);
    assert_eq!(sessions.len(), 1);
    drop(held);
    assert_eq!(sessions.sweep(), 1);
    assert!(sessions.is_empty());
    assert_eq!(runtime.num_alive_tasks(), before);
}

#[tokio::test]
async fn what_has_ended_goes_by_itself_when_others_come() {
    let (server, clock) = (Tenants::default(), ManualClock::new());
    let sessions = server.builder().clock(clock.clone()).capacity(100).open().unwrap();
    for number in 0..50 {
        sessions.token(&number.to_string()).await.unwrap();
    }
    sessions.shutdown().await;
    clock.advance(LIFETIME);
    sessions.token("another").await.unwrap();
    assert_eq!(sessions.len(), 1);
}

#[tokio::test]
async fn nothing_is_left_of_sessions_that_are_dropped() {
    let (server, alive) = (Tenants::default(), Arc::new(()));
    let (tenants, witness) = (server.clone(), Arc::clone(&alive));
    let sessions = Sessions::builder_for_each(move |name| Ok(tenants.tenant(name)))
        .grant(Grant::client_credentials())
        .on_event(move |_, _| drop(Arc::clone(&witness)))
        .open()
        .unwrap();
    for number in 0..100 {
        sessions.token(&number.to_string()).await.unwrap();
    }
    let gate = server.hold("slow");
    assert!(sessions.try_token("slow").unwrap().is_none());
    drop(sessions);
    while server.exchanges_of("slow") == 0 {
        tokio::task::yield_now().await;
    }
    // What is under way is finished first.
    assert!(Arc::strong_count(&alive) > 1);
    gate.add_permits(1);
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test]
async fn events_name_their_identity() {
    let (server, seen) = (Tenants::default(), Arc::new(Mutex::new(Vec::new())));
    let events = Arc::clone(&seen);
    let sessions = server
        .builder()
        .on_event(move |name, event| events.lock().unwrap().push(format!("{name}: {event}")))
        .open()
        .unwrap();
    sessions.token("a").await.unwrap();
    sessions.token("b").await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["a: refreshed", "b: refreshed"]);
}
