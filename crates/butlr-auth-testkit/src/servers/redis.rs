use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::process::{Process, accepts, find};
use super::{Certificate, ServerError, on_a_free_port};

/// The Unix socket's name in the server's folder.
const SOCKET: &str = "socket";

/// A Redis server that writes every command to disk before it answers (`appendfsync always`).
pub struct RedisServer {
    settings: RedisServerBuilder,
    port: u16,
    program: PathBuf,
    arguments: Vec<String>,
    certificate: Option<Certificate>,
    // Dropped in this order: the folder outlives the process.
    process: Process,
    folder: TempDir,
}

impl RedisServer {
    /// Starts one without a password on a loopback port.
    ///
    /// # Errors
    /// [`ServerError`] if Redis is not installed or does not start.
    pub fn start() -> Result<Self, ServerError> {
        Self::builder().start()
    }

    /// Starts a builder, for a password, TLS or settings of Redis's own.
    pub fn builder() -> RedisServerBuilder {
        RedisServerBuilder {
            address: Ipv4Addr::LOCALHOST.into(),
            password: None,
            tls: false,
            settings: Vec::new(),
        }
    }

    /// Returns where it is, the password included: `redis://127.0.0.1:PORT`, or `rediss://` with TLS.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls { "rediss" } else { "redis" };
        let user =
            self.settings.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("{scheme}://{user}{}", self.address())
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (self.settings.address, self.port).into()
    }

    /// Returns its Unix socket, which it has beside the port.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }

    /// Returns the certificate it shows, if it speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
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

    /// Kills it (`SIGKILL`). What it had acknowledged is on disk.
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
        self.process = launch(&self.program, &self.arguments, self.folder.path(), self.address())?;
        Ok(())
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Builds a [`RedisServer`].
///
/// # Defaults
/// A loopback address, no password, no TLS, `appendonly yes` and `appendfsync always`.
#[must_use = "a builder does nothing before `start`"]
pub struct RedisServerBuilder {
    address: IpAddr,
    password: Option<String>,
    tls: bool,
    settings: Vec<(String, String)>,
}

impl RedisServerBuilder {
    /// Asks clients for this password, which must need no escape in a URL.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Speaks TLS only, with a certificate of its own.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Listens on this address of the machine, such as that of a network namespace.
    pub fn address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets what `redis.conf` could set, with a space between two values.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Starts the server and waits until it answers.
    ///
    /// # Errors
    /// [`ServerError`] if Redis is not installed, or does not start.
    pub fn start(self) -> Result<RedisServer, ServerError> {
        let program = find("redis-server", "redis-server", &[])?;
        let folder = TempDir::new().map_err(ServerError::io("no temporary folder"))?;
        let certificate = self.tls.then(|| Certificate::new(self.address)).transpose()?;
        let tls =
            certificate.as_ref().map(|certificate| certificate.write(folder.path(), None)).transpose()?;
        let mut common: Vec<(String, String)> = [
            ("bind", self.address.to_string()),
            ("unixsocket", SOCKET.to_owned()),
            ("appendonly", "yes".to_owned()),
            ("appendfsync", "always".to_owned()),
            ("save", String::new()),
            // A server in a network namespace is asked from another one.
            ("protected-mode", "no".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(files) = &tls {
            let path = |path: &Path| path.display().to_string();
            common.extend([
                ("tls-cert-file".to_owned(), path(&files.certificate)),
                ("tls-key-file".to_owned(), path(&files.key)),
                ("tls-ca-cert-file".to_owned(), path(&files.certificate)),
                ("tls-auth-clients".to_owned(), "no".to_owned()),
            ]);
        }
        common.extend(self.password.iter().map(|password| ("requirepass".to_owned(), password.clone())));
        common.extend(self.settings.iter().cloned());

        let ports = if self.tls { ["tls-port", "port"] } else { ["port", "tls-port"] };
        let (port, arguments, process) = on_a_free_port(self.address, |port| {
            let listens = [(ports[0].to_owned(), port.to_string()), (ports[1].to_owned(), "0".to_owned())];
            let arguments: Vec<String> = listens
                .iter()
                .chain(&common)
                .flat_map(|(name, value)| {
                    std::iter::once(format!("--{name}")).chain(value.split(' ').map(str::to_owned))
                })
                .collect();
            let process = launch(&program, &arguments, folder.path(), (self.address, port).into())?;
            Ok((port, arguments, process))
        })?;
        Ok(RedisServer { settings: self, port, program, arguments, certificate, process, folder })
    }
}

impl fmt::Debug for RedisServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServerBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}

fn launch(
    program: &Path,
    arguments: &[String],
    folder: &Path,
    address: SocketAddr,
) -> Result<Process, ServerError> {
    let mut process = Process::start(program, arguments, folder, None)?;
    process.wait_until(|_| answers(&folder.join(SOCKET)) && accepts(address))?;
    Ok(process)
}

/// Whether it has loaded its data and answers, were it only that a password is wanted.
fn answers(socket: &Path) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer)?;
        Ok(answer.starts_with(b"+PONG") || answer.starts_with(b"-NOAUTH"))
    };
    ping().unwrap_or(false)
}
