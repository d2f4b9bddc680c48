//! What a store may hold: an entry of ours, of a newer version, of somebody else, or nothing that ever was one.

use std::sync::Arc;

use async_trait::async_trait;
use butlr_auth_cache::{
    Durability, Entry, Id, Party, Promises, Reach, Session, SessionKey, Swap, TokenStore,
};
use butlr_auth_core::{Clock as _, Error, ErrorKind, ManualClock};

use crate::check_silent;
use crate::sessions::Server;

/// The input is a whole file, and then a record with an envelope of ours around it.
pub(crate) fn stored_entry(input: &[u8]) {
    let server = Server::default();
    let key = SessionKey::new(server.described(), Party::User, "default");
    match Entry::from_bytes(&key, input) {
        Ok(entry) => match entry.to_bytes(&key).and_then(|bytes| Entry::from_bytes(&key, &bytes)) {
            Ok(again) => assert!(again.write_id() == entry.write_id() && again.record() == entry.record()),
            Err(error) => panic!("an entry that was read is not written and read again: {error}"),
        },
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::CorruptRecord | ErrorKind::Unsupported), "{error}");
            check_silent(&format!("{error} {error:?}"));
        }
    }
    if let Ok(record) = std::str::from_utf8(input) {
        open(server, record);
    }
}

/// A session over this record gives a token that is valid, or a typed error; never a panic.
fn open(server: Server, record: &str) {
    let clock = ManualClock::new();
    let store = Arc::new(Fixed(Entry::new(Id::random(), record)));
    let session = Session::builder(server).store(store).clock(clock.clone()).open();
    let Ok(session) = session else { panic!("a session opens without reading") };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
    else {
        return;
    };
    runtime.block_on(async {
        if let Err(error) = session.status().await {
            check_silent(&format!("{error} {error:?}"));
        }
        if let Ok(token) = session.token().await {
            assert!(!token.is_over(clock.boot()), "an expired token");
        }
    });
}

/// Holds one entry and takes no other.
#[derive(Debug)]
struct Fixed(Entry);

#[async_trait]
impl TokenStore for Fixed {
    async fn load(&self, _: &SessionKey) -> Result<Option<Entry>, Error> {
        Ok(Some(self.0.clone()))
    }

    async fn compare_and_swap(&self, _: &SessionKey, _: Option<Id>, _: &Entry) -> Result<Swap, Error> {
        Err(Error::new(ErrorKind::Storage, "read-only"))
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Process, Reach::Process)
    }
}
