use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, User, find};
use super::{Certificate, ServerError, on_a_free_port};
use crate::random;

/// The Debian package, and the user that it makes.
const PACKAGE: &str = "postgresql";
const SYSTEM_USER: &str = "postgres";

/// The database user and the database that `initdb` makes.
pub(super) const USER: &str = "butlr";
pub(super) const DATABASE: &str = "postgres";

/// A PostgreSQL server whose commits are on disk (`fsync` and `synchronous_commit` are on), with one user who has a
/// password. Root may not run PostgreSQL: then it runs as the user `postgres`.
pub struct PostgresServer {
    address: IpAddr,
    port: u16,
    program: PathBuf,
    user: Option<User>,
    password: String,
    certificate: Option<Certificate>,
    // Dropped in this order: the folder outlives the process.
    process: Process,
    folder: TempDir,
}

impl PostgresServer {
    /// Makes a database cluster and starts it on a loopback port.
    ///
    /// # Errors
    /// [`ServerError`] if PostgreSQL is not installed or does not start.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// Starts a builder, for TLS or settings of PostgreSQL's own.
    pub fn builder() -> PostgresServerBuilder {
        PostgresServerBuilder { address: Ipv4Addr::LOCALHOST.into(), tls: false, settings: Vec::new() }
    }

    /// Returns where it is, the password included: `postgres://butlr:PASSWORD@127.0.0.1:PORT/postgres`.
    #[must_use]
    pub fn url(&self) -> String {
        url(&self.password, self.address())
    }

    /// Returns the password of the one user.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.address, self.port).into()
    }

    /// Returns the certificate it shows, if it speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Stops all its processes (`SIGSTOP`): connections are accepted by the kernel and nobody answers.
    ///
    /// # Errors
    /// [`ServerError`] if it is gone.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.process.signal(Signal::STOP)
    }

    /// Lets all its processes go on after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`ServerError`] if it is gone.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.process.signal(Signal::CONT)
    }

    /// Kills all its processes (`SIGKILL`). What it had committed is on disk.
    ///
    /// # Errors
    /// [`ServerError`] if its end cannot be awaited.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        self.process.kill()
    }

    /// Starts it again on the same port with what is on disk, killing it first if it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill()?;
        self.process = launch(&self.program, self.port, self.folder.path(), self.user)?;
        Ok(())
    }
}

impl fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresServer").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Builds a [`PostgresServer`].
///
/// # Defaults
/// A loopback address, a password that is drawn, no TLS.
#[derive(Debug)]
#[must_use = "a builder does nothing before `start`"]
pub struct PostgresServerBuilder {
    address: IpAddr,
    tls: bool,
    settings: Vec<(String, String)>,
}

impl PostgresServerBuilder {
    /// Speaks TLS, with a certificate of its own, and refuses whoever does not.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Listens on this address of the machine, such as that of a network namespace.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets what `postgresql.conf` could set. The value is written as it is, between quotes.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Makes the database cluster, starts the server and waits until it accepts connections.
    ///
    /// # Errors
    /// [`ServerError`] if PostgreSQL is not installed, or does not start.
    pub fn start(self) -> Result<PostgresServer, ServerError> {
        let folders = installations();
        let (initdb, program) = (find("initdb", PACKAGE, &folders)?, find("postgres", PACKAGE, &folders)?);
        let user = User::unless_root(SYSTEM_USER)?;
        let folder = TempDir::new().map_err(ServerError::io("no temporary folder"))?;
        User::own(user, folder.path())?;
        let password = random::token(18);
        initialise(&initdb, folder.path(), user, &password)?;
        let certificate = self.tls.then(|| Certificate::new(self.address)).transpose()?;
        self.configure(folder.path(), user, certificate.as_ref())?;
        let (port, process) =
            on_a_free_port(self.address, |port| Ok((port, launch(&program, port, folder.path(), user)?)))?;
        let Self { address, .. } = self;
        Ok(PostgresServer { address, port, program, user, password, certificate, process, folder })
    }

    fn configure(
        &self,
        folder: &Path,
        user: Option<User>,
        certificate: Option<&Certificate>,
    ) -> Result<(), ServerError> {
        let mut settings = vec![
            ("listen_addresses", self.address.to_string()),
            ("unix_socket_directories", String::new()),
            ("fsync", "on".to_owned()),
            ("synchronous_commit", "on".to_owned()),
        ];
        if let Some(certificate) = certificate {
            let files = certificate.write(folder, user)?;
            settings.push(("ssl", "on".to_owned()));
            settings.push(("ssl_cert_file", files.certificate.display().to_string()));
            settings.push(("ssl_key_file", files.key.display().to_string()));
        }
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let lines: String =
            settings.into_iter().chain(given).map(|(name, value)| format!("{name} = '{value}'\n")).collect();
        let hosts = if certificate.is_some() { "hostssl" } else { "host" };
        let data = folder.join("data");
        for (name, content) in
            [("postgresql.auto.conf", lines), ("pg_hba.conf", format!("{hosts} all all all scram-sha-256\n"))]
        {
            std::fs::write(data.join(name), content).map_err(ServerError::io(name))?;
        }
        Ok(())
    }
}

/// Where Debian keeps the programs of each version, the newest first.
fn installations() -> Vec<PathBuf> {
    let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut folders: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|version| Some((version.file_name().to_str()?.parse().ok()?, version.path().join("bin"))))
        .collect();
    folders.sort_unstable_by(|one, other| other.cmp(one));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

fn initialise(initdb: &Path, folder: &Path, user: Option<User>, password: &str) -> Result<(), ServerError> {
    let password_file = folder.join("password");
    std::fs::write(&password_file, password).map_err(ServerError::io("the password file"))?;
    User::own(user, &password_file)?;
    let mut command = Command::new(initdb);
    command.args(["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--username", USER]);
    command.arg("--pwfile").arg(&password_file).arg("--pgdata").arg(folder.join("data")).current_dir(folder);
    User::apply(user, &mut command);
    let ended = command.output().map_err(ServerError::io("initdb could not be started"))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        return Err(ServerError::new(format!("initdb failed: {said}")));
    }
    std::fs::remove_file(&password_file).map_err(ServerError::io("the password file"))
}

fn launch(program: &Path, port: u16, folder: &Path, user: Option<User>) -> Result<Process, ServerError> {
    let data = folder.join("data");
    let (data_argument, port) = (data.display().to_string(), port.to_string());
    let mut process = Process::start(program, ["-D", &data_argument, "-p", &port], folder, user)?;
    // The file of the server before it may still be there, and names that one's process.
    process.wait_until(|process| {
        let status = std::fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines();
        lines.next() == Some(&process.pid().to_string()) && lines.nth(6).map(str::trim_end) == Some("ready")
    })?;
    Ok(process)
}

/// Where the one database of a server, or of a pooler in front of it, is.
pub(super) fn url(password: &str, address: SocketAddr) -> String {
    format!("postgres://{USER}:{password}@{address}/{DATABASE}")
}
