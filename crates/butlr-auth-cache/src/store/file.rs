use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind};

use crate::{Durability, Entry, Guard, Hold, Id, Promises, Reach, SessionKey, Swap, TokenStore};

mod directory;

use directory::Directory;

/// How long a compare-and-swap waits for another one on the same session.
const LOCK_DEADLINE: Duration = Duration::from_secs(5);

/// How often it tries.
const LOCK_POLL: Duration = Duration::from_millis(2);

/// No entry is longer than 64 KiB; one byte more tells that a file is.
const READ_LIMIT: u64 = 64 * 1024 + 1;

/// Keeps each session in a file of its own, shared by every process of this host.
///
/// The folder is made with mode 0700 and the files with 0600, at opening. Whatever is looser, a link, a FIFO or
/// somebody else's is refused before anything is read or written. A write goes to a temporary file, is synced, and
/// renamed over the old one, and the folder is synced: after a crash there is the old or the new record, never a
/// mixture. Two lock files that are never deleted stand beside each session: `.lock` around a write, `.lease` around
/// an exchange. The kernel frees both when their holder dies.
///
/// A file that cannot be read as a record is renamed to `….corrupt-TIME` and reported once; one of a newer format is
/// left as it is and refused. File locks are advisory and may not reach across network file systems: use a database
/// for several hosts.
#[derive(Clone, Debug)]
pub struct FileStore(Arc<Directory>);

impl FileStore {
    /// Keeps sessions in `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the folder belongs to somebody else or others may enter it,
    /// [`ErrorKind::Storage`] if it cannot be made or opened.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        Directory::open(directory.into()).map(|directory| Self(Arc::new(directory)))
    }

    /// Keeps sessions in the user's own state folder: `$XDG_STATE_HOME/butlr-auth/sessions`, else
    /// `~/.local/state/butlr-auth/sessions`. The command line's sessions are there too.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if neither `XDG_STATE_HOME` nor `HOME` is an absolute path; else as
    /// [`open`](Self::open).
    pub fn user() -> Result<Self, Error> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .ok_or_else(|| {
                Error::new(ErrorKind::Configuration, "neither XDG_STATE_HOME nor HOME is an absolute path")
            })?;
        Self::open(state.join("butlr-auth/sessions"))
    }

    /// Returns the folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Directory) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let directory = Arc::clone(&self.0);
        let worked = tokio::task::spawn_blocking(move || work(&directory)).await;
        worked.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Storage, "the runtime ended during a file operation"))
        })
    }
}

#[async_trait]
impl TokenStore for FileStore {
    async fn load(&self, key: &SessionKey) -> Result<Option<Entry>, Error> {
        let key = key.clone();
        self.blocking(move |directory| load(directory, &key)).await
    }

    async fn compare_and_swap(
        &self,
        key: &SessionKey,
        expected: Option<Id>,
        entry: &Entry,
    ) -> Result<Swap, Error> {
        let (key, entry) = (key.clone(), entry.clone());
        self.blocking(move |directory| {
            let name = key.digest();
            let _lock = lock(directory, &format!("{name}.lock"))?;
            if load(directory, &key)?.map(|stored| stored.write_id()) != expected {
                return Ok(Swap::Conflict);
            }
            replace(directory, &format!("{name}.json"), &entry.to_bytes(&key)?)?;
            Ok(Swap::Swapped)
        })
        .await
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Disk, Reach::Host)
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let name = format!("{}.lease", key.digest());
        self.blocking(move |directory| {
            Ok(match try_lock(directory, &name)? {
                Some(file) => Hold::Held(Guard::new(file)),
                None => Hold::Busy,
            })
        })
        .await
    }
}

fn load(directory: &Directory, key: &SessionKey) -> Result<Option<Entry>, Error> {
    let name = format!("{}.json", key.digest());
    let Some(file) = directory.open_file(&name)? else { return Ok(None) };
    let mut bytes =
        zeroize::Zeroizing::new(Vec::with_capacity(usize::try_from(READ_LIMIT).unwrap_or_default()));
    file.take(READ_LIMIT).read_to_end(&mut bytes).map_err(|error| directory.failed("read", &name, error))?;
    match Entry::from_bytes(key, &bytes) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.kind() == ErrorKind::CorruptRecord => Err(directory.set_aside(&name, error)),
        Err(error) => Err(error),
    }
}

/// Writes a whole file so that a crash leaves the old or the new one.
fn replace(directory: &Directory, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let temporary = format!(".{}.{}.tmp", name.split('.').next().unwrap_or_default(), Id::random());
    let failed = |what, error: io::Error| {
        directory.remove(&temporary);
        directory.failed(what, name, error)
    };
    let mut file = directory.create_new(&temporary)?;
    file.write_all(bytes).map_err(|error| failed("write", error))?;
    file.sync_all().map_err(|error| failed("sync", error))?;
    directory.rename(&temporary, name).map_err(|error| failed("replace", error))?;
    directory.sync().map_err(|error| directory.failed("sync the folder of", name, error))
}

/// Waits for a lock, for as long as a write may take.
fn lock(directory: &Directory, name: &str) -> Result<File, Error> {
    let tries = LOCK_DEADLINE.as_millis() / LOCK_POLL.as_millis();
    for _ in 0..tries {
        if let Some(file) = try_lock(directory, name)? {
            return Ok(file);
        }
        std::thread::sleep(LOCK_POLL);
    }
    Err(Error::new(ErrorKind::Busy, format!("another process keeps the lock {}", directory.shown(name))))
}

fn try_lock(directory: &Directory, name: &str) -> Result<Option<File>, Error> {
    let file = directory.open_lock(name)?;
    match file.try_lock() {
        // Somebody may have replaced the file meanwhile: then this lock excludes nobody.
        Ok(()) => Ok(directory.is_same(name, &file)?.then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(directory.failed("lock", name, error)),
    }
}

/// Turns a descriptor into a file.
fn into_file(descriptor: OwnedFd) -> File {
    File::from(descriptor)
}

#[cfg(test)]
mod tests;
