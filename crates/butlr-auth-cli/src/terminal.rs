//! Asking a person, where there is one.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Mutex;

use butlr_auth::ErrorKind;
use butlr_auth::core::text::escape;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Nothing that is asked for is longer than this: 64 KiB, as a redirect with a large token needs.
const LIMIT: usize = 64 * 1024;

/// The terminal as it was before a secret was asked for.
static BEFORE: Mutex<Option<(OwnedFd, Termios)>> = Mutex::new(None);

/// Tells whether a person can be asked: both streams that the question and the answer take are terminals.
pub(crate) fn is_present() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether stdin is a file or comes from another program.
pub(crate) fn is_piped() -> bool {
    use rustix::fs::{FileType, fstat};
    let kind = fstat(io::stdin()).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::RegularFile | FileType::Fifo))
}

/// How many columns and rows the terminal at stderr has.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok()?;
    Some((size.ws_col, size.ws_row))
}

/// Asks for a secret without showing it. The caller has checked that a person [is present](is_present).
pub(crate) async fn secret(question: &str) -> Result<Zeroizing<String>, Failure> {
    let question = escape(question, 512);
    stop_echo();
    let answer = blocking(move || rpassword::prompt_password(question)).await;
    restore_echo();
    Ok(Zeroizing::new(answer?))
}

/// Asks for a line that may be seen until there is one. The end of the input is no answer.
pub(crate) async fn answer(output: &Output, question: &str) -> Result<String, Failure> {
    loop {
        output.question(question);
        let line = stdin(|stdin, line| stdin.read_line(line)).await?;
        if line.is_empty() {
            return Err(Failure::new(ErrorKind::LoginRequired, "no answer came"));
        }
        if !line.trim().is_empty() {
            return Ok(line.trim().to_owned());
        }
    }
}

/// Asks for a line that may be seen.
pub(crate) async fn line(output: &Output, question: &str) -> Result<String, Failure> {
    output.question(question);
    Ok(std::mem::take(&mut *stdin_line().await?))
}

/// Reads one line from stdin, without its end.
pub(crate) async fn stdin_line() -> Result<Zeroizing<String>, Failure> {
    let mut line = stdin(|stdin, line| stdin.read_line(line)).await?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    Ok(line)
}

/// Reads stdin to its end, which comes soon if a program is at the other end of it.
pub(crate) async fn stdin_text() -> Result<Zeroizing<String>, Failure> {
    stdin(|stdin, text| stdin.read_to_string(text)).await
}

/// Reads from stdin. What is longer than the limit is refused and not cut.
async fn stdin(
    read: impl FnOnce(&mut io::Take<io::StdinLock<'static>>, &mut String) -> io::Result<usize> + Send + 'static,
) -> Result<Zeroizing<String>, Failure> {
    blocking(move || {
        // One allocation: growing would leave pieces of a secret behind.
        let mut text = Zeroizing::new(String::with_capacity(LIMIT + 2));
        if read(&mut io::stdin().lock().take(LIMIT as u64 + 1), &mut text)? > LIMIT {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(text)
    })
    .await
}

/// Puts the terminal back after a secret was asked for, whether it came or an interruption.
pub(crate) fn restore_echo() {
    if let Some((terminal, before)) = BEFORE.lock().ok().and_then(|mut kept| kept.take()) {
        // What cannot be restored cannot be told better either.
        let _ = tcsetattr(terminal, OptionalActions::Now, &before);
    }
}

/// Stops the echo before the question is seen: `rpassword` asks first, and somebody may type ahead.
fn stop_echo() {
    stop(LocalModes::ECHO);
}

/// Stops what the terminal does by itself, until [`restore_echo`]. What asks reads from the controlling terminal, and so
/// that is the one.
pub(crate) fn stop(modes: LocalModes) {
    let terminal = std::fs::File::open("/dev/tty").map(OwnedFd::from);
    if let Ok(terminal) = terminal
        && let Ok(before) = tcgetattr(terminal.as_fd())
        && let Ok(mut kept) = BEFORE.lock()
    {
        let mut stopped = before.clone();
        stopped.local_modes.remove(modes);
        // Where it fails, whoever reads sees what is typed as well.
        let _ = tcsetattr(&terminal, OptionalActions::Now, &stopped);
        *kept = Some((terminal, before));
    }
}

async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let read = tokio::task::spawn_blocking(read).await.map_err(io::Error::other);
    read.and_then(|read| read).map_err(|error| match error.kind() {
        // While a secret is typed the terminal sends no signal, and Ctrl-C is a key like any other.
        io::ErrorKind::Interrupted => Failure::interrupted(Exit::Interrupted),
        io::ErrorKind::FileTooLarge => {
            Failure::usage(format!("what came on stdin is longer than {LIMIT} bytes"))
        }
        io::ErrorKind::InvalidData => {
            Failure::usage("what came on stdin is not valid UTF-8").help("send it as text")
        }
        _ => Failure::new(ErrorKind::LoginRequired, format!("could not read an answer: {error}")),
    })
}
