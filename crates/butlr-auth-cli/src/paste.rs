//! What a person pastes: read whole, however long it is and wherever it was broken, or refused.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::LocalModes;
use zeroize::{Zeroize as _, Zeroizing};

use crate::failure::Failure;
use crate::output::Output;
use crate::terminal;

/// Nothing that is pasted is longer: 64 KiB, as a redirect with a large token needs.
const LONGEST: usize = 64 * 1024;

/// A paste has ended when its line has, and nothing more comes for this long.
const SILENCE: Duration = Duration::from_millis(150);

/// What was pasted, or that it was longer than anything should be.
enum Pasted {
    Text(Zeroizing<Vec<u8>>),
    TooLong,
}

/// Asks for an address and returns it without what a mail, a shell or a terminal put around and between it. Empty if
/// nothing came.
pub(crate) async fn address(output: &Output, question: &str) -> Result<Zeroizing<String>, Failure> {
    let at_terminal = terminal::is_present();
    if at_terminal {
        // Before the question is seen: somebody may type ahead.
        terminal::stop(LocalModes::ECHO | LocalModes::ICANON);
        output.question(question);
    }
    let pasted = tokio::task::spawn_blocking(move || if at_terminal { typed() } else { piped() });
    let pasted = pasted.await.map_err(io::Error::other).and_then(|pasted| pasted);
    terminal::restore_echo();
    match pasted? {
        Pasted::Text(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(cleaned(text)),
            Err(_) => Err(Failure::usage("what was pasted is not valid UTF-8").help("paste it as text")),
        },
        Pasted::TooLong => Err(Failure::usage(format!("what was pasted is longer than {LONGEST} bytes"))
            .help("paste the address alone")),
    }
}

/// Takes away line breaks and spaces, which no address has, and a pair of quotes or brackets around it.
pub(crate) fn cleaned(text: &str) -> Zeroizing<String> {
    let whole =
        Zeroizing::new(text.chars().filter(|character| !character.is_whitespace()).collect::<String>());
    for (open, close) in
        [('"', '"'), ('\'', '\''), ('`', '`'), ('<', '>'), ('“', '”'), ('‘', '’'), ('(', ')')]
    {
        if let Some(inner) = whole.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return cleaned(inner);
        }
    }
    whole
}

/// From another program, or a file: until its line ends and no more of it comes, or it closes.
fn piped() -> io::Result<Pasted> {
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let mut too_long = false;
    loop {
        let Some(chunk) = chunk()? else { break };
        too_long |= text.len() + chunk.len() > LONGEST;
        if !too_long {
            text.extend_from_slice(&chunk);
        }
        if chunk.last().is_some_and(|last| matches!(last, b'\n' | b'\r')) && !more_comes()? {
            break;
        }
    }
    Ok(if too_long { Pasted::TooLong } else { Pasted::Text(text) })
}

/// From the terminal, a key at a time: a line that the terminal itself edits is cut after 4,095 bytes.
fn typed() -> io::Result<Pasted> {
    let mut text = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    let (mut too_long, mut ended) = (false, false);
    while !ended {
        let Some(chunk) = chunk()? else { break };
        for &key in chunk.iter() {
            ended = false;
            match key {
                b'\n' | b'\r' => ended = true,
                // Ctrl-D ends what was typed, as it does in a line.
                0x04 => return Ok(finish(text, too_long)),
                0x08 | 0x7f => {
                    if text.pop().is_some() {
                        show(b"\x08 \x08");
                    }
                }
                // Ctrl-U takes all of it back.
                0x15 => {
                    show(b"\r\x1b[2K");
                    text.zeroize();
                    text.reserve_exact(LONGEST + 1);
                }
                _ if text.len() >= LONGEST => too_long = true,
                _ => {
                    text.push(key);
                    if !key.is_ascii_control() {
                        show(&[key]);
                    }
                }
            }
        }
        // The rest of an address that was broken into lines is already on its way.
        ended = ended && !more_comes()?;
    }
    Ok(finish(text, too_long))
}

fn finish(text: Zeroizing<Vec<u8>>, too_long: bool) -> Pasted {
    show(b"\n");
    if too_long { Pasted::TooLong } else { Pasted::Text(text) }
}

/// What is there to be read; `None` at the end.
fn chunk() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut buffer = Zeroizing::new(vec![0; 4096]);
    let length = rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut **buffer))?;
    buffer.truncate(length);
    Ok((length > 0).then_some(buffer))
}

/// Whether more comes before it has been silent for long enough. The end of a pipe is nothing more.
fn more_comes() -> io::Result<bool> {
    let stdin = io::stdin();
    let mut watched = [PollFd::new(&stdin, PollFlags::IN)];
    let silence = Timespec::try_from(SILENCE).map_err(io::Error::other)?;
    let ready = rustix::io::retry_on_intr(|| poll(&mut watched, Some(&silence)))?;
    Ok(ready > 0 && watched.iter().any(|watched| watched.revents().contains(PollFlags::IN)))
}

/// The terminal does not show by itself what is typed now.
fn show(bytes: &[u8]) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        // Nobody is left to tell that stderr is closed.
        let _ = stderr.write_all(bytes).and_then(|()| stderr.flush());
    }
}

#[cfg(test)]
mod tests;
