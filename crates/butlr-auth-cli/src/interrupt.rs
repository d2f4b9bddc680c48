//! Ctrl-C and SIGTERM: an exchange in flight is finished first, because it may have spent a refresh token.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Command;
use crate::command;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

/// Runs a command to its end. The first interruption waits for what its sessions have under way, the second leaves.
pub(crate) async fn finishing(context: &Context, command: Command) -> Result<Exit, Failure> {
    let by_signal = command.ends_by_signal();
    let mut signals = Signals::new()?;
    let ended = tokio::select! {
        ended = command::run(context, command) => ended,
        () = signals.next(), if !by_signal => {
            terminal::restore_echo();
            Err(Failure::interrupted())
        }
    };
    if by_signal {
        // The first one was the command's own.
        signals = Signals::new()?;
    }
    tokio::select! {
        () = context.shutdown() => {}
        () = signals.next() => return Err(Failure::interrupted()),
    }
    ended
}

/// Ctrl-C and SIGTERM alike.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
