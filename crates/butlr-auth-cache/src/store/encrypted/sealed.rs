use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use butlr_auth_core::{Error, ErrorKind, Fingerprint};
use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{EncryptionKey, EncryptionKeys, Entry, Id, SessionKey};

/// The one cipher so far; another name is refused as a newer version's.
const CIPHER: &str = "XChaCha20-Poly1305";

/// What every ciphertext is bound to first: the form in which the rest is bound.
const CONTEXT: &[u8] = b"butlr-auth session 1";

/// 192 bits: drawn at random for each write, no two are ever the same.
const NONCE: usize = 24;

const TAG: usize = 16;

/// What is stored in the place of a session's document.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    cipher: String,
    key_id: Fingerprint,
    /// Nonce, ciphertext and tag.
    sealed: String,
}

impl Sealed {
    /// Reads a stored document; `None` if it was never encrypted.
    pub(super) fn parse(document: &str) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct Cipher {
            cipher: String,
        }

        let Ok(Cipher { cipher }) = serde_json::from_str(document) else { return Ok(None) };
        if cipher != CIPHER {
            let message =
                "a session record is encrypted with a cipher of a newer version: update this program";
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        serde_json::from_str(document).map(Some).map_err(|_| corrupt("is encrypted in no known form"))
    }

    pub(super) fn seal(key: &EncryptionKey, session: &SessionKey, entry: &Entry) -> Result<Entry, Error> {
        let document = entry.record().as_bytes();
        let mut nonce = XNonce::default();
        crate::id::fill(&mut nonce);
        // Room for all of it at once: a buffer that grows leaves copies of the plaintext behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(NONCE + document.len() + TAG));
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(document);
        let (_, encrypted) = bytes.split_at_mut(NONCE);
        let bound = bound(key.id(), session, entry.write_id());
        let tag = cipher(key)
            .encrypt_in_place_detached(&nonce, &bound, encrypted)
            .map_err(|_| Error::new(ErrorKind::Storage, "a session record is too long to be encrypted"))?;
        bytes.extend_from_slice(&tag);
        let sealed =
            Self { cipher: CIPHER.to_owned(), key_id: key.id(), sealed: STANDARD_NO_PAD.encode(&*bytes) };
        let document = serde_json::to_string(&sealed).map_err(|_| {
            Error::new(ErrorKind::Storage, "an encrypted record could not be encoded as JSON")
        })?;
        Ok(Entry::new(entry.write_id(), document))
    }

    pub(super) fn open(
        &self,
        keys: &EncryptionKeys,
        session: &SessionKey,
        write_id: Id,
    ) -> Result<Entry, Error> {
        let key = keys.find(self.key_id).ok_or_else(|| {
            corrupt(&format!(
                "is encrypted with a key that is not here, {}: add it, or log in again",
                self.key_id
            ))
        })?;
        let damaged = || corrupt("was changed after it was encrypted, or belongs elsewhere");
        let mut bytes = Zeroizing::new(STANDARD_NO_PAD.decode(&self.sealed).map_err(|_| damaged())?);
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE).ok_or_else(damaged)?;
        let (encrypted, tag) =
            rest.len().checked_sub(TAG).and_then(|end| rest.split_at_mut_checked(end)).ok_or_else(damaged)?;
        cipher(key)
            .decrypt_in_place_detached(
                XNonce::from_slice(nonce),
                &bound(self.key_id, session, write_id),
                encrypted,
                Tag::from_slice(tag),
            )
            .map_err(|_| damaged())?;
        let document = str::from_utf8(encrypted).map_err(|_| damaged())?;
        Ok(Entry::new(write_id, document))
    }
}

fn cipher(key: &EncryptionKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(key.expose().into())
}

/// What a ciphertext is bound to. Each part has one length, or is a hash over parts with their lengths.
fn bound(key_id: Fingerprint, session: &SessionKey, write_id: Id) -> Vec<u8> {
    let (key_id, session, write_id) =
        (key_id.to_string(), session.digest(), write_id.to_u128().to_be_bytes());
    let parts: [&[u8]; 4] = [CONTEXT, key_id.as_bytes(), session.as_bytes(), &write_id];
    parts
        .iter()
        .flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.iter().copied()))
        .collect()
}

fn corrupt(why: &str) -> Error {
    Error::new(ErrorKind::CorruptRecord, format!("a session record {why}"))
}
