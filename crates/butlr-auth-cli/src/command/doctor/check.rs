//! One thing that was looked at.

use butlr_auth::core::text::escape;
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::{Failure, LONGEST};

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ok,
    Warned,
    Failed,
}

/// What was found, and what helps.
#[derive(Debug)]
pub(super) struct Check {
    name: &'static str,
    pub(super) state: State,
    what: String,
    help: Option<String>,
    pub(super) exit: Exit,
}

impl Check {
    pub(super) fn ok(name: &'static str, what: String) -> Self {
        Self { name, state: State::Ok, what, help: None, exit: Exit::Done }
    }

    pub(super) fn warned(name: &'static str, what: String, help: &str) -> Self {
        Self { name, state: State::Warned, what, help: Some(help.to_owned()), exit: Exit::Done }
    }

    pub(super) fn failed(name: &'static str, failure: &Failure) -> Self {
        Self {
            name,
            state: State::Failed,
            what: failure.message.clone(),
            help: failure.help.clone(),
            exit: failure.exit,
        }
    }

    fn word(&self) -> &'static str {
        match self.state {
            State::Ok => "ok",
            State::Warned => "warn",
            State::Failed => "FAIL",
        }
    }

    pub(super) fn text(&self) -> String {
        let line = format!("{:<5} {:<14} {}", self.word(), self.name, escape(&self.what, LONGEST));
        match &self.help {
            Some(help) => format!("{line}\n{:>20} {}", "help:", escape(help, LONGEST)),
            None => line,
        }
    }

    pub(super) fn document(&self) -> Value {
        json!({ "name": self.name, "state": self.word(), "what": self.what, "help": self.help })
    }
}
