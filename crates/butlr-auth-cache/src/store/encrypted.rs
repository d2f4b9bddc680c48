mod sealed;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind};

use self::sealed::Sealed;
use super::milliseconds_since_1970;
use crate::{EncryptionKeys, Entry, Hold, Id, Promises, SessionKey, Swap, TokenStore};

/// No document is longer: 64 KiB, which take 87 KiB when they are encrypted.
const MAX_DOCUMENT: usize = 64 * 1024;

/// Encrypts what a store keeps: around any [`TokenStore`], with XChaCha20-Poly1305. Feature `encrypted`.
///
/// The store, its backups and whoever reads them see ciphertext in the place of the session's document: no token, no
/// subject, no scope. In the clear stays what stores work with: the session's key (provider id, client id, name), the
/// version, the key's id, when and how much was written. Each ciphertext is bound to its key, session and version, so
/// that none can be changed or put in another's place unnoticed. Only a whole entry that was valid once can be put
/// back by somebody who can write to the store.
///
/// What cannot be decrypted is [`ErrorKind::CorruptRecord`] and stays as it is, so that a process with the wrong key
/// spoils nothing. A login goes on over it: then it is kept under the session's name with `.corrupt-TIME` behind it.
///
/// Promises and `hold` are those of the store inside.
///
/// ```
/// # #[cfg(unix)]
/// # fn example(folder: &std::path::Path) -> Result<(), butlr_auth_core::Error> {
/// use butlr_auth_cache::{Encrypted, EncryptionKey, FileStore};
///
/// let key = EncryptionKey::from_file_or_create(folder.join("key"))?;
/// let store = Encrypted::new(FileStore::open(folder.join("sessions"))?, key);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Encrypted<S> {
    store: S,
    keys: EncryptionKeys,
    plain_is_read: bool,
}

impl<S: TokenStore> Encrypted<S> {
    /// Encrypts what `store` keeps.
    #[must_use]
    pub fn new(store: S, keys: impl Into<EncryptionKeys>) -> Self {
        Self { store, keys: keys.into(), plain_is_read: false }
    }

    /// Reads sessions that were stored before there was a key, too; each is encrypted when it is next written.
    ///
    /// For as long as this is on, somebody who can write to the store can put a session of his own there: leave it out
    /// again when all sessions have been renewed.
    #[must_use]
    pub fn read_plain(mut self) -> Self {
        self.plain_is_read = true;
        self
    }

    fn open(&self, key: &SessionKey, stored: &Entry) -> Result<Entry, Error> {
        match Sealed::parse(stored.record())? {
            Some(sealed) => sealed.open(&self.keys, key, stored.write_id()),
            None if self.plain_is_read => Ok(stored.clone()),
            None => {
                let message =
                    "a session is stored unencrypted: allow that with `read_plain`, or log out and in";
                Err(Error::new(ErrorKind::Configuration, message))
            }
        }
    }

    /// Takes the place of an entry that cannot be decrypted, which is kept under another name.
    async fn replace_unreadable(&self, key: &SessionKey, entry: &Entry) -> Result<Swap, Error> {
        let Some(stored) = self.store.load(key).await? else { return Ok(Swap::Conflict) };
        match self.open(key, &stored) {
            Err(error) if error.kind() == ErrorKind::CorruptRecord => {}
            _ => return Ok(Swap::Conflict),
        }
        let mut aside = key.clone();
        aside.name = format!("{}.corrupt-{}", key.name, milliseconds_since_1970());
        match self.store.compare_and_swap(&aside, None, &stored).await? {
            Swap::Swapped => self.store.compare_and_swap(key, Some(stored.write_id()), entry).await,
            Swap::Conflict => Ok(Swap::Conflict),
        }
    }
}

#[async_trait]
impl<S: TokenStore> TokenStore for Encrypted<S> {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        let stored = self.store.load(key).await?;
        stored.map(|stored| self.open(key, &stored)).transpose()
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        if entry.record().len() > MAX_DOCUMENT {
            return Err(Error::new(ErrorKind::Storage, "a session record exceeds 64 KiB"));
        }
        let sealed = Sealed::seal(self.keys.current(), key, entry)?;
        match self.store.compare_and_swap(key, expected, &sealed).await? {
            Swap::Conflict if expected.is_none() => self.replace_unreadable(key, &sealed).await,
            swap => Ok(swap),
        }
    }

    fn promises(&self) -> Promises {
        self.store.promises()
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        self.store.hold(key).await
    }

    fn holder(&self, key: &SessionKey) -> Option<String> {
        self.store.holder(key)
    }

    fn set_aside(&self, key: &SessionKey) -> Option<String> {
        self.store.set_aside(key)
    }
}

#[cfg(test)]
mod tests;
