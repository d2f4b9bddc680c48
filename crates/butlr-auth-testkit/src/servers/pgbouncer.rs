use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use rustix::process::Signal;
use tempfile::TempDir;

use super::postgres::{DATABASE, USER, url};
use super::process::{Process, User, accepts, find};
use super::{PostgresServer, ServerError, on_a_free_port};

/// A PgBouncer before a [`PostgresServer`], pooling by transaction: two statements of one client may run on two
/// connections.
pub struct PgBouncer {
    port: u16,
    password: String,
    process: Process,
    // Dropped after the process.
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts one before `server`, which must not ask for TLS.
    ///
    /// # Errors
    /// [`ServerError`] if PgBouncer is not installed or does not start.
    pub fn start(server: &PostgresServer) -> Result<Self, ServerError> {
        let program = find("pgbouncer", "pgbouncer", &[PathBuf::from("/usr/sbin")])?;
        let user = User::unless_root("postgres")?;
        let folder = TempDir::new().map_err(ServerError::io("no temporary folder"))?;
        User::own(user, folder.path())?;
        let write = |name: &str, content: String| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).map_err(ServerError::io(name))?;
            User::own(user, &path).map(|()| path)
        };
        let users = write("users", format!("\"{USER}\" \"{}\"\n", server.password()))?;
        let (port, process) = on_a_free_port(Ipv4Addr::LOCALHOST.into(), |port| {
            let settings = write(
                "pgbouncer.ini",
                format!(
                    "[databases]\n{DATABASE} = host={host} port={to}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                     listen_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {users}\n\
                     pool_mode = transaction\ndefault_pool_size = 4\n",
                    host = server.address().ip(),
                    to = server.address().port(),
                    users = users.display(),
                ),
            )?;
            let mut process = Process::start(&program, [&settings], folder.path(), user)?;
            process.wait_until(|_| accepts((Ipv4Addr::LOCALHOST, port).into()))?;
            Ok((port, process))
        })?;
        Ok(Self { port, password: server.password().to_owned(), process, _folder: folder })
    }

    /// Returns where it is, the password included.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.password, self.address())
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Stops it (`SIGSTOP`): connections are accepted by the kernel and nobody answers.
    ///
    /// # Errors
    /// [`ServerError`] if it is gone.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.process.signal(Signal::STOP)
    }

    /// Lets it go on after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`ServerError`] if it is gone.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.process.signal(Signal::CONT)
    }
}

impl fmt::Debug for PgBouncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgBouncer").field("address", &self.address()).finish_non_exhaustive()
    }
}
