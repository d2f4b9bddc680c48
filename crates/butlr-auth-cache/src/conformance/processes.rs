//! What a store promises to several processes: the test starts its own binary again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::subject::{Checked, Handle, count, key_named};
use super::{Broken, Promise};
use crate::{Hold, Id, Reach, TokenStore};

/// Tells a test binary that it is one of the processes of a check.
const VARIABLE: &str = "BUTLR_AUTH_CONFORMANCE";

/// What a process says once it has begun.
const READY: &str = "butlr-auth-conformance: ready";

const PROCESSES: u64 = 8;
const INCREMENTS: u64 = 50;

/// How often, and how many times, a lock is asked for whose holder was killed.
const POLL: Duration = Duration::from_millis(10);
const POLLS: usize = 100;

#[derive(Serialize, Deserialize)]
struct Job {
    task: Task,
    place: String,
    key: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Task {
    Increment,
    Hold,
}

/// Checks what several processes rely on: [`Promise::ProcessesShareIt`] with eight processes and 400 increments of
/// one session, and [`Promise::HoldEndsWithItsProcess`] with one that is killed.
///
/// The processes are this test binary, started again with the name of the test that calls this function and an
/// environment variable. In them `open` gets the same `place`, whatever it means to the store: a folder, a URL.
///
/// ```no_run
/// # #[cfg(unix)]
/// # mod example {
/// use butlr_auth_cache::{FileStore, conformance};
///
/// # fn new_folder() -> String { String::from("/run/sessions") }
/// // in tests/it/store.rs
/// #[tokio::test]
/// async fn processes_share_the_file_store() -> Result<(), conformance::Broken> {
///     let place = new_folder();
///     conformance::check_across_processes("store::processes_share_the_file_store", &place, async |place| {
///         FileStore::open(place).expect("the folder is ours")
///     })
///     .await
/// }
/// # }
/// ```
///
/// # Errors
/// [`Broken`] with one of the two promises; also if the store says that it reaches no other process.
pub async fn check_across_processes<S: TokenStore + 'static>(
    test: &str,
    place: &str,
    open: impl AsyncFn(&str) -> S,
) -> Result<(), Broken> {
    if let Ok(job) = std::env::var(VARIABLE) {
        let task = Promise::ProcessesShareIt;
        let job: Job = serde_json::from_str(&job)
            .map_err(|error| Broken { promise: task, what: format!("{VARIABLE} is not a job: {error}") })?;
        let store = Handle::new(open(&job.place).await);
        return task.within_deadline(work(&store, &job)).await;
    }
    let store = Handle::new(open(place).await);
    Promise::ProcessesShareIt.within_deadline(processes_share_it(&store, test, place)).await?;
    Promise::HoldEndsWithItsProcess.within_deadline(hold_ends_with_its_process(&store, test, place)).await
}

/// What each of the processes does.
async fn work(store: &Handle, job: &Job) -> Checked {
    let key = key_named(&job.key);
    let _held = match job.task {
        Task::Hold => Some(store.hold(&key).await?),
        Task::Increment => None,
    };
    let (mut output, mut go) = (std::io::stdout(), String::new());
    let said = writeln!(output, "{READY}").and_then(|()| output.flush());
    // It goes on at a line, and ends with its parent.
    said.and_then(|()| std::io::stdin().read_line(&mut go)).map_err(|error| error.to_string())?;
    if matches!(job.task, Task::Increment) {
        for _ in 0..INCREMENTS {
            store.increment(&key).await?;
        }
    }
    Ok(())
}

async fn processes_share_it(store: &Handle, test: &str, place: &str) -> Checked {
    if store.store().promises().reach == Reach::Process {
        return Err("it states that no other process sees it".to_owned());
    }
    let key = Id::random().to_string();
    let mut processes = Vec::new();
    for _ in 0..PROCESSES {
        processes.push(Process::start(test, place, &key, Task::Increment)?);
    }
    for process in &mut processes {
        process.ready().await?;
    }
    for process in &mut processes {
        process.go()?;
    }
    for process in processes {
        process.finish().await?;
    }
    let counted = store.load(&key_named(&key)).await?.as_ref().map_or(Ok(0), count)?;
    if counted != PROCESSES * INCREMENTS {
        return Err(format!("of {} increments {counted} are stored", PROCESSES * INCREMENTS));
    }
    Ok(())
}

async fn hold_ends_with_its_process(store: &Handle, test: &str, place: &str) -> Checked {
    let name = Id::random().to_string();
    let key = key_named(&name);
    if matches!(store.hold(&key).await?, Hold::Unsupported) {
        return Ok(());
    }
    let mut process = Process::start(test, place, &name, Task::Hold)?;
    process.ready().await?;
    if !matches!(store.hold(&key).await?, Hold::Busy) {
        return Err("a lock that another process holds is not busy".to_owned());
    }
    process.kill()?;
    for _ in 0..POLLS {
        if matches!(store.hold(&key).await?, Hold::Held(_)) {
            return Ok(());
        }
        tokio::time::sleep(POLL).await;
    }
    Err(format!("the lock of a killed process is busy after {POLLS} polls"))
}

/// A child of this process, killed at the latest when it is dropped.
struct Process(std::process::Child);

impl Process {
    fn start(test: &str, place: &str, key: &str, task: Task) -> Checked<Self> {
        let job = Job { task, place: place.to_owned(), key: key.to_owned() };
        let job = serde_json::to_string(&job).map_err(|error| error.to_string())?;
        let started = std::env::current_exe().and_then(|binary| {
            Command::new(binary)
                .args([test, "--exact", "--nocapture", "--test-threads=1"])
                .env(VARIABLE, job)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        });
        started.map(Self).map_err(|error| format!("the test binary could not be started again: {error}"))
    }

    /// Waits until it says that it is ready. A process that never does is killed by the deadline of the check,
    /// which ends the reading too.
    async fn ready(&mut self) -> Checked {
        let Some(output) = self.0.stdout.take() else { return Err("a process is asked twice".to_owned()) };
        let reading = tokio::task::spawn_blocking(move || {
            let mut output = BufReader::new(output);
            let mut said = String::new();
            while output.read_line(&mut said).is_ok_and(|length| length > 0) {
                if said.contains(READY) {
                    return Ok(output.into_inner());
                }
            }
            Err(said)
        });
        match reading.await.map_err(|error| error.to_string())? {
            Ok(output) => {
                self.0.stdout = Some(output);
                Ok(())
            }
            Err(said) => {
                Err(format!("a process ended before it was ready; is the test's name right? {said}"))
            }
        }
    }

    fn go(&mut self) -> Checked {
        let Some(mut input) = self.0.stdin.take() else {
            return Err("a process is started twice".to_owned());
        };
        input.write_all(b"go\n").map_err(|error| format!("a process is gone: {error}"))
    }

    async fn finish(mut self) -> Checked {
        loop {
            match self.0.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("a process ended with {status}: {}", self.said())),
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// What it has written to both outputs, after its end.
    fn said(&mut self) -> String {
        let mut said = String::new();
        let outputs: [Option<Box<dyn std::io::Read>>; 2] = [
            self.0.stdout.take().map(|output| Box::new(output) as _),
            self.0.stderr.take().map(|output| Box::new(output) as _),
        ];
        for mut output in outputs.into_iter().flatten() {
            // What cannot be read is missing from a message, no more.
            let _ = output.read_to_string(&mut said);
        }
        said
    }

    fn kill(&mut self) -> Checked {
        self.0.kill().and_then(|()| self.0.wait()).map(|_| ()).map_err(|error| error.to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
