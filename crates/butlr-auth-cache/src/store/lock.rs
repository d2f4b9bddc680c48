use std::fs::{File, TryLockError};
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};

use super::directory::Directory;
use crate::id::draw;

/// How long a writer waits for another one on the same session: a write takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// The first pause between two tries; each one is twice as long, up to the last.
const FIRST_PAUSE: Duration = Duration::from_micros(100);

const LAST_PAUSE: Duration = Duration::from_millis(4);

/// How often a lock file that was replaced while it was being locked is opened again.
const REPLACEMENTS: u32 = 3;

/// An advisory lock of the kernel on a file that is never deleted. It belongs to the opened file, so neither to a
/// thread nor to the name, and it ends when it is dropped or its process does.
#[derive(Debug)]
pub(super) struct Lock {
    name: String,
    file: File,
}

impl Lock {
    /// Takes the lock if nobody has it.
    pub(super) fn take(directory: &Directory, name: &str) -> Result<Option<Self>, Error> {
        for _ in 0..REPLACEMENTS {
            let lock = Self { name: name.to_owned(), file: directory.open_lock(name)? };
            match lock.file.try_lock() {
                Ok(()) if lock.excludes(directory)? => return Ok(Some(lock)),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(directory.failed("lock", name, error)),
            }
        }
        Ok(None)
    }

    /// Writes into its file who has it, for people.
    pub(super) fn sign(&self) {
        super::holder::sign(&self.file);
    }

    /// Waits for the lock, up to a deadline.
    ///
    /// It tries again and again, because the kernel's own queue knows no deadline: a writer that was stopped in the
    /// middle would keep every other one, and the end of their runtimes, waiting for as long as it is stopped.
    pub(super) fn wait(directory: &Directory, name: &str) -> Result<Self, Error> {
        let mut waited = Duration::ZERO;
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(lock) = Self::take(directory, name)? {
                return Ok(lock);
            }
            if waited >= DEADLINE {
                let message = format!("another process keeps the lock {}", directory.shown(name));
                return Err(Error::new(ErrorKind::Busy, message));
            }
            // Drawn, so that those who wait do not try in step.
            let drawn =
                pause / 2 + Duration::from_micros(draw(u64::try_from(pause.as_micros()).unwrap_or(1)));
            std::thread::sleep(drawn);
            waited += drawn;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Whether the locked file still is the one that others find by its name. One that was deleted or replaced
    /// excludes nobody.
    pub(super) fn excludes(&self, directory: &Directory) -> Result<bool, Error> {
        directory.is_same(&self.name, &self.file)
    }
}
