use std::fmt;
use std::sync::Arc;

use butlr_auth_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::{Id, SessionKey, key::hex};

/// The stored format. A newer one is left untouched and refused.
const FORMAT: u32 = 2;

/// What a store keeps for one session: a version and a document that only the session reads.
///
/// Its bytes are one JSON object, `{"format":2,"key":{…},"write_id":"…","checksum":"…","record":{…}}`, the same in
/// every store. The checksum finds torn and flipped bytes; it is no signature. Clones share the document.
#[derive(Clone)]
pub struct Entry {
    write_id: Id,
    record: Arc<Zeroizing<String>>,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    format: u32,
    #[serde(borrow)]
    key: &'a RawValue,
    write_id: Id,
    checksum: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

impl Entry {
    /// No entry is stored in more bytes than this: 96 KiB, so that one of 64 KiB can be stored encrypted too.
    pub const MAX_LENGTH: usize = 96 * 1024;

    /// Makes an entry from its version and a JSON document.
    #[must_use]
    pub fn new(write_id: Id, record: impl Into<String>) -> Self {
        Self { write_id, record: Arc::new(Zeroizing::new(record.into())) }
    }

    /// Returns the version.
    #[must_use]
    pub fn write_id(&self) -> Id {
        self.write_id
    }

    /// Returns the JSON document. It holds secrets unless a store around the store has encrypted it.
    #[must_use]
    pub fn record(&self) -> &str {
        &self.record
    }

    /// Encodes the entry for a store.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] if it exceeds 96 KiB or its document is not JSON.
    pub fn to_bytes(&self, key: &SessionKey) -> Result<Zeroizing<Vec<u8>>, Error> {
        let unfit = |_| Error::new(ErrorKind::Storage, "a session record could not be encoded as JSON");
        let key_json = serde_json::to_string(key).map_err(unfit)?;
        let envelope = Envelope {
            format: FORMAT,
            key: serde_json::from_str(&key_json).map_err(unfit)?,
            write_id: self.write_id,
            checksum: checksum(&key_json, self.write_id, &self.record),
            record: serde_json::from_str(&self.record).map_err(unfit)?,
        };
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.record.len() + key_json.len() + 256));
        serde_json::to_writer(&mut *bytes, &envelope).map_err(unfit)?;
        if bytes.len() > Self::MAX_LENGTH {
            return Err(Error::new(ErrorKind::Storage, "a session record exceeds 96 KiB"));
        }
        Ok(bytes)
    }

    /// Decodes what a store holds under `key`.
    ///
    /// # Errors
    /// [`ErrorKind::CorruptRecord`] if it is not an entry, was damaged, or belongs to another session;
    /// [`ErrorKind::Unsupported`] if a newer version of this crate wrote it. No message shows any of it.
    pub fn from_bytes(key: &SessionKey, bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }

        let corrupt = |why: &str| Error::new(ErrorKind::CorruptRecord, format!("a session record {why}"));
        if bytes.len() > Self::MAX_LENGTH {
            return Err(corrupt("exceeds 96 KiB"));
        }
        let Format { format } = serde_json::from_slice(bytes).map_err(|_| corrupt("is not an entry"))?;
        if format > FORMAT {
            let message =
                format!("a session record has format {format}, newer than {FORMAT}: update this program");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        // The format before this one had keys without a purpose, under which nothing is looked for but to tell of it.
        if format == 0 || (format < FORMAT && key.purpose.is_some()) {
            return Err(corrupt("has a format that never was here"));
        }
        let envelope: Envelope<'_> = serde_json::from_slice(bytes).map_err(|_| corrupt("is not an entry"))?;
        if checksum(envelope.key.get(), envelope.write_id, envelope.record.get()) != envelope.checksum {
            return Err(corrupt("does not match its checksum"));
        }
        let owner: SessionKey =
            serde_json::from_str(envelope.key.get()).map_err(|_| corrupt("names no session"))?;
        if owner != *key {
            return Err(corrupt("belongs to another session"));
        }
        Ok(Self::new(envelope.write_id, envelope.record.get()))
    }
}

fn checksum(key: &str, write_id: Id, record: &str) -> String {
    let hash = Sha256::new()
        .chain_update((key.len() as u64).to_be_bytes())
        .chain_update(key)
        .chain_update(write_id.to_u128().to_be_bytes())
        .chain_update(record);
    hex(&hash.finalize())
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry {{ write_id: {}, record: [redacted] }}", self.write_id)
    }
}

#[cfg(test)]
mod tests;
