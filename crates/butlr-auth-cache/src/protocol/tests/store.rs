//! A token store reduced to its promises: a compare-and-swap on one ledger, perhaps a lock that dies with its holder,
//! and the ways in which both fail.

use std::collections::BTreeSet;

use butlr_auth_core::Fingerprint;

use crate::protocol::Ledger;

/// What a store cannot do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Outage {
    /// The disk is full, or read-only.
    Unwritable,
    Unreachable,
}

/// How a compare-and-swap ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Written {
    Swapped,
    Conflict,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Store {
    pub(super) ledger: Option<Ledger>,
    /// Which write `ledger` is from; 0 before the first.
    pub(super) version: u64,
    writes: u64,
    /// What a fail-over to a replica that lags by one write would bring back.
    replica: Option<(Ledger, u64)>,
    /// Whether it has a lock to hold over an exchange.
    pub(super) holds: bool,
    pub(super) holder: Option<usize>,
    pub(super) outage: Option<Outage>,
    /// Refresh tokens that were the current one at some time.
    durable: BTreeSet<Fingerprint>,
}

impl Store {
    pub(super) fn new(holds: bool) -> Self {
        Self {
            ledger: None,
            version: 0,
            writes: 0,
            replica: None,
            holds,
            holder: None,
            outage: None,
            durable: BTreeSet::new(),
        }
    }

    pub(super) fn is_readable(&self) -> bool {
        self.outage != Some(Outage::Unreachable)
    }

    pub(super) fn compare_and_swap(&mut self, expected: u64, next: &Ledger) -> Written {
        if self.outage.is_some() {
            return Written::Failed;
        }
        if self.version != expected {
            return Written::Conflict;
        }
        self.put(next.clone());
        Written::Swapped
    }

    /// Writes whatever is there, as a login and a logout do in the end.
    pub(super) fn put(&mut self, next: Ledger) {
        self.writes += 1;
        self.durable.extend(next.refresh.map(|refresh| refresh.fingerprint));
        let version = std::mem::replace(&mut self.version, self.writes);
        self.replica = self.ledger.replace(next).map(|lost| (lost, version));
    }

    /// Fails over to a replica that had not seen the last write. Whether there was one.
    pub(super) fn lose_the_last_write(&mut self) -> bool {
        let Some((ledger, version)) = self.replica.take() else { return false };
        let lost = self.ledger.replace(ledger).and_then(|lost| lost.refresh);
        self.version = version;
        let kept = self.ledger.as_ref().and_then(|ledger| ledger.refresh);
        if let Some(lost) = lost.filter(|lost| Some(*lost) != kept) {
            self.durable.remove(&lost.fingerprint);
        }
        true
    }

    /// Whether this refresh token has been stored as the current one.
    pub(super) fn has_kept(&self, refresh: Fingerprint) -> bool {
        self.durable.contains(&refresh)
    }
}
