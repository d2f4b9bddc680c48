use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use super::ServerError;
use super::process::{Process, find};

/// A bus that only its own user may use, and nobody starts services on.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=SOCKET</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// Starts the keyring with its folders below the third word, unlocked with the fourth.
const KEYRING: &str = r#"
export DBUS_SESSION_BUS_ADDRESS=$1 HOME=$2 XDG_DATA_HOME=$2 XDG_CACHE_HOME=$2 XDG_CONFIG_HOME=$2 XDG_RUNTIME_DIR=$2
printf %s "$3" | exec "$0" --foreground --components=secrets --unlock
"#;

const NAME: &str = "org.freedesktop.secrets";
const PASSWORD: &str = "of the keyring";

/// GNOME Keyring on a D-Bus of its own: what a desktop's programs find as the Secret Service. Unlocked at first.
///
/// Programs find it by the environment variable `DBUS_SESSION_BUS_ADDRESS`, so a test that uses it starts a process
/// of its own, with [`address`](Self::address) there.
pub struct SecretService {
    program: PathBuf,
    dbus_send: PathBuf,
    address: String,
    // Dropped in this order: the folder outlives the processes.
    keyring: Process,
    _bus: Process,
    folder: TempDir,
}

impl SecretService {
    /// Starts a bus and a keyring on it.
    ///
    /// # Errors
    /// [`ServerError`] if one of them is not installed or does not start.
    pub fn start() -> Result<Self, ServerError> {
        let dbus = find("dbus-daemon", "dbus", &[])?;
        let dbus_send = find("dbus-send", "dbus", &[])?;
        let program = find("gnome-keyring-daemon", "gnome-keyring", &[])?;
        let folder = TempDir::new().map_err(ServerError::io("no temporary folder"))?;
        let socket = folder.path().join("bus");
        let configuration = folder.path().join("bus.conf");
        let bus = BUS.replace("SOCKET", &socket.display().to_string());
        fs::write(&configuration, bus).map_err(ServerError::io("the bus cannot be configured"))?;
        let option = format!("--config-file={}", configuration.display());
        let mut bus =
            Process::start(&dbus, [option.as_str(), "--nofork", "--nopidfile"], folder.path(), None)?;
        bus.wait_until(|_| socket.exists())?;
        let address = format!("unix:path={}", socket.display());
        let keyring = launch(&program, &dbus_send, &address, folder.path())?;
        Ok(Self { program, dbus_send, address, keyring, _bus: bus, folder })
    }

    /// Returns the bus's address, for `DBUS_SESSION_BUS_ADDRESS`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Locks all that it keeps. There is nobody to ask for the password, so it stays locked until a
    /// [`restart`](Self::restart).
    ///
    /// # Errors
    /// [`ServerError`] if it does not answer.
    pub fn lock(&self) -> Result<(), ServerError> {
        let arguments = [
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.Lock",
            "array:objpath:/org/freedesktop/secrets/collection/login",
        ];
        let output = send(&self.dbus_send, &self.address, NAME, &arguments)?;
        if output.status.success() {
            return Ok(());
        }
        Err(ServerError::new(format!("it does not lock: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Stops it (`SIGSTOP`): the bus takes calls to it, and nobody answers.
    ///
    /// # Errors
    /// [`ServerError`] if it is gone.
    pub fn pause(&self) -> Result<(), ServerError> {
        self.keyring.signal(Signal::STOP)
    }

    /// Lets it go on after a [`pause`](Self::pause).
    ///
    /// # Errors
    /// [`ServerError`] if it is gone.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.keyring.signal(Signal::CONT)
    }

    /// Kills it (`SIGKILL`). The bus stays, and nobody answers there.
    ///
    /// # Errors
    /// [`ServerError`] if its end cannot be awaited.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        self.keyring.kill()
    }

    /// Starts it again, unlocked and with what it kept, killing it first if it runs.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.kill()?;
        self.keyring = launch(&self.program, &self.dbus_send, &self.address, self.folder.path())?;
        Ok(())
    }
}

impl fmt::Debug for SecretService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretService").field("address", &self.address).finish_non_exhaustive()
    }
}

fn launch(program: &Path, dbus_send: &Path, address: &str, folder: &Path) -> Result<Process, ServerError> {
    let program = program.display().to_string();
    let home = folder.join("home");
    fs::create_dir_all(&home).map_err(ServerError::io("the keyring has no folder"))?;
    let home = home.display().to_string();
    let words = ["-c", KEYRING, &program, address, &home, PASSWORD];
    let mut process = Process::start(Path::new("/bin/sh"), words, folder, None)?;
    process.wait_until(|_| is_there(dbus_send, address))?;
    Ok(process)
}

/// Whether somebody answers as the Secret Service and has a collection to keep things in.
fn is_there(dbus_send: &Path, address: &str) -> bool {
    let arguments =
        ["/org/freedesktop/secrets", "org.freedesktop.Secret.Service.ReadAlias", "string:default"];
    send(dbus_send, address, NAME, &arguments)
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("/collection/"))
}

fn send(dbus_send: &Path, address: &str, to: &str, arguments: &[&str]) -> Result<Output, ServerError> {
    Command::new(dbus_send)
        .arg(format!("--bus={address}"))
        .args(["--print-reply", "--reply-timeout=2000"])
        .arg(format!("--dest={to}"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(ServerError::io("dbus-send could not be started"))
}
