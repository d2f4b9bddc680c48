use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use butlr_auth_core::{Scope, Token};
use hashbrown::HashTable;

use crate::Session;

/// More would not be less contended, with as many cores as there are.
const MOST_SHARDS: usize = 64;

/// A shard that is smaller is not worth its lock, and evicts in a coarser order.
const SMALLEST_SHARD: usize = 256;

/// How often a shard is searched for sessions that have ended, when sessions are opened: 1 minute.
const SWEEP: Duration = Duration::from_secs(60);

/// All open sessions by identity: many small tables, so that nobody waits for somebody else's lookup.
///
/// Every handle on a session that is in here is a clone that was made under its shard's lock. So whoever has that lock
/// and sees one reference knows that nobody else has the session, nor will.
pub(super) struct Shards {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    capacity: usize,
    len: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    table: HashTable<Slot>,
    swept_at: Duration,
    /// With fewer sessions than this the last search for an idle one has found none.
    full_below: usize,
}

struct Slot {
    hash: u64,
    session: Session,
    used_at: Duration,
}

/// The identity that is looked for.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) scope: &'a Scope,
}

impl Shards {
    pub(super) fn new(capacity: usize) -> Self {
        let shards = (capacity / SMALLEST_SHARD).next_power_of_two().clamp(1, MOST_SHARDS);
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            capacity,
            len: AtomicUsize::new(0),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self, wanted: &Wanted<'_>, now: Duration) -> Option<Session> {
        let hash = self.hash(wanted);
        let mut shard = self.shard(hash)?;
        let slot = shard.table.find_mut(hash, |slot| slot.is(hash, wanted))?;
        slot.used_at = now;
        Some(slot.session.clone())
    }

    /// The token of a session that needs nothing but to hand it out.
    pub(super) fn fresh(&self, wanted: &Wanted<'_>, now: Duration) -> Option<Token> {
        let hash = self.hash(wanted);
        let mut shard = self.shard(hash)?;
        let slot = shard.table.find_mut(hash, |slot| slot.is(hash, wanted))?;
        slot.used_at = now;
        slot.session.fresh(now)
    }

    /// Puts `session` in, unless another one is there meanwhile, and returns the one that is.
    pub(super) fn insert(&self, wanted: &Wanted<'_>, session: Session, now: Duration) -> Session {
        let hash = self.hash(wanted);
        let Some(mut shard) = self.shard(hash) else { return session };
        if let Some(slot) = shard.table.find_mut(hash, |slot| slot.is(hash, wanted)) {
            slot.used_at = now;
            return slot.session.clone();
        }
        let mine = session.clone();
        shard.table.insert_unique(hash, Slot { hash, session, used_at: now }, |slot| slot.hash);
        let len = self.len.fetch_add(1, Ordering::Relaxed) + 1;
        let mut closed = Vec::new();
        if now.saturating_sub(shard.swept_at) >= SWEEP {
            shard.swept_at = now;
            closed = shard.take_ended(now);
        }
        let excess = len.saturating_sub(closed.len()).saturating_sub(self.capacity);
        if excess > 0 {
            closed.append(&mut shard.take_least_recently_used(excess));
        }
        self.len.fetch_sub(closed.len(), Ordering::Relaxed);
        drop(shard);
        // Without the lock: secrets are wiped, and what an endpoint does when it goes is its own affair.
        drop(closed);
        mine
    }

    pub(super) fn sweep(&self, now: Duration) -> usize {
        let mut swept = 0;
        for shard in &self.shards {
            let closed = lock(shard).take_ended(now);
            self.len.fetch_sub(closed.len(), Ordering::Relaxed);
            swept += closed.len();
        }
        swept
    }

    /// The sessions that have something under way.
    pub(super) fn busy(&self) -> Vec<Session> {
        let busy = |shard: &Mutex<Shard>| -> Vec<Session> {
            let shard = lock(shard);
            shard
                .table
                .iter()
                .map(|slot| &slot.session)
                .filter(|session| session.is_busy())
                .cloned()
                .collect()
        };
        self.shards.iter().flat_map(busy).collect()
    }

    fn hash(&self, wanted: &Wanted<'_>) -> u64 {
        self.hasher.hash_one((wanted.name, wanted.scope))
    }

    /// By bits of the hash that the tables do not look at: these take the lowest and the highest ones.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard>> {
        let at = usize::try_from(hash >> 32).unwrap_or_default() & (self.shards.len() - 1);
        self.shards.get(at).map(lock)
    }
}

impl Shard {
    /// Takes out what is idle and has no token to lose.
    fn take_ended(&mut self, now: Duration) -> Vec<Session> {
        let ended =
            self.table.extract_if(|slot| slot.session.is_unreferenced() && slot.session.has_ended(now));
        let ended = ended.map(|slot| slot.session).collect();
        self.table.shrink_to(self.table.len() * 2, |slot| slot.hash);
        ended
    }

    /// Takes out the `excess` idle sessions that were used the longest ago, and some more, so that not every insertion
    /// has to search. If all are in use, the next search waits until the shard has grown by a quarter.
    fn take_least_recently_used(&mut self, excess: usize) -> Vec<Session> {
        if self.table.len() < self.full_below {
            return Vec::new();
        }
        let mut idle: Vec<Duration> = (self.table.iter())
            .filter(|slot| slot.session.is_unreferenced())
            .map(|slot| slot.used_at)
            .collect();
        let wanted = excess.max(self.table.len() / 64).min(idle.len());
        let Some(last) = wanted.checked_sub(1) else {
            self.full_below = self.table.len() + self.table.len() / 4;
            return Vec::new();
        };
        self.full_below = 0;
        let (_, until, _) = idle.select_nth_unstable(last);
        let until = *until;
        let mut left = wanted;
        let old = self.table.extract_if(|slot| {
            let goes = left > 0 && slot.used_at <= until && slot.session.is_unreferenced();
            left -= usize::from(goes);
            goes
        });
        old.map(|slot| slot.session).collect()
    }
}

impl Slot {
    fn is(&self, hash: u64, wanted: &Wanted<'_>) -> bool {
        self.hash == hash && self.session.is(wanted.name, wanted.scope)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
