use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::ServerError;

/// How often, and how many times, a server is asked whether it is ready: for 30 seconds, because a busy machine is
/// slow.
const POLL: Duration = Duration::from_millis(5);
const POLLS: usize = 6000;

/// Runs the server as its child and kills it, with its own children, when standard input ends. That pipe's other
/// end is ours, and the kernel closes it however we die.
///
/// The server is stopped before it is killed, so that it makes no child that nobody knows of. When we die, the
/// kernel hangs up on a process group that has a stopped member, and it must not hang up on the watch.
const WATCH: &str = r#"
trap '' HUP
log=$1; shift
exec 3<&0 </dev/null
"$@" >>"$log" 2>&1 3<&- &
server=$!
(
    read -r _ <&3
    kill -STOP "$server"
    kill -KILL $(cat "/proc/$server/task/$server/children") "$server"
) 2>/dev/null &
watch=$!
echo "$server"
exec >&-
wait "$server"
status=$?
kill "$watch" 2>/dev/null
exit "$status"
"#;

/// A user of this machine, and its group.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl User {
    /// The user to run as a server that refuses to be root: `name` where we are root, ourselves otherwise.
    pub(super) fn unless_root(name: &str) -> Result<Option<Self>, ServerError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(ServerError::io("/etc/passwd"))?;
        let found = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            let is_wanted = fields.next() == Some(name);
            let ids = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            is_wanted.then_some(Self { uid: ids.0, gid: ids.1 })
        });
        found
            .map(Some)
            .ok_or_else(|| ServerError::new(format!("root may not run it, and there is no user {name}")))
    }

    /// Gives a file or folder to the user.
    pub(super) fn own(user: Option<Self>, path: &Path) -> Result<(), ServerError> {
        let Some(Self { uid, gid }) = user else { return Ok(()) };
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .map_err(ServerError::io(format!("{} could not be handed over", path.display())))
    }

    pub(super) fn apply(user: Option<Self>, command: &mut Command) {
        if let Some(Self { uid, gid }) = user {
            command.uid(uid).gid(gid);
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(super) struct Process {
    watch: Child,
    pid: Pid,
    log: PathBuf,
}

impl Process {
    /// Starts `program` in `folder`, its output added to the file `log` there.
    pub(super) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
        user: Option<User>,
    ) -> Result<Self, ServerError> {
        let failed = ServerError::io(format!("{} could not be started", program.display()));
        let log = folder.join("log");
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "watch"]).arg(&log).arg(program).args(arguments).current_dir(folder);
        // A group of its own: Ctrl-C is for us, and our end is what ends it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        User::apply(user, &mut command);
        let mut watch = command.spawn().map_err(&failed)?;
        let mut pid = String::new();
        if let Some(output) = watch.stdout.take() {
            BufReader::new(output).read_line(&mut pid).map_err(&failed)?;
        }
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
        match pid {
            Some(pid) => Ok(Self { watch, pid, log }),
            None => Err(ServerError::new(format!("{} could not be started", program.display()))),
        }
    }

    /// Waits until `is_ready`. A server that ends instead is an error with what it wrote.
    pub(super) fn wait_until(&mut self, is_ready: impl Fn(&Self) -> bool) -> Result<(), ServerError> {
        for _ in 0..POLLS {
            if self.watch.try_wait().map_err(ServerError::io("a server cannot be waited for"))?.is_some() {
                return Err(ServerError::new(format!("a server ended at once: {}", self.said())));
            }
            if is_ready(self) {
                return Ok(());
            }
            sleep(POLL);
        }
        Err(ServerError::new(format!("a server did not become ready: {}", self.said())))
    }

    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Sends a signal to the server and to its children.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), ServerError> {
        let failed = |error| ServerError::new(format!("a server could not be signalled: {error}"));
        kill_process(self.pid, signal).map_err(failed)?;
        for child in self.children() {
            // One that has ended meanwhile needs no signal.
            let _ = kill_process(child, signal);
        }
        Ok(())
    }

    fn children(&self) -> Vec<Pid> {
        let pid = self.pid.as_raw_pid();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).filter_map(Pid::from_raw).collect()
    }

    /// Kills the server and its children, and waits for their end: until then they hold the server's port and memory.
    pub(super) fn kill(&mut self) -> Result<(), ServerError> {
        let Some(stdin) = self.watch.stdin.take() else { return Ok(()) };
        // Stopped, it makes no more children. It fails when the server has ended by itself.
        let _ = kill_process(self.pid, Signal::STOP);
        let children = self.children();
        drop(stdin);
        self.watch.wait().map(drop).map_err(ServerError::io("a server cannot be waited for"))?;
        for _ in 0..POLLS {
            if !children.iter().copied().any(is_alive) {
                return Ok(());
            }
            sleep(POLL);
        }
        Err(ServerError::new("a killed server's children do not end"))
    }

    /// The last lines that it wrote.
    fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(8).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = self.kill();
    }
}

/// Whether a process has not ended; a zombie has.
fn is_alive(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).unwrap_or_default();
    // The name before it is in brackets, and may have some of its own.
    status.rsplit(')').next().and_then(|rest| rest.trim().chars().next()).is_some_and(|state| state != 'Z')
}

/// Finds a program on `PATH`, or in one of the folders where Debian keeps it, unless it is to be done without.
pub(super) fn find(
    program: &str,
    package: &'static str,
    folders: &[PathBuf],
) -> Result<PathBuf, ServerError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file() && !super::is_left_out(package))
        .ok_or_else(|| ServerError::missing(program, package))
}

/// Whether anybody listens.
pub(super) fn accepts(address: std::net::SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
