use std::path::{Path, PathBuf};
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use keyring_core::Entry;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::error::Error as Failure;
use tokio::sync::oneshot;
use zbus_secret_service_keyring_store::Store;
use zeroize::Zeroizing;

use super::{EncryptionKey, not_a_key};
use crate::store::directory::Directory;
use crate::store::lock::Lock;

/// How long a keyring may take to answer, a person who unlocks it included: 3 s.
const DEADLINE: Duration = Duration::from_secs(3);

impl EncryptionKey {
    /// Reads a key from the keyring of the person who is logged in to this machine. Feature `keyring`, on Linux and
    /// the BSDs: whatever answers as the Secret Service of the session bus (GNOME Keyring, `KWallet`, `KeePassXC`).
    ///
    /// `service` and `user` name the entry, as other programs see it; its value is the key as text.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no such entry, several, or one that holds no key;
    /// [`ErrorKind::Storage`] if there is no keyring, it is locked, or it goes away meanwhile;
    /// [`ErrorKind::Busy`] if it has not answered after 3 s. The messages name what mends it.
    ///
    /// # Deadlines and cancellation
    /// The keyring is asked on a thread of its own, which nothing waits for longer than that: neither the caller nor
    /// the end of the runtime.
    pub async fn from_keyring(service: &str, user: &str) -> Result<Self, Error> {
        let name = Name::new(service, user);
        within_deadline(move || {
            let entry = name.open()?;
            name.read(&entry)?.ok_or_else(|| {
                let message = format!("the keyring has no entry {name}: log in anew, or name the right one");
                Error::new(ErrorKind::Configuration, message)
            })
        })
        .await
    }

    /// Reads a key from the keyring, which gets an entry with a new key if it has none.
    ///
    /// Of several processes that do this at once one makes the key and all return it: whoever makes it holds a lock
    /// file in `folder`, which is that of the sessions that the key is for, this user's alone (mode 0700), and made
    /// if it is missing. An entry that is there and cannot be read is an error and is never replaced.
    ///
    /// # Errors
    /// As [`from_keyring`](Self::from_keyring), but for an entry that is missing; also
    /// [`ErrorKind::Configuration`] if others may enter the folder.
    pub async fn from_keyring_or_create(
        service: &str,
        user: &str,
        folder: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        let (name, folder) = (Name::new(service, user), folder.as_ref().to_owned());
        within_deadline(move || name.read_or_create(folder)).await
    }
}

/// Runs a call that nobody can interrupt. A blocking task of the runtime would keep the runtime's end waiting.
async fn within_deadline(
    work: impl FnOnce() -> Result<EncryptionKey, Error> + Send + 'static,
) -> Result<EncryptionKey, Error> {
    let (sender, receiver) = oneshot::channel();
    let started = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        // Whoever asked may have left.
        drop(sender.send(work()));
    });
    started
        .map_err(|error| Error::new(ErrorKind::Storage, "no thread to ask the keyring").with_source(error))?;
    match tokio::time::timeout(DEADLINE, receiver).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(Error::new(ErrorKind::Storage, "the keyring's client failed")),
        Err(_) => Err(Error::new(
            ErrorKind::Busy,
            "the keyring has not answered for 3 s: unlock it, end its dialogue or restart it, or choose another store",
        )),
    }
}

/// What an entry is filed under.
struct Name {
    service: String,
    user: String,
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {:?}", self.user, self.service)
    }
}

impl Name {
    fn new(service: &str, user: &str) -> Self {
        Self { service: service.to_owned(), user: user.to_owned() }
    }

    fn open(&self) -> Result<Entry, Error> {
        let store = Store::new().map_err(|error| self.failed("be reached", error))?;
        store.build(&self.service, &self.user, None).map_err(|error| self.failed("be asked", error))
    }

    fn read(&self, entry: &Entry) -> Result<Option<EncryptionKey>, Error> {
        let bytes = match entry.get_secret() {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(Failure::NoEntry) => return Ok(None),
            Err(error) => return Err(self.failed("be read", error)),
        };
        let text = str::from_utf8(&bytes).unwrap_or_default();
        let key = EncryptionKey::from_text(text)
            .map_err(|_| not_a_key(&format!("the entry {self} of the keyring")))?;
        Ok(Some(key))
    }

    fn read_or_create(&self, folder: PathBuf) -> Result<EncryptionKey, Error> {
        let entry = self.open()?;
        if let Some(key) = self.read(&entry)? {
            return Ok(key);
        }
        let directory = Directory::open(folder)?;
        let _lock = Lock::wait(&directory, "keyring.lock")?;
        if let Some(key) = self.read(&entry)? {
            return Ok(key);
        }
        let new = EncryptionKey::generate();
        entry.set_secret(new.to_text().as_bytes()).map_err(|error| self.failed("be written", error))?;
        // Some keyrings keep nothing, and one that was replaced meanwhile kept it elsewhere.
        match self.read(&entry)? {
            Some(kept) if kept.id() == new.id() => Ok(kept),
            _ => Err(Error::new(ErrorKind::Storage, "the keyring does not keep what it takes")),
        }
    }

    fn failed(&self, what: &str, error: Failure) -> Error {
        match error {
            Failure::NoStorageAccess(why) => {
                let message = format!("the keyring cannot {what}, it is locked ({why}): unlock it");
                Error::new(ErrorKind::Storage, message)
            }
            Failure::PlatformFailure(why) => {
                let message = format!(
                    "the keyring cannot {what} ({why}): start one on the session's bus \
                     (DBUS_SESSION_BUS_ADDRESS), or choose another store"
                );
                Error::new(ErrorKind::Storage, message)
            }
            Failure::Ambiguous(entries) => Error::new(
                ErrorKind::Configuration,
                format!("the keyring has {} entries {self}: delete all but the right one", entries.len()),
            ),
            // The others may hold what they found: they are not passed on.
            _ => Error::new(ErrorKind::Storage, format!("the keyring cannot {what}")),
        }
    }
}
