//! The signals that end a command: an exchange in flight is finished first, because it may have spent a refresh token.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Command;
use crate::command;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

/// What takes longer to finish is told.
const UNNOTICED: Duration = Duration::from_millis(300);

/// Runs a command to its end. The first signal waits for what its sessions have under way, the second leaves.
pub(crate) async fn finishing(context: &Context, command: Command) -> Result<Exit, Failure> {
    let by_signal = command.ends_by_signal();
    let mut signals = Signals::new()?;
    let ended = tokio::select! {
        ended = command::run(context, command) => ended,
        exit = signals.next(), if !by_signal => {
            terminal::restore_echo();
            Err(Failure::interrupted(exit))
        }
    };
    if by_signal {
        // The first one was the command's own.
        signals = Signals::new()?;
    }
    let interrupted = ended.as_ref().is_err_and(Failure::is_interruption);
    tokio::select! {
        () = finish(context, interrupted) => ended,
        exit = signals.next() => Err(Failure::interrupted(exit)),
    }
}

async fn finish(context: &Context, interrupted: bool) {
    let mut shutdown = std::pin::pin!(context.shutdown());
    let in_time = tokio::time::timeout(UNNOTICED, &mut shutdown).await;
    if in_time.is_err() {
        if interrupted {
            context.output.note(
                "waiting for the answer to a refresh token that has left, to keep its successor; a second signal \
                 leaves at once, and the next command may have to log in",
            );
        }
        shutdown.await;
    }
}

/// The signals that end a program, alike. One that was ignored when this one began stays ignored, as `nohup` and a
/// shell's `&` expect, also for the command that `run` becomes.
pub(crate) struct Signals(Vec<(Exit, Signal)>);

impl Signals {
    pub(crate) fn new() -> Result<Self, Failure> {
        let ignored = ignored();
        let mut signals = Vec::new();
        for (kind, exit) in [
            (SignalKind::hangup(), Exit::Hangup),
            (SignalKind::interrupt(), Exit::Interrupted),
            (SignalKind::quit(), Exit::Quit),
            (SignalKind::terminate(), Exit::Terminated),
        ] {
            if ignored & (1 << (kind.as_raw_value() - 1)) == 0 {
                signals.push((exit, signal(kind)?));
            }
        }
        Ok(Self(signals))
    }

    /// Waits for one of them, and says what the program then ends with.
    pub(crate) async fn next(&mut self) -> Exit {
        poll_fn(|context| {
            let ready = self
                .0
                .iter_mut()
                .find_map(|(exit, signal)| signal.poll_recv(context).is_ready().then_some(*exit));
            ready.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

/// The set of the signals that are ignored, as bits from the first on. Linux says it in a file; elsewhere nothing says
/// it without unsafe code, and none counts as ignored.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default()
}
