//! How often a session goes to its store at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use butlr_auth_cache::{Entry, Hold, Id, MemoryStore, Promises, Session, SessionKey, Swap, TokenStore};
use butlr_auth_core::{Error, Grant, ManualClock, Password};

use super::super::figure::{Report, Unit};
use super::super::issuer::Issuer;
use super::LIFETIME;

/// Counts what a session asks of its store.
#[derive(Clone, Debug, Default)]
struct Counted {
    inner: MemoryStore,
    calls: Arc<[AtomicUsize; 2]>,
}

impl Counted {
    /// Loads and writes since the last time.
    fn take(&self) -> [f64; 2] {
        [0, 1].map(|which| {
            self.calls.get(which).map_or(0.0, |calls: &AtomicUsize| calls.swap(0, Ordering::SeqCst) as f64)
        })
    }

    fn count(&self, which: usize) {
        if let Some(calls) = self.calls.get(which) {
            calls.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[async_trait]
impl TokenStore for Counted {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        self.count(0);
        self.inner.load(key).await
    }

    async fn compare_and_swap(&self, key: &SessionKey, old: Option<Id>, new: &Entry) -> Result<Swap, Error> {
        self.count(1);
        self.inner.compare_and_swap(key, old, new).await
    }

    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        self.inner.hold(key).await
    }
}

/// A person's session: its renewals, and a minute with a get every hundredth of a second.
pub(super) async fn calls(report: &mut Report) -> Result<()> {
    const SECONDS: u64 = 60;

    let (store, clock) = (Counted::default(), ManualClock::new());
    let session =
        Session::builder(Issuer::new(LIFETIME)?).store(store.clone()).clock(clock.clone()).open()?;
    session.login(&Grant::password("ada", Password::new("secret")?)).await?;
    store.take();
    session.renew().await?;
    session.shutdown().await;
    let [loads, writes] = store.take();
    report.count_at_most("loads of a renewal", loads, 1.0);
    report.count_at_most("writes of a renewal", writes, 2.0);
    for _ in 0..SECONDS * 100 {
        session.token().await?;
        clock.advance(Duration::from_millis(10));
        tokio::task::yield_now().await;
    }
    session.shutdown().await;
    let [loads, writes] = store.take();
    report.count_at_most("6,000 fresh gets in a minute: loads", loads, (SECONDS / 5) as f64);
    report.count_at_most("6,000 fresh gets in a minute: writes", writes, 0.0);
    report.shown("gets per load", (SECONDS * 100) as f64 / loads.max(1.0), Unit::Count);
    Ok(())
}
