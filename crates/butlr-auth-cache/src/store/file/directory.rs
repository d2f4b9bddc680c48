use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use butlr_auth_core::{Clock as _, Error, ErrorKind, SystemClock};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};

use super::into_file;

/// A folder that only its owner may enter, opened once; files are opened relative to it and never through a link.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
}

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

impl Directory {
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let failed = |what: &str, error: io::Error| {
            Error::new(ErrorKind::Storage, format!("could not {what} the folder {}", path.display()))
                .with_source(error)
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| failed("make", error))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(CWD, &path, flags, Mode::empty())
            .map_err(|error| failed("open", error.into()))?;
        let stat = rustix::fs::fstat(&descriptor).map_err(|error| failed("inspect", error.into()))?;
        check_private(&stat, &path, "700")?;
        Ok(Self { path, descriptor })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn shown(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Opens a file for reading; `None` if there is none.
    pub(super) fn open_file(&self, name: &str) -> Result<Option<File>, Error> {
        match self.open_at(name, OFlags::RDONLY, Mode::empty()) {
            Ok(file) => self.checked(name, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("open", name, error)),
        }
    }

    /// Opens a lock file, making it if it is missing.
    pub(super) fn open_lock(&self, name: &str) -> Result<File, Error> {
        let file = self
            .open_at(name, OFlags::RDWR | OFlags::CREATE, PRIVATE_FILE)
            .map_err(|error| self.failed("open", name, error))?;
        self.checked(name, file)
    }

    /// Makes a file that must not exist yet.
    pub(super) fn create_new(&self, name: &str) -> Result<File, Error> {
        self.open_at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, PRIVATE_FILE)
            .map_err(|error| self.failed("make", name, error))
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    /// Removes a temporary file; that it stays is no reason to fail.
    pub(super) fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty());
    }

    /// Whether `name` still is the file that was opened.
    pub(super) fn is_same(&self, name: &str, file: &File) -> Result<bool, Error> {
        let inspect = |error: rustix::io::Errno| self.failed("inspect", name, error.into());
        let opened = rustix::fs::fstat(file).map_err(inspect)?;
        match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)),
            Err(rustix::io::Errno::NOENT) => Ok(false),
            Err(error) => Err(inspect(error)),
        }
    }

    /// Keeps a damaged file under another name, so that the session can go on and nothing is lost.
    pub(super) fn set_aside(&self, name: &str, error: Error) -> Error {
        let since_1970 =
            SystemClock::new().now().wall.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let aside = format!("{name}.corrupt-{}", since_1970.as_millis());
        match self.rename(name, &aside) {
            Ok(()) => Error::new(
                ErrorKind::CorruptRecord,
                format!("{error}; it was set aside as {}", self.shown(&aside)),
            ),
            Err(_) => Error::new(ErrorKind::CorruptRecord, format!("{error}: {}", self.shown(name))),
        }
    }

    pub(super) fn failed(&self, what: &str, name: &str, error: io::Error) -> Error {
        Error::new(ErrorKind::Storage, format!("could not {what} {}", self.shown(name))).with_source(error)
    }

    /// `NONBLOCK` so that a FIFO does not hang the opening; it is refused right after.
    fn open_at(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.descriptor, name, flags, mode).map(into_file)?)
    }

    /// Looks at the descriptor that was opened, not at the path: nobody can swap it afterwards.
    fn checked(&self, name: &str, file: File) -> Result<File, Error> {
        let stat = rustix::fs::fstat(&file).map_err(|error| self.failed("inspect", name, error.into()))?;
        let path = self.path.join(name);
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile || stat.st_nlink > 1 {
            let message = format!("{} is not a plain file with one name: remove it", path.display());
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        check_private(&stat, &path, "600")?;
        Ok(file)
    }
}

fn check_private(stat: &Stat, path: &Path, mode: &str) -> Result<(), Error> {
    let shown = path.display();
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(Error::new(ErrorKind::Configuration, format!("{shown} belongs to another user")));
    }
    if stat.st_mode & 0o077 != 0 {
        let message = format!("others may use {shown}, which keeps secrets: run `chmod {mode} {shown}`");
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}
