use std::sync::Arc;

use butlr_auth_core::{ClientId, Error};

use crate::{Entry, Hold, Id, Party, SessionKey, Swap, TokenStore};

/// What a check found: nothing to say, or what was wrong.
pub(super) type Checked<T = ()> = Result<T, String>;

/// A store under test: two handles on the same place.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) first: Handle,
    pub(super) second: Handle,
}

impl Subject {
    pub(super) async fn new<S: TokenStore + 'static>(open: &impl AsyncFn() -> S) -> Self {
        Self { first: Handle::new(open().await), second: Handle::new(open().await) }
    }

    /// The handles in turn.
    pub(super) fn handle(&self, number: usize) -> &Handle {
        if number.is_multiple_of(2) { &self.first } else { &self.second }
    }
}

/// One handle, whose failures are sentences.
#[derive(Clone, Debug)]
pub(super) struct Handle(Arc<dyn TokenStore>);

impl Handle {
    pub(super) fn new(store: impl TokenStore + 'static) -> Self {
        Self(Arc::new(store))
    }

    pub(super) fn store(&self) -> &dyn TokenStore {
        &*self.0
    }

    pub(super) async fn load(&self, key: &SessionKey) -> Checked<Option<Entry>> {
        self.0.load(key).await.map_err(|error| failed("load", &error))
    }

    pub(super) async fn swap(&self, key: &SessionKey, expected: Option<Id>, entry: &Entry) -> Checked<Swap> {
        let swapped = self.0.compare_and_swap(key, expected, entry).await;
        swapped.map_err(|error| failed("compare_and_swap", &error))
    }

    /// Writes what nobody competes with.
    pub(super) async fn write(&self, key: &SessionKey, expected: Option<Id>, entry: &Entry) -> Checked {
        match self.swap(key, expected, entry).await? {
            Swap::Swapped => Ok(()),
            Swap::Conflict => Err("a write that named the stored version met a conflict".to_owned()),
        }
    }

    pub(super) async fn hold(&self, key: &SessionKey) -> Checked<Hold> {
        self.0.hold(key).await.map_err(|error| failed("hold", &error))
    }

    /// Adds one to the counter that a session's document is here. A failed write may have happened: its id tells.
    pub(super) async fn increment(&self, key: &SessionKey) -> Checked {
        loop {
            let stored = self.load(key).await?;
            let count = stored.as_ref().map_or(Ok(0), count)?;
            let next = Entry::new(Id::random(), (count + 1).to_string());
            match self.0.compare_and_swap(key, stored.map(|entry| entry.write_id()), &next).await {
                Ok(Swap::Swapped) => return Ok(()),
                Ok(Swap::Conflict) => {}
                Err(error) if error.is_transient() => {
                    if self.load(key).await?.is_some_and(|entry| entry.write_id() == next.write_id()) {
                        return Ok(());
                    }
                }
                Err(error) => return Err(failed("compare_and_swap", &error)),
            }
        }
    }
}

fn failed(call: &str, error: &Error) -> String {
    let mut message = format!("{call} failed: {error}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    message
}

/// Reads a counter.
pub(super) fn count(entry: &Entry) -> Checked<u64> {
    entry.record().parse().map_err(|_| format!("a counter came back as {:?}", entry.record()))
}

/// A key under which nobody has stored anything yet.
pub(super) fn new_key() -> SessionKey {
    key_named(&Id::random().to_string())
}

pub(super) fn key_named(name: &str) -> SessionKey {
    SessionKey {
        provider_id: "conformance".to_owned(),
        client_id: ClientId::new("conformance"),
        party: Party::User,
        name: name.to_owned(),
        purpose: None,
    }
}

pub(super) fn new_entry(document: &str) -> Entry {
    Entry::new(Id::random(), document)
}

/// An entry and where it was put.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) key: SessionKey,
    pub(super) entry: Entry,
}

impl Written {
    pub(super) async fn is_in<S: TokenStore>(&self, store: &S) -> Checked {
        let found = store.load(&self.key).await.map_err(|error| failed("load", &error))?;
        same(found.as_ref(), &self.entry)
    }
}

/// Compares version and document; the message shows lengths, since a long document says little.
pub(super) fn same(found: Option<&Entry>, wanted: &Entry) -> Checked {
    let Some(found) = found else { return Err("a stored entry loads as none".to_owned()) };
    if found.write_id() != wanted.write_id() {
        return Err(format!("version {} was stored, {} is loaded", wanted.write_id(), found.write_id()));
    }
    if found.record() != wanted.record() {
        let (wanted, found) = (wanted.record(), found.record());
        let equal = wanted.bytes().zip(found.bytes()).take_while(|(a, b)| a == b).count();
        return Err(format!(
            "a document of {} bytes comes back with {} bytes, different from byte {equal} on",
            wanted.len(),
            found.len()
        ));
    }
    Ok(())
}
