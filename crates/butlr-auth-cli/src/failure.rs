//! What ends a command: said once on stderr, with the line that helps and the exit code.

use std::error::Error as _;
use std::fmt;

use butlr_auth::core::text::escape;
use butlr_auth::{Error, ErrorKind, NetworkFault};

use crate::exit::{self, Exit};
use crate::help;
use crate::network;

/// A failure, as a person and a script need it.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let (exit, kind) = exit::of_kind(kind);
        Self { exit, kind, message: message.into(), help: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, kind: "usage", message: message.into(), help: None }
    }

    pub(crate) fn configuration(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Configuration, message)
    }

    pub(crate) fn unexpected(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unexpected, kind: "unexpected", message: message.into(), help: None }
    }

    /// A signal ended the command; `exit` says which.
    pub(crate) fn interrupted(exit: Exit) -> Self {
        let message = match exit {
            Exit::Hangup => "ended by SIGHUP",
            Exit::Quit => "ended by SIGQUIT",
            Exit::Terminated => "ended by SIGTERM",
            _ => "interrupted",
        };
        Self { exit, kind: "interrupted", message: message.to_owned(), help: None }
    }

    pub(crate) fn is_interruption(&self) -> bool {
        self.kind == "interrupted"
    }

    /// A command that could not be run in this process's place.
    pub(crate) fn not_run(program: &str, error: &std::io::Error) -> Self {
        let (exit, kind) = match error.kind() {
            std::io::ErrorKind::NotFound => (Exit::NotFound, "not_found"),
            _ => (Exit::NotExecutable, "not_executable"),
        };
        let shown = escape(program, 128);
        Self { exit, kind, message: format!("could not run `{shown}`: {error}"), help: None }
    }

    /// Says what to do about it, unless that is said already.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    /// Says what helps when a file could not be written; `variable` names another place for it.
    pub(crate) fn help_write(self, error: &std::io::Error, variable: &str) -> Self {
        match error.kind() {
            // What is mounted over a single name cannot be replaced.
            std::io::ErrorKind::ResourceBusy => self.help(format!(
                "the file is mounted by itself and cannot be replaced: mount its folder, or name another place by {variable}"
            )),
            std::io::ErrorKind::ReadOnlyFilesystem | std::io::ErrorKind::PermissionDenied => {
                self.help(format!("make its folder writable for this user, or name another place by {variable}"))
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => self.help("free some space"),
            _ => self,
        }
    }

    /// Says what helps, as it is shown.
    pub(crate) fn shown_mend(&self) -> Option<String> {
        self.help.as_ref().map(|help| escape(help, LONGEST))
    }

    /// Names the login that brings a session back.
    pub(crate) fn help_by_login(self, command: &str) -> Self {
        if self.exit == Exit::Login { self.help(format!("run `{command}`")) } else { self }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Some(own) = error.source().and_then(|source| source.downcast_ref::<Self>()) {
            return own.clone();
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !message.contains(&cause_text) {
                message = format!("{message}: {cause_text}");
            }
            source = cause.source();
        }
        let mut failure = Self::new(error.kind(), message);
        failure.help = help_of(&error);
        failure
    }
}

/// What usually helps, where the message does not say it already.
fn help_of(error: &Error) -> Option<String> {
    let fault = error.source().and_then(|source| source.downcast_ref::<NetworkFault>());
    if let Some(help) = fault.and_then(network::help) {
        return Some(help.to_owned());
    }
    if let Some(help) = help::of(error) {
        return Some(help);
    }
    let text = match error.kind() {
        ErrorKind::Configuration if has_no_authorities(error) => {
            "install this machine's authorities (the package ca-certificates), or name some by SSL_CERT_FILE or `ca_file`"
        }
        // The one thing that is unsupported and no matter of configuration: what a newer version has written.
        ErrorKind::Unsupported if is_newer(error) => "install the version that wrote it, or a newer one",
        ErrorKind::Unsupported => "configure the endpoint in the profile's `endpoints`, or use another grant",
        ErrorKind::InvalidCallback => "start again, and paste the whole address of the page you end on",
        ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Throttled | ErrorKind::ServerFailed => {
            return Some(match error.retry_after() {
                Some(wait) => format!("try again in {} s", wait.as_secs().max(1)),
                None => "try again in a moment".to_owned(),
            });
        }
        ErrorKind::StoreUnreachable => {
            "see whether the database runs and is reachable; its address is in `[stores.…]` of the configuration"
        }
        ErrorKind::Storage if is_unwritable(error) => {
            "set BUTLR_AUTH_STATE_DIR to a folder that this user can write"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// Whether the machine trusts nobody at all, as an image without anything has it.
fn has_no_authorities(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(source) = cause {
        if source.to_string().contains("No CA certificates") {
            return true;
        }
        cause = source.source();
    }
    false
}

/// Whether a store failed because this user may not write there.
fn is_unwritable(error: &Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    source.is_some_and(|source| {
        matches!(
            source.kind(),
            std::io::ErrorKind::PermissionDenied
                | std::io::ErrorKind::ReadOnlyFilesystem
                | std::io::ErrorKind::NotFound
        )
    })
}

/// Whether a newer version of this program has written what cannot be read.
fn is_newer(error: &Error) -> bool {
    error.to_string().contains("update this program")
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::unexpected(error.to_string())
    }
}

/// No message is longer.
pub(crate) const LONGEST: usize = 4096;

/// Names of profiles and keys, paths and whatever a server says may hold what moves a cursor or hides a line.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.message, LONGEST))
    }
}

impl std::error::Error for Failure {}
