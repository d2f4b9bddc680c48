//! A token that nobody knows the end of, once a resource server has refused it.

use std::sync::Arc;

use butlr_auth_core::{Error, Fingerprint};

use super::Shared;
use super::login::TRIES;
use crate::Event;
use crate::protocol::{LoginReason, State};

impl Shared {
    /// Writes a refusal down, so that no process hands the token out again: nothing else ends it.
    pub(super) fn remember_refusal(self: &Arc<Self>, refused: Fingerprint) {
        let shared = Arc::clone(self);
        // Without a runtime the refusal holds in this process alone.
        let _ = self.spawn(async move {
            if let Err(error) = shared.refuse(refused).await {
                tracing::debug!(session = &*shared.name, %error, "a refused token could not be marked");
            }
        });
    }

    async fn refuse(&self, refused: Fingerprint) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Some((entry, mut record)) = self.read().await? else { return Ok(()) };
            let refresh = record.ledger.refresh.map(|refresh| refresh.fingerprint);
            let issued = record.ledger.access.get(&self.token_key());
            let is_it =
                issued.is_some_and(|issued| issued.fingerprint == refused && issued.lifetime.end().is_none());
            let renews_itself = self.can_renew() && refresh.is_some();
            if !is_it || renews_itself || record.ledger.state != State::Active {
                return Ok(());
            }
            let mut ledger = record.ledger.clone();
            let ours = self.token_key();
            ledger.access.retain(|key, _| *key != ours);
            ledger.state = State::NeedsLogin {
                fingerprint: refresh,
                why: LoginReason::TokenRefused,
                since: self.setup.clock.now(),
            };
            record = record.with_ledger(ledger);
            if self.replace(Some(&entry), &record).await? {
                self.adopt(Some(&record));
                self.emit(Event::LoginRequired);
                return Ok(());
            }
        }
        Ok(())
    }
}
