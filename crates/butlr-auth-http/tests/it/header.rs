//! The `Authorization` header: what a request costs while the token is fresh, proved by counting.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{
    AccessToken, Clock, End, Error, ErrorKind, Fingerprint, ManualClock, Moment, Scope, Token, TokenSource,
    Validity,
};
use butlr_auth_http::AuthorizationHeader;
use http::HeaderValue;

use crate::runtime;

/// A source that counts who asks.
#[derive(Debug)]
struct Source {
    current: Mutex<Result<Token, Error>>,
    version: AtomicU64,
    asked: AtomicUsize,
    version_read: AtomicUsize,
    rejected: Mutex<Vec<Fingerprint>>,
}

impl Source {
    fn new(token: Token) -> Arc<Self> {
        Arc::new(Self {
            current: Mutex::new(Ok(token)),
            version: AtomicU64::new(0),
            asked: AtomicUsize::new(0),
            version_read: AtomicUsize::new(0),
            rejected: Mutex::default(),
        })
    }

    fn publish(&self, token: Result<Token, Error>) {
        *self.current.lock().unwrap() = token;
        self.version.fetch_add(1, Ordering::Release);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl TokenSource for Source {
    async fn token(&self) -> Result<Token, Error> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.current.lock().unwrap().clone()
    }

    fn reject(&self, rejected: &Fingerprint) {
        self.rejected.lock().unwrap().push(*rejected);
    }

    fn version(&self) -> u64 {
        self.version_read.fetch_add(1, Ordering::Relaxed);
        self.version.load(Ordering::Acquire)
    }
}

/// A clock that counts its readings.
#[derive(Clone, Debug)]
struct CountingClock {
    time: ManualClock,
    read: Arc<AtomicUsize>,
}

impl CountingClock {
    fn new() -> Self {
        Self { time: ManualClock::new(), read: Arc::default() }
    }
}

impl Clock for CountingClock {
    fn now(&self) -> Moment {
        self.read.fetch_add(1, Ordering::Relaxed);
        self.time.now()
    }
}

fn token(value: &str, refresh_at: Duration) -> Token {
    let hour = Duration::from_secs(3600);
    let validity = Validity::new(refresh_at, refresh_at + hour, End::At(refresh_at + 2 * hour));
    Token::new(AccessToken::new(value).unwrap(), Scope::empty(), validity)
}

fn fixture() -> (Arc<Source>, CountingClock, AuthorizationHeader) {
    let clock = CountingClock::new();
    let source = Source::new(token("one", clock.boot() + Duration::from_millis(500)));
    let header = AuthorizationHeader::with_clock(Arc::clone(&source), clock.clone());
    (source, clock, header)
}

fn get(header: &AuthorizationHeader) -> Result<HeaderValue, Error> {
    runtime().block_on(header.get())
}

#[test]
fn a_ready_header_costs_one_load_one_clock_reading_and_no_allocation() {
    let (source, clock, header) = fixture();
    assert!(header.try_get().is_none());
    assert_eq!(get(&header).unwrap(), "Bearer one");
    let runtime = runtime();
    let (read, versions) = (clock.read.load(Ordering::Relaxed), source.version_read.load(Ordering::Relaxed));
    let cost = allocation_counter::measure(|| {
        for _ in 0..500 {
            assert!(header.try_get().unwrap().is_sensitive());
        }
    });
    assert_eq!(cost.count_total, 0);
    for _ in 0..500 {
        assert_eq!(runtime.block_on(header.get()).unwrap(), "Bearer one");
    }
    assert_eq!(source.asked(), 1);
    assert_eq!(clock.read.load(Ordering::Relaxed) - read, 1000);
    assert_eq!(source.version_read.load(Ordering::Relaxed) - versions, 1000);
}

#[test]
fn a_new_version_is_seen_at_once() {
    let (source, clock, header) = fixture();
    get(&header).unwrap();
    source.publish(Ok(token("two", clock.boot() + Duration::from_secs(60))));
    assert!(header.try_get().is_none());
    assert_eq!(get(&header).unwrap(), "Bearer two");
    assert_eq!(source.asked(), 2);
}

#[test]
fn from_its_refresh_on_a_token_comes_from_the_source() {
    let (source, clock, header) = fixture();
    get(&header).unwrap();
    clock.time.advance(Duration::from_millis(499));
    assert!(header.try_get().is_some());
    clock.time.advance(Duration::from_millis(1));
    for asked in 2..5 {
        assert!(header.try_get().is_none());
        assert_eq!(get(&header).unwrap(), "Bearer one");
        assert_eq!(source.asked(), asked);
    }
}

#[test]
fn a_token_in_use_is_asked_for_once_a_second() {
    let clock = CountingClock::new();
    let source = Source::new(token("one", Duration::MAX / 2));
    let header = AuthorizationHeader::with_clock(Arc::clone(&source), clock.clone());
    for _ in 0..10 {
        for _ in 0..10 {
            get(&header).unwrap();
            clock.time.advance(Duration::from_millis(100));
        }
    }
    assert_eq!(source.asked(), 10);
}

#[test]
fn each_thread_has_its_own_copy() {
    let (source, _clock, header) = fixture();
    get(&header).unwrap();
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                assert!(header.try_get().is_none());
                get(&header).unwrap();
                assert_eq!(header.try_get().unwrap(), "Bearer one");
            });
        }
    });
    assert_eq!(source.asked(), 3);
}

