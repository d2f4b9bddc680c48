//! Real servers for the tests of stores: Redis, PostgreSQL and PgBouncer, each on a free loopback port with a
//! folder of its own, GNOME Keyring on a bus of its own, and `ChromeDriver` with a Chromium of its own.
//!
//! ```no_run
//! use butlr_auth_testkit::servers::{self, RedisServer};
//!
//! let Some(mut redis) = servers::or_skip(RedisServer::start()) else { return Ok(()) };
//! // … use `redis.url()` …
//! redis.pause()?; // it accepts connections and says nothing, as a frozen machine does
//! redis.resume()?;
//! redis.kill()?; // SIGKILL
//! redis.restart()?; // on the same port, with what was on disk
//! # Ok::<(), servers::ServerError>(())
//! ```
//!
//! The programs are the ones that the system has installed; one that is missing is an error that
//! [names the Debian package](ServerError::missing_package). A server ends when its value is dropped, and when
//! the process that started it dies, however it dies.
//!
//! Every call waits until the server is in the state asked for, and blocks its thread meanwhile: for some
//! milliseconds, PostgreSQL's [`start`](PostgresServer::start) for a second or two.

mod certificate;
mod chromedriver;
mod pgbouncer;
mod postgres;
mod process;
mod redis;
mod secret_service;

use std::fmt;
use std::net::{IpAddr, TcpListener};

pub use self::certificate::Certificate;
pub use self::chromedriver::ChromeDriver;
pub use self::pgbouncer::PgBouncer;
pub use self::postgres::{PostgresServer, PostgresServerBuilder};
pub use self::redis::{RedisServer, RedisServerBuilder};
pub use self::secret_service::SecretService;

/// How often a server is started on another port because somebody else took the free one in between.
const PORTS: usize = 5;

/// Why there is no server.
#[derive(Debug)]
pub struct ServerError {
    message: String,
    missing_package: Option<&'static str>,
}

impl ServerError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), missing_package: None }
    }

    fn missing(program: &str, package: &'static str) -> Self {
        let message = format!("{program} is not installed: apt-get install {package}");
        Self { message, missing_package: Some(package) }
    }

    fn io(what: impl fmt::Display) -> impl Fn(std::io::Error) -> Self {
        move |error| Self::new(format!("{what}: {error}"))
    }

    /// Returns the Debian package to install, if that is all that is wrong.
    #[must_use]
    pub fn missing_package(&self) -> Option<&'static str> {
        self.missing_package
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ServerError {}

/// The variable that says what tests are to do without, although `CI` is set: Debian packages, with commas.
const LEFT_OUT: &str = "BUTLR_AUTH_TEST_WITHOUT";

/// Whether a Debian package's programs are to be done without, because the environment variable
/// `BUTLR_AUTH_TEST_WITHOUT` names it: `redis-server,chromium`.
#[must_use]
pub fn is_left_out(package: &str) -> bool {
    std::env::var(LEFT_OUT).is_ok_and(|packages| packages.split(',').any(|named| named == package))
}

/// Returns the server, or `None` after saying loudly what to install: a test without its server may be passed over
/// on a developer's machine, and never in CI.
///
/// # Panics
/// If the program is missing, the environment variable `CI` is set and the package is not
/// [left out](is_left_out); if the program is there and does not start.
#[must_use]
#[expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "it ends a test, or tells who runs it what it left out"
)]
pub fn or_skip<T>(started: Result<T, ServerError>) -> Option<T> {
    let error = match started {
        Ok(server) => return Some(server),
        Err(error) => error,
    };
    let Some(package) = error.missing_package() else { panic!("{error}") };
    if std::env::var_os("CI").is_some() && !is_left_out(package) {
        panic!("in CI this test must run: {error}");
    }
    eprintln!("SKIPPED {}: {error}", std::thread::current().name().unwrap_or_default());
    None
}

/// Whether a program of a Debian package is installed; what [`or_skip`] says of a server that is not holds for it.
///
/// # Panics
/// As [`or_skip`].
#[must_use]
pub fn is_there(program: &str, package: &'static str) -> bool {
    or_skip(process::find(program, package, &[])).is_some()
}

/// Starts what listens on a port, on another one if the first turns out to be taken.
fn on_a_free_port<T>(
    address: IpAddr,
    mut start: impl FnMut(u16) -> Result<T, ServerError>,
) -> Result<T, ServerError> {
    let mut last = ServerError::new("no port was tried");
    for _ in 0..PORTS {
        let listener = TcpListener::bind((address, 0)).map_err(ServerError::io("no free port"))?;
        let port = listener.local_addr().map_err(ServerError::io("no free port"))?.port();
        drop(listener);
        match start(port) {
            Err(error) if error.missing_package().is_none() && error.message.contains("in use") => {
                last = error
            }
            started => return started,
        }
    }
    Err(last)
}
