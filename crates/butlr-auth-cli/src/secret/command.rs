//! A command that prints a secret: bounded in time and in what it prints.

use std::process::Stdio;
use std::time::Duration;

use butlr_auth::ErrorKind;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::{LIMIT, trimmed};
use crate::environment;
use crate::failure::Failure;

/// Runs a command, without a shell, and takes what it prints. It may ask its user on the terminal.
pub(super) async fn fetch(
    what: &str,
    words: &[String],
    within: Duration,
) -> Result<Zeroizing<String>, Failure> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Failure::configuration("the command is empty"))?;
    let named = format!("the command `{program}` that fetches the {what}");
    let failed = |why: String| {
        Failure::configuration(format!("{named} {why}")).help("run it by hand to see what is wrong")
    };
    let not_run = |error: std::io::Error| failed(format!("could not be run: {error}"));
    let mut running = Running::start(program, arguments).map_err(not_run)?;
    let late = |_| {
        Failure::new(ErrorKind::TimedOut, format!("{named} did not end in time"))
            .help("run it by hand to see what it waits for, or give it more time by --timeout")
    };
    let printed = tokio::time::timeout(within, running.printed()).await.map_err(late)?;
    let (printed, status) = printed.map_err(not_run)?;
    let Some(status) = status else {
        return Err(failed(format!("printed more than {} KiB", LIMIT / 1024)));
    };
    if !status.success() {
        return Err(failed(format!("failed: {status}")));
    }
    let secret =
        std::str::from_utf8(&printed).map_err(|_| failed("printed something else than text".to_owned()))?;
    trimmed(Zeroizing::new(secret.to_owned()), &format!("the output of `{program}`"))
}

/// A command that is killed with all that it started, unless it has ended.
struct Running {
    child: Child,
    /// Where it can ask nobody, it has a group of its own. At a terminal it must stay in the one that may read there.
    group: Option<Pid>,
}

impl Running {
    fn start(program: &str, arguments: &[String]) -> std::io::Result<Self> {
        let mut command = Command::new(program);
        command
            .args(arguments)
            // It fetches one secret and has no business with these.
            .env_remove(environment::CLIENT_SECRET)
            .env_remove(environment::PASSWORD)
            .stdin(Stdio::inherit())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let is_alone = std::fs::File::open("/dev/tty").is_err();
        if is_alone {
            command.process_group(0);
        }
        let child = command.spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, group: pid.filter(|_| is_alone) })
    }

    /// What it prints, and how it ended; `None` if it prints too much.
    async fn printed(&mut self) -> std::io::Result<(Zeroizing<Vec<u8>>, Option<std::process::ExitStatus>)> {
        let mut printed = Zeroizing::new(Vec::with_capacity(LIMIT + 1));
        if let Some(stdout) = self.child.stdout.take() {
            stdout.take(LIMIT as u64 + 1).read_to_end(&mut printed).await?;
        }
        if printed.len() > LIMIT {
            return Ok((printed, None));
        }
        let status = self.child.wait().await?;
        self.group = None;
        Ok((printed, Some(status)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            // It may have ended at this very moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
