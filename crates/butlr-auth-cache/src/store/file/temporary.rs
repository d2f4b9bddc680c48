use std::io::{self, Write as _};

use butlr_auth_core::{Error, ErrorKind};

use crate::Id;
use crate::store::directory::Directory;
use crate::store::lock::Lock;

/// Writes a session's whole file so that a crash leaves the old or the new one.
pub(super) fn replace(directory: &Directory, digest: &str, bytes: &[u8], lock: &Lock) -> Result<(), Error> {
    let name = format!("{digest}.json");
    let temporary = format!(".{digest}.{}.tmp", Id::random());
    let written = fill(directory, &temporary, &name, bytes).and_then(|()| {
        // Without its lock this writer may no longer be the only one: better none than two.
        if !lock.excludes(directory)? {
            let message = format!("the lock file of {} was removed during a write", directory.shown(&name));
            return Err(Error::new(ErrorKind::Busy, message));
        }
        directory.rename(&temporary, &name).map_err(|error| directory.failed("replace", &name, error))
    });
    if let Err(error) = written {
        directory.remove(&temporary);
        return Err(error);
    }
    directory.sync().map_err(|error| directory.failed("sync the folder of", &name, error))
}

fn fill(directory: &Directory, temporary: &str, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let failed = |what, error: io::Error| directory.failed(what, name, error);
    let mut file = directory.create_new(temporary)?;
    file.write_all(bytes).map_err(|error| failed("write", error))?;
    file.sync_all().map_err(|error| failed("sync", error))
}

/// Removes the temporary files of writers that were killed. That one stays is no reason to fail: it is private.
pub(super) fn sweep(directory: &Directory) {
    for name in directory.names().unwrap_or_default() {
        let Some(digest) = session_of(&name) else { continue };
        // A writer that lives holds its session's lock. Whoever gets it finds only what the dead left.
        if let Ok(Some(_lock)) = Lock::take(directory, &format!("{digest}.lock")) {
            directory.remove(&name);
            tracing::debug!(file = name, "removed what a killed writer left");
        }
    }
}

/// The digest in the name of a temporary file; `None` for every other name.
fn session_of(name: &str) -> Option<&str> {
    let (digest, id) = name.strip_prefix('.')?.strip_suffix(".tmp")?.split_once('.')?;
    let hexadecimal = |text: &str, length| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    (hexadecimal(digest, 64) && hexadecimal(id, 32)).then_some(digest)
}