#[test]
fn clones_share_a_copy_and_other_handles_do_not() {
    let (source, clock, header) = fixture();
    get(&header).unwrap();
    assert_eq!(header.clone().try_get().unwrap(), "Bearer one");
    assert!(AuthorizationHeader::with_clock(source, clock).try_get().is_none());
}

// Security: H11.
#[test]
fn many_handles_on_one_thread_never_see_each_others_token() {
    let clock = CountingClock::new();
    let handles: Vec<_> = (0..300)
        .map(|number| {
            let source = Source::new(token(&format!("token-{number}"), Duration::MAX / 2));
            AuthorizationHeader::with_clock(source, clock.clone())
        })
        .collect();
    for _ in 0..3 {
        for (number, header) in handles.iter().enumerate() {
            assert_eq!(get(header).unwrap(), format!("Bearer token-{number}").as_str());
        }
    }
}

#[test]
fn a_rejected_header_is_not_given_out_again_without_asking() {
    let (source, _clock, header) = fixture();
    let sent = get(&header).unwrap();
    header.reject(&sent);
    assert!(header.try_get().is_none());
    assert_eq!(*source.rejected.lock().unwrap(), [AccessToken::new("one").unwrap().fingerprint()]);
}

#[test]
fn a_late_rejection_leaves_the_new_header() {
    let (source, clock, header) = fixture();
    let old = get(&header).unwrap();
    source.publish(Ok(token("two", clock.boot() + Duration::from_secs(60))));
    get(&header).unwrap();
    header.reject(&old);
    assert_eq!(header.try_get().unwrap(), "Bearer two");
}

#[test]
fn a_failure_is_passed_on_and_not_kept() {
    let (source, clock, header) = fixture();
    source.publish(Err(Error::new(ErrorKind::Unreachable, "as.example.com cannot be reached")));
    assert_eq!(get(&header).unwrap_err().kind(), ErrorKind::Unreachable);
    source.publish(Ok(token("two", clock.boot() + Duration::from_secs(60))));
    assert_eq!(get(&header).unwrap(), "Bearer two");
}

// Security: H1.
#[test]
fn debug_shows_no_secret() {
    let (source, clock, header) = fixture();
    source.publish(Ok(token("canary", clock.boot() + Duration::from_secs(60))));
    let value = get(&header).unwrap();
    assert!(!format!("{header:?} {value:?} {source:?}").contains("canary"));
}
