//! The two streams: stdout carries the one result, stderr everything else. With `--json` every line of either is a
//! document.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use butlr_auth::core::text::{escape, escape_lines};
use serde_json::{Value, json};

use crate::cli::{Color, Global};
use crate::document;
use crate::environment::Environment;
use crate::failure::{Failure, LONGEST};

/// How results and messages are written. Clones write to the same streams.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Whether stderr is a terminal that can move its cursor.
    is_terminal: bool,
    color: ColorChoice,
    /// Keeps lines of different tasks apart.
    line: Arc<std::sync::Mutex<()>>,
}

impl Output {
    pub(crate) fn new(global: &Global, environment: &Environment) -> Self {
        Self {
            json: global.json,
            quiet: global.quiet,
            is_terminal: is_terminal(environment),
            color: choice(global.color, environment),
            line: Arc::default(),
        }
    }

    /// For errors that come before there are arguments, or beside them.
    pub(crate) fn before_arguments(environment: &Environment) -> Self {
        Self {
            json: std::env::args_os().any(|argument| argument == "--json"),
            quiet: false,
            is_terminal: is_terminal(environment),
            color: choice(Color::Auto, environment),
            line: Arc::default(),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn color(&self) -> ColorChoice {
        self.color
    }

    /// Writes the result, whole, and flushes it.
    pub(crate) fn result(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(bytes)
            .and_then(|()| stdout.flush())
            .map_err(|error| Failure::unexpected(format!("could not write to stdout: {error}")))
    }

    /// Writes the result as a line of text, or several. Whatever is in it, a terminal only shows it.
    pub(crate) fn line(&self, text: &str) -> Result<(), Failure> {
        self.result(format!("{}\n", escape_lines(text)).as_bytes())
    }

    /// Writes the result as one JSON document. Its secrets are wiped from the buffer afterwards.
    pub(crate) fn document(&self, document: &Value) -> Result<(), Failure> {
        self.result(document::line(document).as_bytes())
    }

    /// Tells a person something that is neither result nor trouble.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.tell("note", "", Style::new(), &escape(text, LONGEST));
        }
    }

    /// Tells of something that was survived.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            self.tell("warning", "warning: ", AnsiColor::Yellow.on_default().bold(), &escape(text, LONGEST));
        }
    }

    /// Shows what a person must see to go on, whatever `--quiet` says.
    pub(crate) fn ask(&self, text: &str) {
        self.tell("ask", "", Style::new(), &escape_lines(text));
    }

    /// As [`ask`](Self::ask), with what a program needs of it.
    pub(crate) fn ask_with(&self, text: &str, facts: Value) {
        match facts {
            Value::Object(mut facts) if self.json => {
                facts.insert("schema".to_owned(), 2.into());
                facts.insert("level".to_owned(), "ask".into());
                facts.insert("message".to_owned(), text.into());
                self.say_document(&Value::Object(facts));
            }
            _ => self.ask(text),
        }
    }

    /// Whether a person looks at stderr.
    pub(crate) fn is_watched(&self) -> bool {
        !self.json && !self.quiet && self.is_terminal
    }

    /// Writes over the current line of a terminal; nothing takes it away.
    pub(crate) fn progress(&self, text: &str) {
        let _whole = self.line.lock();
        let mut stderr = io::stderr().lock();
        // Nobody is left to tell that stderr is closed.
        let _ = write!(stderr, "\r\x1b[2K{}", escape(text, LONGEST)).and_then(|()| stderr.flush());
    }

    /// Begins a line that the person ends.
    pub(crate) fn question(&self, text: &str) {
        let _whole = self.line.lock();
        let mut stderr = io::stderr().lock();
        // Nobody is left to tell that stderr is closed.
        let _ = write!(stderr, "{}", escape(text, LONGEST)).and_then(|()| stderr.flush());
    }

    /// Tells why the command failed and what helps.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            let document = json!({
                "schema": 2,
                "kind": failure.kind,
                "message": failure.to_string(),
                "help": failure.shown_mend(),
                "exit": failure.exit as u8,
            });
            self.say_document(&document);
            return;
        }
        self.say("error: ", AnsiColor::Red.on_default().bold(), &failure.to_string());
        if let Some(help) = failure.shown_mend() {
            self.say("help: ", AnsiColor::Green.on_default().bold(), &help);
        }
    }

    /// Shows words about arguments that are none. They repeat what was typed, or pasted.
    pub(crate) fn refusal(&self, text: &str) {
        self.say("", Style::new(), escape_lines(text).trim_end());
    }

    /// One line: text, or a document that a program tells from the error by its `level`.
    fn tell(&self, level: &str, label: &str, style: Style, text: &str) {
        if self.json {
            let document = json!({ "schema": 2, "level": level, "message": text });
            self.say_document(&document);
        } else {
            self.say(label, style, text);
        }
    }

    fn say_document(&self, document: &Value) {
        self.say("", Style::new(), document::line(document).trim_end());
    }

    fn say(&self, label: &str, style: Style, text: &str) {
        let _whole = self.line.lock();
        let mut stderr = AutoStream::new(io::stderr().lock(), self.color);
        // Nobody is left to tell that stderr is closed.
        let _ = writeln!(stderr, "{style}{label}{style:#}{text}");
    }
}

fn is_terminal(environment: &Environment) -> bool {
    let term = environment.text("TERM").ok().flatten();
    io::stderr().is_terminal() && term.is_some_and(|term| term != "dumb")
}

fn choice(color: Color, environment: &Environment) -> ColorChoice {
    let plain = || environment.is_set("NO_COLOR") || !is_terminal(environment);
    match color {
        Color::Always => ColorChoice::AlwaysAnsi,
        Color::Auto if !plain() => ColorChoice::AlwaysAnsi,
        Color::Never | Color::Auto => ColorChoice::Never,
    }
}
