mod temporary;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use butlr_auth_core::{Error, ErrorKind};
use zeroize::Zeroizing;

use super::blocking;
use super::directory::Directory;
use super::lock::Lock;
use crate::{Durability, Entry, Guard, Hold, Id, Promises, Reach, SessionKey, Swap, TokenStore};

/// No entry is longer than this; one byte more tells that a file is.
const READ_LIMIT: u64 = Entry::MAX_LENGTH as u64 + 1;

/// Keeps each session in a file of its own, shared by every process of this host.
///
/// The folder is made with mode 0700 and the files with 0600, at opening. Whatever is looser, a link, a FIFO or
/// somebody else's is refused before anything is read or written. A write goes to a temporary file, is synced, and
/// renamed over the old one, and the folder is synced: after a crash there is the old or the new record, never a
/// mixture. Two lock files that are never deleted stand beside each session: `.lock` around a write, `.lease` around
/// an exchange. The kernel frees both when their holder dies.
///
/// A file that cannot be read as a record is renamed to `….corrupt-TIME` (milliseconds since 1970) and reported
/// once; one of a newer format is left as it is and refused. What a killed writer left behind is removed when the
/// folder is opened next.
///
/// File locks are advisory and may not reach across network file systems: use a database for several hosts.
///
/// # Cancellation
///
/// A call is one blocking task of the runtime. Dropping its future does not stop it: a write that was begun is
/// finished, a lock that was won is freed. Only the end of the runtime drops a task that has not started.
#[derive(Clone, Debug)]
pub struct FileStore(Arc<Directory>);

impl FileStore {
    /// Keeps sessions in `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the folder belongs to somebody else, others may enter it, it is a link, or its
    /// path is too long; [`ErrorKind::Storage`] if it cannot be made or opened.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let directory = Directory::open(directory.into())?;
        temporary::sweep(&directory);
        Ok(Self(Arc::new(directory)))
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
                let message =
                    "neither XDG_STATE_HOME nor HOME is an absolute path: set one, or name a folder";
                Error::new(ErrorKind::Configuration, message)
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
        blocking(move || work(&directory)).await
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
            let bytes = entry.to_bytes(&key)?;
            let lock = Lock::wait(directory, &lock_name(&key))?;
            if load_locked(directory, &key)?.map(|stored| stored.write_id()) != expected {
                return Ok(Swap::Conflict);
            }
            temporary::replace(directory, &key.digest(), &bytes, &lock)?;
            Ok(Swap::Swapped)
        })
        .await
    }

    fn promises(&self) -> Promises {
        Promises::new(Durability::Disk, Reach::Host)
    }

    async fn hold(&self, key: &SessionKey) -> Result<Hold, Error> {
        let name = lease_name(key);
        self.blocking(move |directory| {
            let lock = Lock::take(directory, &name)?;
            Ok(lock.map_or(Hold::Busy, |lock| {
                lock.sign();
                Hold::Held(Guard::new(lock))
            }))
        })
        .await
    }

    fn holder(&self, key: &SessionKey) -> Option<String> {
        super::holder::read(&self.0, &lease_name(key))
    }

    fn set_aside(&self, key: &SessionKey) -> Option<String> {
        self.0.last_set_aside(&record_name(key))
    }
}

fn lease_name(key: &SessionKey) -> String {
    format!("{}.lease", key.digest())
}

fn lock_name(key: &SessionKey) -> String {
    format!("{}.lock", key.digest())
}

fn record_name(key: &SessionKey) -> String {
    format!("{}.json", key.digest())
}

/// Reads without a lock: renaming shows the old file or the new one.
fn load(directory: &Directory, key: &SessionKey) -> Result<Option<Entry>, Error> {
    match read(directory, key) {
        Err(corrupt) if corrupt.kind() == ErrorKind::CorruptRecord => {
            // Only under the lock: otherwise the good file of a writer in between would be set aside.
            let _lock = Lock::wait(directory, &lock_name(key)).map_err(|_| corrupt)?;
            load_locked(directory, key)
        }
        read => read,
    }
}

fn load_locked(directory: &Directory, key: &SessionKey) -> Result<Option<Entry>, Error> {
    read(directory, key).map_err(|error| match error.kind() {
        ErrorKind::CorruptRecord => directory.set_aside(&record_name(key), &error),
        _ => error,
    })
}

fn read(directory: &Directory, key: &SessionKey) -> Result<Option<Entry>, Error> {
    let name = record_name(key);
    let Some(file) = directory.open_file(&name)? else { return Ok(None) };
    // Room for all of it and its end at once: a buffer that grows leaves copies behind.
    let length = file.metadata().map_err(|error| directory.failed("inspect", &name, error))?.len();
    let room = usize::try_from(length.saturating_add(1).min(READ_LIMIT)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(READ_LIMIT).read_to_end(&mut bytes).map_err(|error| directory.failed("read", &name, error))?;
    Entry::from_bytes(key, &bytes).map(Some)
}

#[cfg(test)]
mod tests;
