//! A worker as the conductor sees it: its lines, its end, and its stdin.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::wire::{self, Line, Settings};

/// What comes from a worker, and which one it is.
#[derive(Debug)]
pub(super) enum Message {
    Line(usize, Line),
    /// It is gone; whether it ended by itself and well.
    Gone(usize, bool),
}

/// A running worker. Dropping it kills it.
pub(super) struct Worker {
    pid: Pid,
    stdin: Option<ChildStdin>,
    /// Reads its lines, and waits for its end: until then its process id is its own.
    reader: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(number: usize, settings: &Settings, to: &Sender<Message>) -> Result<Self> {
        let mut child = Command::new(this_program()?)
            .arg("soak-worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a worker")?;
        let pid = Pid::from_child(&child);
        let mut stdin = child.stdin.take().context("a worker has a stdin")?;
        write(&mut stdin, settings)?;
        let to = to.clone();
        let reader = std::thread::spawn(move || read(number, &mut child, &to));
        Ok(Self { pid, stdin: Some(stdin), reader: Some(reader) })
    }

    pub(super) fn pid(&self) -> u32 {
        u32::try_from(self.pid.as_raw_nonzero().get()).unwrap_or_default()
    }

    pub(super) fn command(&mut self, command: wire::Command) -> Result<()> {
        write(self.stdin.as_mut().context("the worker was told to stop")?, &command)
    }

    /// The end of its stdin tells a worker to finish.
    pub(super) fn finish(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal, unless the worker has been waited for already.
    pub(super) fn signal(&self, signal: Signal) {
        if self.reader.as_ref().is_some_and(|reader| !reader.is_finished()) {
            // It fails when the process has just ended by itself.
            let _ = kill_process(self.pid, signal);
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn write(stdin: &mut ChildStdin, line: &impl serde::Serialize) -> Result<()> {
    let mut json = serde_json::to_vec(line)?;
    json.push(b'\n');
    stdin.write_all(&json).context("a worker does not read")
}

fn read(number: usize, child: &mut Child, to: &Sender<Message>) {
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // The last line of a killed worker may be cut off.
            if let Ok(line) = serde_json::from_str(&line) {
                let _ = to.send(Message::Line(number, line));
            }
        }
    }
    let well = child.wait().is_ok_and(|status| status.success());
    let _ = to.send(Message::Gone(number, well));
}

/// This program, even if its file has been built anew since it was started.
fn this_program() -> Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { Ok(std::env::current_exe()?) }
}
