use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use butlr_auth_core::Error;

use crate::{Durability, Entry, Guard, Hold, Id, Promises, Reach, SessionKey, Swap, TokenStore};

/// Keeps sessions in this process. **They end with it.** Clones share their content.
///
/// For tests, and for client credentials, where a lost token costs one request. A person's login in here is a
/// login after every restart.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<HashMap<SessionKey, Slot>>>);

#[derive(Debug, Default)]
struct Slot {
    entry: Option<Entry>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<SessionKey, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenStore for MemoryStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        Ok(self.slots().get(key).and_then(|slot| slot.entry.clone()))
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let mut slots = self.slots();
        let slot = slots.entry(key.clone()).or_default();
        if slot.entry.as_ref().map(Entry::write_id) != expected {
            return Ok(Swap::Conflict);
        }
        slot.entry = Some(entry.clone());
        Ok(Swap::Swapped)
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Process, Reach::Process)
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let lock = self.slots().entry(key.clone()).or_default().lock.clone();
        Ok(lock.try_lock_owned().map_or(Hold::Busy, |held| Hold::Held(Guard::new(held))))
    }
}
