use std::fs::{DirBuilder, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use butlr_auth_core::{Error, ErrorKind};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// A folder that only its owner may enter, opened once; files are opened relative to it and never through a link.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// Which file a name stood for.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub(super) struct FileId(Stat);

#[cfg(feature = "sqlite")]
impl PartialEq for FileId {
    fn eq(&self, other: &Self) -> bool {
        (self.0.st_dev, self.0.st_ino) == (other.0.st_dev, other.0.st_ino)
    }
}

const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

impl Directory {
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let shown = escaped(&path);
        let failed = |what: &str, error: io::Error| {
            let kind = match error.kind() {
                io::ErrorKind::InvalidFilename
                | io::ErrorKind::InvalidInput
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::AlreadyExists => ErrorKind::Configuration,
                _ => ErrorKind::Storage,
            };
            Error::new(kind, format!("could not {what} the folder {shown}{}", mend(&error)))
                .with_source(error)
        };
        if path.as_os_str().is_empty() {
            return Err(Error::new(ErrorKind::Configuration, "the session folder's path is empty: name one"));
        }
        make(&path).map_err(|error| failed("make", error))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = match rustix::fs::openat(CWD, &path, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let message = format!("{shown} is a link or no folder: name the folder itself");
                return Err(Error::new(ErrorKind::Configuration, message));
            }
            Err(error) => return Err(failed("open", error.into())),
        };
        let stat = rustix::fs::fstat(&descriptor).map_err(|error| failed("inspect", error.into()))?;
        check_private(&stat, &path, "700")?;
        undo_umask(&descriptor, &stat, Mode::RWXU).map_err(|error| failed("enter", error))?;
        Ok(Self { path, descriptor })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn shown(&self, name: &str) -> String {
        escaped(&self.path.join(name))
    }

    /// Opens a file for reading; `None` if there is none.
    pub(super) fn open_file(&self, name: &str) -> Result<Option<File>, Error> {
        match self.open_at(name, OFlags::RDONLY, Mode::empty()) {
            Ok(file) => self.checked(name, file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.not_opened("open", name, error)),
        }
    }

    /// Opens a lock file, making it if it is missing.
    pub(super) fn open_lock(&self, name: &str) -> Result<File, Error> {
        let file = self
            .open_at(name, OFlags::RDWR | OFlags::CREATE, PRIVATE_FILE)
            .map_err(|error| self.not_opened("open", name, error))?;
        self.checked(name, file)
    }

    /// Makes a file that must not exist yet.
    pub(super) fn create_new(&self, name: &str) -> Result<File, Error> {
        let file = self
            .open_at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, PRIVATE_FILE)
            .map_err(|error| self.not_opened("make", name, error))?;
        self.checked(name, file)
    }

    /// Looks at a file that something else will open by its path; `None` if there is none.
    ///
    /// It is not opened here: closing it would free the locks that SQLite has on it in this process.
    #[cfg(feature = "sqlite")]
    pub(super) fn inspect(&self, name: &str) -> Result<Option<FileId>, Error> {
        match self.stat(name) {
            Ok(stat) if !is_plain(&stat) => Err(self.not_plain(name)),
            Ok(stat) => {
                check_private(&stat, &self.path.join(name), "600")?;
                Ok(Some(FileId(stat)))
            }
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(self.failed("inspect", name, error.into())),
        }
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

    /// The names in the folder that are text; ours all are.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let names = Dir::read_from(&self.descriptor)?;
        Ok(names.flatten().filter_map(|entry| entry.file_name().to_str().ok().map(str::to_owned)).collect())
    }

    /// Whether `name` still is the file that was opened.
    pub(super) fn is_same(&self, name: &str, file: &File) -> Result<bool, Error> {
        let inspect = |error: Errno| self.failed("inspect", name, error.into());
        let opened = rustix::fs::fstat(file).map_err(inspect)?;
        match self.stat(name) {
            Ok(named) => Ok((named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino)),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(inspect(error)),
        }
    }

    /// Keeps a damaged file under another name, so that the session can go on and nothing is lost. The caller holds
    /// the session's lock, so that nobody else takes the free name meanwhile.
    pub(super) fn set_aside(&self, name: &str, corrupt: &Error) -> Error {
        let free = (super::milliseconds_since_1970()..)
            .map(|time| format!("{name}.corrupt-{time}"))
            .find(|aside| matches!(self.stat(aside), Err(Errno::NOENT)));
        let message = match free {
            Some(aside) if self.rename(name, &aside).and_then(|()| self.sync()).is_ok() => {
                format!("{corrupt}; it was set aside as {}", self.shown(&aside))
            }
            _ => format!("{corrupt}, and could not be set aside: {}", self.shown(name)),
        };
        Error::new(ErrorKind::CorruptRecord, message)
    }

    /// Where a damaged file of this name was put last.
    pub(super) fn last_set_aside(&self, name: &str) -> Option<String> {
        let prefix = format!("{name}.corrupt-");
        let names = std::fs::read_dir(&self.path).ok()?.flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let last = names.filter(|name| name.starts_with(&prefix)).max()?;
        Some(self.shown(&last))
    }

    pub(super) fn failed(&self, what: &str, name: &str, error: io::Error) -> Error {
        let message = format!("could not {what} {}{}", self.shown(name), mend(&error));
        Error::new(ErrorKind::Storage, message).with_source(error)
    }

    /// `NONBLOCK` so that a FIFO does not hang the opening; it is refused right after.
    fn open_at(&self, name: &str, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.descriptor, name, flags, mode)?))
    }

    /// Tells a link, a folder or a socket in the place of a file from a failure of the disk.
    fn not_opened(&self, what: &str, name: &str, error: io::Error) -> Error {
        match self.stat(name) {
            Ok(stat) if !is_plain(&stat) => self.not_plain(name),
            _ => self.failed(what, name, error),
        }
    }

    fn not_plain(&self, name: &str) -> Error {
        let message = format!("{} is not a plain file with one name: remove it", self.shown(name));
        Error::new(ErrorKind::Configuration, message)
    }

    /// Looks at the descriptor that was opened, not at the path: nobody can swap it afterwards.
    fn checked(&self, name: &str, file: File) -> Result<File, Error> {
        let inspect = |error| self.failed("inspect", name, error);
        let stat = rustix::fs::fstat(&file).map_err(|error| inspect(error.into()))?;
        if !is_plain(&stat) {
            return Err(self.not_plain(name));
        }
        check_private(&stat, &self.path.join(name), "600")?;
        undo_umask(&file, &stat, PRIVATE_FILE).map_err(inspect)?;
        Ok(file)
    }

    fn stat(&self, name: &str) -> rustix::io::Result<Stat> {
        rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// Makes a folder and those above it. Each new name is synced: what will be durable inside must be found again.
fn make(path: &Path) -> io::Result<()> {
    let parent =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let made = match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(parent)?;
            DirBuilder::new().mode(0o700).create(path)
        }
        made => made,
    };
    match made {
        Ok(()) => File::open(parent)?.sync_all(),
        // A read-only file system refuses before it looks whether the folder is there.
        Err(_) if path.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// One name only, too: a file with a second one is readable where nobody looks after it.
fn is_plain(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink <= 1
}

fn check_private(stat: &Stat, path: &Path, mode: &str) -> Result<(), Error> {
    let shown = escaped(path);
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        let message = format!("{shown} belongs to another user: choose another folder or change its owner");
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    if stat.st_mode & 0o077 != 0 {
        let message = format!("others may use {shown}, which keeps secrets: run `chmod {mode} {shown}`");
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}

/// Gives the owner what a umask such as 0777 took at the making. Nobody else ever gets anything.
fn undo_umask(descriptor: impl AsFd, stat: &Stat, mode: Mode) -> io::Result<()> {
    if stat.st_mode & 0o777 != 0 {
        return Ok(());
    }
    Ok(rustix::fs::fchmod(descriptor, mode)?)
}

/// What a person can do about a failure; its cause is the error's source.
fn mend(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ": make it writable or choose another folder"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ": free some space"
        }
        io::ErrorKind::InvalidFilename => ": choose a shorter path",
        io::ErrorKind::NotFound => ": its folder is missing or was removed, make it or choose another",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => ": something else has its name",
        _ => "",
    }
}

/// A path for a message. A line break or an escape sequence in it must not reach a terminal.
pub(super) fn escaped(path: &Path) -> String {
    let shown = path.display().to_string();
    if shown.contains(char::is_control) { format!("{path:?}") } else { shown }
}
