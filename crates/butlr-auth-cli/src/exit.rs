//! Exit codes: the one table that scripts rely on.

use butlr_auth::ErrorKind;

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Unexpected = 1,
    Usage = 2,
    Configuration = 3,
    Login = 4,
    Refused = 5,
    Temporary = 6,
    Storage = 7,
    /// The answer is no. `api`: the status is 400 or more, and the body is on stdout. `inspect --verify`: the token is
    /// not valid.
    Negative = 8,
    /// `run`: the command is there and cannot be executed.
    NotExecutable = 126,
    /// `run`: there is no such command.
    NotFound = 127,
    /// By SIGHUP: the terminal is gone. This and the next are 128 and the number of the signal.
    Hangup = 129,
    /// By SIGINT, or by Ctrl-C at a prompt.
    Interrupted = 130,
    /// By SIGQUIT.
    Quit = 131,
    /// By SIGTERM.
    Terminated = 143,
}

/// The exit code of an error of the library, and the name by which `--json` shows its kind.
pub(crate) fn of_kind(kind: ErrorKind) -> (Exit, &'static str) {
    match kind {
        ErrorKind::Configuration => (Exit::Configuration, "configuration"),
        ErrorKind::Unsupported => (Exit::Configuration, "unsupported"),
        ErrorKind::LoginRequired => (Exit::Login, "login_required"),
        ErrorKind::Refused => (Exit::Refused, "refused"),
        ErrorKind::InsufficientScope => (Exit::Refused, "insufficient_scope"),
        ErrorKind::InvalidResponse => (Exit::Refused, "invalid_response"),
        ErrorKind::InvalidCallback => (Exit::Refused, "invalid_callback"),
        ErrorKind::Unreachable => (Exit::Temporary, "unreachable"),
        ErrorKind::TimedOut => (Exit::Temporary, "timed_out"),
        ErrorKind::Throttled => (Exit::Temporary, "throttled"),
        ErrorKind::ServerFailed => (Exit::Temporary, "server_failed"),
        ErrorKind::Busy => (Exit::Temporary, "busy"),
        ErrorKind::StoreUnreachable => (Exit::Temporary, "store_unreachable"),
        ErrorKind::Storage => (Exit::Storage, "storage"),
        ErrorKind::CorruptRecord => (Exit::Storage, "corrupt_record"),
        _ => (Exit::Unexpected, "unexpected"),
    }
}

#[cfg(test)]
mod tests;
