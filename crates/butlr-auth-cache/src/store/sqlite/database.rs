use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind};
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::store::directory::{Directory, FileId};
use crate::store::lock::Lock;

/// Tells our databases from other programs': "btlr" in ASCII.
const APPLICATION_ID: i32 = 0x6274_6c72;

/// The schema's version. A newer one is left untouched and refused.
const SCHEMA_VERSION: i32 = 1;

const SCHEMA: &str = "CREATE TABLE sessions (key TEXT PRIMARY KEY NOT NULL, entry BLOB NOT NULL) STRICT";

/// How long a call waits for another writer: a write takes milliseconds.
const DEADLINE: Duration = Duration::from_secs(5);

/// How many connections are kept for later calls.
const IDLE: usize = 4;

/// A database file in a folder that only its owner may enter, and the connections to it that nobody uses just now.
///
/// Each call has a connection of its own, so that no call waits for another one of this process.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    directory: Directory,
    name: String,
    idle: Mutex<Vec<Opened>>,
}

#[derive(Debug)]
struct Opened {
    connection: Connection,
    file: FileId,
}

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, "the session database's path names no file: name one")
        })?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let directory = Directory::open(folder.unwrap_or_else(|| Path::new(".")).to_owned())?;
        // SQLite follows no link anywhere in a path, which keeps nobody from having one above the folder.
        let real = directory.path().canonicalize().map_err(|error| directory.failed("find", name, error))?;
        let database =
            Self { path: real.join(name), directory, name: name.to_owned(), idle: Mutex::default() };
        let opened = match database.directory.inspect(name)? {
            Some(file) => database.connect(file)?,
            None => None,
        };
        let opened = opened.map_or_else(|| database.make(), Ok)?;
        database.put_back(opened);
        Ok(database)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The path, for a message.
    pub(super) fn shown(&self) -> String {
        self.directory.shown(&self.name)
    }

    /// Lends a connection to the file that the path names now: one to a file that was removed or replaced would
    /// acknowledge writes that nobody finds.
    pub(super) fn with_connection<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let removed = || {
            let message = format!("{} was removed: start again", self.shown());
            Error::new(ErrorKind::Storage, message)
        };
        let file = self.directory.inspect(&self.name)?.ok_or_else(removed)?;
        let mut opened = match self.take_idle(&file) {
            Some(opened) => opened,
            None => self.connect(file)?.ok_or_else(removed)?,
        };
        let done = work(&mut opened.connection);
        // After a failure a new one is cheaper than the question of what state this one is in.
        if done.is_ok() {
            self.put_back(opened);
        }
        done
    }

    fn take_idle(&self, file: &FileId) -> Option<Opened> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|opened| opened.file == *file);
        idle.pop()
    }

    fn put_back(&self, opened: Opened) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(opened);
        }
    }

    /// Makes what is missing of the file and its schema. The lock keeps others, and other threads, from opening a
    /// file that is half made.
    fn make(&self) -> Result<Opened, Error> {
        let _lock = Lock::wait(&self.directory, &format!("{}.lock", self.name))?;
        let file = match self.directory.inspect(&self.name)? {
            Some(file) => file,
            None => self.make_file()?,
        };
        if let Some(opened) = self.connect(file)? {
            return Ok(opened);
        }
        let failed = |error| self.failed("make", error);
        let mut connection = self.connection()?;
        connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
            .map_err(failed)?;
        let transaction = connection.transaction().map_err(failed)?;
        transaction.execute_batch(SCHEMA).map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        let file = self.directory.inspect(&self.name)?;
        let opened = file.map(|file| self.connect(file)).transpose()?.flatten();
        opened.ok_or_else(|| {
            Error::new(ErrorKind::Storage, format!("{} was removed while it was made", self.shown()))
        })
    }

    /// Under another name first, so that the file is closed here before SQLite, anywhere in this process, opens it.
    fn make_file(&self) -> Result<FileId, Error> {
        let failed = |error| self.directory.failed("make", &self.name, error);
        let new = format!(".{}.new", self.name);
        self.directory.remove(&new);
        self.directory.create_new(&new)?;
        self.directory.rename(&new, &self.name).and_then(|()| self.directory.sync()).map_err(failed)?;
        self.directory.inspect(&self.name)?.ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))
    }

    /// Connects to a database of ours; `None` if it is empty.
    fn connect(&self, file: FileId) -> Result<Option<Opened>, Error> {
        let connection = self.connection()?;
        let (application, version, tables) =
            Self::whose(&connection).map_err(|error| self.failed("read", error))?;
        let refused = |kind, why: String| Err(Error::new(kind, format!("{} {why}", self.shown())));
        match (application, version) {
            (APPLICATION_ID, SCHEMA_VERSION) => Ok(Some(Opened { connection, file })),
            (APPLICATION_ID, _) => refused(
                ErrorKind::Unsupported,
                format!("has schema {version}, not {SCHEMA_VERSION}: update this program"),
            ),
            (0, 0) if tables == 0 => Ok(None),
            _ => refused(
                ErrorKind::Configuration,
                "is another program's database: name another file".to_owned(),
            ),
        }
    }

    /// The application, the schema's version and how many tables there are: read at one moment, for somebody may be
    /// making the database right now.
    fn whose(connection: &Connection) -> rusqlite::Result<(i32, i32, i32)> {
        let moment = connection.unchecked_transaction()?;
        let number = |query| moment.query_row(query, [], |row| row.get(0));
        Ok((
            number("PRAGMA application_id")?,
            number("PRAGMA user_version")?,
            number("SELECT count(*) FROM sqlite_schema")?,
        ))
    }

    fn connection(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let open = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(DEADLINE)?;
            // A record that was replaced holds a refresh token: its bytes are overwritten, not only forgotten.
            connection.execute_batch(
                "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF",
            )?;
            Ok(connection)
        };
        open().map_err(|error| self.failed("open", error))
    }

    pub(super) fn failed(&self, what: &str, error: rusqlite::Error) -> Error {
        let code = error.sqlite_error_code();
        let (kind, mend) = match code {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                (ErrorKind::Busy, ": another process keeps it locked")
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => (
                ErrorKind::CorruptRecord,
                ": it is damaged or no SQLite database; move it away to begin anew",
            ),
            Some(ErrorCode::DiskFull) => (ErrorKind::Storage, ": free some space"),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                (ErrorKind::Storage, ": make it and its folder writable or choose another folder")
            }
            _ => (ErrorKind::Storage, ""),
        };
        Error::new(kind, format!("could not {what} {}{mend}", self.shown())).with_source(error)
    }
}
