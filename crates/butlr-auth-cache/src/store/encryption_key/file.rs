use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use butlr_auth_core::secret_file::{SecretFile, Unsafe};
use butlr_auth_core::{Error, ErrorKind};
use rustix::fs::{CWD, FileType, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use zeroize::Zeroizing;

use super::{EncryptionKey, not_a_key};
use crate::store::directory::{Directory, escaped};
use crate::store::lock::Lock;

/// No key file is longer: 64 digits and the end of a line, and one byte more tells that it is something else.
const READ_LIMIT: u64 = 64 + 2 + 1;

impl EncryptionKey {
    /// Reads a key from a file of one line. On Unix.
    ///
    /// The file must be this user's alone (mode 0600 or less), or root's, as a container mounts it, and writable by
    /// nobody else; on a read-only mount any is taken. A link is followed, and its folder may be anybody's.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if there is no such file, it is not safe in this sense, or it holds no key;
    /// [`ErrorKind::Storage`] if it cannot be read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        read(path, open(path)?)
    }

    /// Reads a key from a file, which is made with a new key if there is none. On Unix.
    ///
    /// Its folder must be this user's alone (mode 0700) and is made, too. Of several processes that do this at once
    /// one makes the key and all return it.
    ///
    /// # Errors
    /// As [`from_file`](Self::from_file); also [`ErrorKind::Configuration`] if others may enter the folder,
    /// [`ErrorKind::Busy`] if another process is making the key for longer than 5 s, and [`ErrorKind::Storage`] if it
    /// cannot be made.
    pub fn from_file_or_create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "the key file's path names no file: name one")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let directory = Directory::open(folder.unwrap_or_else(|| Path::new(".")).to_owned())?;
        if let Some(file) = directory.open_file(name)? {
            return read(path, file);
        }
        let _lock = Lock::wait(&directory, &format!("{name}.lock"))?;
        if let Some(file) = directory.open_file(name)? {
            return read(path, file);
        }
        let key = Self::generate();
        let failed = |what, error: io::Error| directory.failed(what, name, error);
        // One that a killed process left: the lock is ours, so nobody is writing it.
        let new = format!(".{name}.new");
        directory.remove(&new);
        let mut file = directory.create_new(&new)?;
        let line = Zeroizing::new(format!("{}\n", *key.to_text()));
        file.write_all(line.as_bytes()).map_err(|error| failed("write", error))?;
        file.sync_all().map_err(|error| failed("sync", error))?;
        directory.rename(&new, name).map_err(|error| failed("make", error))?;
        directory.sync().map_err(|error| failed("sync the folder of", error))?;
        Ok(key)
    }
}

/// Opens a file by the rule for secrets, and judges what was opened.
fn open(path: &Path) -> Result<File, Error> {
    let shown = escaped(path);
    let refused = |message: String| Err(Error::new(ErrorKind::Configuration, message));
    let failed = |error: Errno| {
        let kind = match error {
            Errno::NOENT | Errno::NAMETOOLONG | Errno::INVAL | Errno::LOOP => ErrorKind::Configuration,
            _ => ErrorKind::Storage,
        };
        Error::new(kind, format!("could not open {shown}")).with_source(io::Error::from(error))
    };
    // `NONBLOCK` so that a pipe does not hang the opening; it is refused right after.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(failed)?);
    let stat = rustix::fs::fstat(&file).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return refused(format!("{shown} is not a plain file: name the file itself"));
    }
    let mount = rustix::fs::fstatvfs(&file).map_err(failed)?.f_flag;
    let judged = SecretFile::new(stat.st_uid, stat.st_mode, mount.contains(StatVfsMountFlags::RDONLY))
        .judge(rustix::process::geteuid().as_raw());
    match judged {
        Ok(_) => Ok(file),
        Err(Unsafe::Foreign) => refused(format!(
            "{shown} belongs to another user: make a copy of your own, of mode 600, or have root own it"
        )),
        Err(_) => refused(format!(
            "others may use {shown}, which keeps a secret: run `chmod 600 {shown}`, or mount it read-only"
        )),
    }
}

fn read(path: &Path, file: File) -> Result<EncryptionKey, Error> {
    let shown = format!("{path:?}");
    let mut text = Zeroizing::new(String::with_capacity(READ_LIMIT as usize));
    let read = file.take(READ_LIMIT).read_to_string(&mut text);
    match read {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => {
            return Err(Error::new(ErrorKind::Storage, format!("could not read {shown}")).with_source(error));
        }
        _ => {}
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    EncryptionKey::from_text(line).map_err(|_| not_a_key(&shown))
}
