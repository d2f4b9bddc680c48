//! What a flight asks of the store.

use std::sync::atomic::Ordering;
use std::time::Duration;

use butlr_auth_core::Error;

use super::Flight;
use crate::protocol::{Input, Ledger};
use crate::record::Record;
use crate::store::holder;
use crate::{Hold, Id, Swap};

/// Whoever has not seen the record for longer than this has not seen its lease stand still: the store may have been
/// out of everybody's reach, the holder's included. Half of how long a lease lasts.
const SIGHT: Duration = Duration::from_secs(3);

impl Flight {
    pub(super) async fn load(&mut self) -> Input {
        match self.shared.read().await {
            Ok(read) => {
                let now = self.shared.setup.clock.boot();
                let last = std::mem::replace(&mut self.read_at, now);
                if now.saturating_sub(last) > SIGHT {
                    self.attempt.watched = None;
                }
                let version = self.shared.version.load(Ordering::Acquire);
                self.shared.adopt(read.as_ref().map(|(_, record)| record));
                self.tell_of_change_since(version);
                self.version = read.as_ref().map(|(entry, _)| entry.write_id());
                let ledger = read.map(|(_, record)| {
                    let ledger = record.ledger.clone();
                    self.remember(record);
                    Box::new(ledger)
                });
                Input::Loaded(ledger)
            }
            Err(error) => {
                self.attempt.watched = None;
                self.error = Some(error);
                Input::LoadFailed
            }
        }
    }

    /// Takes over a stored record without losing secrets that only this process has.
    fn remember(&mut self, record: Record) {
        let mine = std::mem::replace(&mut self.record, record);
        // What two maps have under one fingerprint is the same secret.
        self.record.refresh_tokens.extend(mine.refresh_tokens);
        self.record.access_tokens.extend(mine.access_tokens);
    }

    pub(super) async fn hold(&mut self) -> Input {
        match self.shared.setup.store.hold(&self.shared.key()).await {
            Ok(Hold::Held(guard)) => {
                self.guard = Some(guard);
                Input::Held
            }
            Ok(Hold::Busy) => Input::HoldBusy,
            Ok(_) => Input::HoldUnsupported,
            Err(error) => {
                self.error = Some(error);
                Input::HoldFailed
            }
        }
    }

    pub(super) async fn swap(&mut self, next: Ledger) -> Input {
        match self.write(next).await {
            Ok(true) => Input::Swapped,
            Ok(false) => Input::Conflict,
            Err(error) => {
                self.error = Some(error);
                Input::SwapFailed
            }
        }
    }

    /// One compare-and-swap; after a doubtful one, a load tells by the write id whether it happened.
    pub(super) async fn write(&mut self, next: Ledger) -> Result<bool, Error> {
        let (store, key) = (&self.shared.setup.store, &self.shared.key());
        let write_id = Id::random();
        if let Some(reason) = &self.reason {
            self.record.reason = Some(Box::new(reason.clone()));
        }
        if self.guard.is_none() && next.lease.is_some_and(|lease| lease.owner == self.shared.owner) {
            let signature = self.signature.get_or_insert_with(|| holder::signature().into_boxed_str());
            self.record.holder = Some(signature.clone());
        }
        let entry = self.record.with_ledger(next).encode(write_id)?;
        let swapped = match store.compare_and_swap(key, self.version, &entry).await {
            Ok(swap) => swap == Swap::Swapped,
            Err(doubt) => match store.load(key).await {
                Ok(Some(stored)) if stored.write_id() == write_id => true,
                Ok(stored) if stored.as_ref().map(crate::Entry::write_id) != self.version => false,
                _ => return Err(doubt),
            },
        };
        if swapped {
            self.version = Some(write_id);
        }
        Ok(swapped)
    }
}
