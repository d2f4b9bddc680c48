use async_trait::async_trait;
use butlr_auth_core::Error;

use crate::{Durability, Entry, Id, Promises, Reach, SessionKey, Swap, TokenStore};

/// Keeps nothing: for the sessions of clients that ask again by themselves, whose token lives in the session alone.
#[derive(Debug)]
pub(crate) struct Unstored(());

impl Unstored {
    pub(crate) fn new() -> Self {
        Self(())
    }
}

#[async_trait]
impl TokenStore for Unstored {
    async fn load(&self, _: &SessionKey) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    async fn compare_and_swap(&self, _: &SessionKey, _: Option<Id>, _: &Entry) -> Result<Swap, Error> {
        Ok(Swap::Swapped)
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Process, Reach::Process)
    }
}
