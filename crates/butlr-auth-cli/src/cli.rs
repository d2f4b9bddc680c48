//! The arguments, and the words that teach them.

use std::path::PathBuf;
use std::time::Duration;

use butlr_auth::core::text::{escape, is_hidden};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::command;
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::shell;
use crate::time::parse_deadline;

const EXAMPLES: &str = "\
Examples:
  butlr-auth login                          log in to Butlr with user name and password
  butlr-auth token                          print an access token that is valid now
  butlr-auth run -- ./report.py             run a program with a token in its environment
  curl -H \"$(butlr-auth token -f header)\" https://api.butlr.io/api/v3/graphql …
  butlr-auth api graphql -f query='{ sites { data { id name } } }'
  BUTLR_CLIENT_ID=… BUTLR_CLIENT_SECRET=… butlr-auth token      no login, no configuration

Exit codes:
  0 done   2 usage   3 configuration   4 log in (again)   5 the server refused
  6 temporary: try again   7 storage   8 api: HTTP status 400 or more   128+N ended by signal N
  1 anything else   run: 126 cannot be executed, 127 not found, else the command's own

stdout carries the result and nothing else; on failure it is empty.
`butlr-auth help environment` is about every variable that is read or set.";

/// A valid access token for every language, script and cron job.
#[derive(Debug, Parser)]
#[command(name = "butlr-auth", version, after_help = EXAMPLES, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Use this profile of the configuration
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// Talk to the API at this URL; a configured profile stays with its own
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// Read this configuration [default: $XDG_CONFIG_HOME/butlr-auth/config.toml]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) config: Option<PathBuf>,

    /// Print results, errors and warnings as JSON, one document a line
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    /// Log decisions to stderr; twice for every step and when. Secrets are never in it
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Colour what goes to stderr
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,

    /// Never prompt: fail and name the alternative
    #[arg(long, global = true)]
    pub(crate) no_input: bool,

    /// Wait this long in all, for servers, secret commands and what is asked again; an answer to a refresh token that
    /// has left is waited for in any case
    #[arg(long, global = true, value_name = "DURATION", default_value = "30s", value_parser = parse_deadline)]
    pub(crate) timeout: Duration,

    /// Ask once: do not use the time for asking again after trouble that passes
    #[arg(long, global = true)]
    pub(crate) no_retry: bool,
}

/// When stderr is coloured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless the environment says no
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Login(command::login::Arguments),
    Token(command::token::Arguments),
    Run(command::run::Arguments),
    Api(command::api::Arguments),
    #[command(visible_alias = "whoami")]
    Status(command::status::Arguments),
    Logout(command::logout::Arguments),
    Client(command::client::Arguments),
    Profile(command::profile::Arguments),
    Inspect(command::inspect::Arguments),
    Doctor(command::doctor::Arguments),
    #[cfg(feature = "demo")]
    Demo(command::demo::Arguments),
    Helper(command::helper::Arguments),
    Completions(command::completions::Arguments),
    Man(command::man::Arguments),
    Help(command::help::Arguments),
}

impl Command {
    /// Whether a signal is the way in which this command is meant to end.
    pub(crate) fn ends_by_signal(&self) -> bool {
        match self {
            #[cfg(feature = "demo")]
            Self::Demo(arguments) => arguments.stays_up(),
            Self::Token(arguments) => arguments.stays_up(),
            _ => false,
        }
    }
}

/// Answers arguments that are no command: with help on stdout, or with what is wrong on stderr.
pub(crate) fn refuse(mut error: clap::Error, environment: &Environment) -> Exit {
    let meant = meant_as_profile(&error);
    if let Some(tip) = &meant {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    let output = Output::before_arguments(environment);
    if error.use_stderr() && output.is_json() {
        let message = error.to_string();
        let message = message.trim_start_matches("error: ").split("\n\n").next().unwrap_or_default();
        let message: Vec<&str> = message.split_whitespace().collect();
        let help = meant.unwrap_or_else(|| "see `butlr-auth --help`".to_owned());
        let failure = Failure::usage(message.join(" ")).help(help);
        output.failure(&failure);
    } else if error.use_stderr() && error.to_string().contains(|found| found != '\n' && is_hidden(found)) {
        output.refusal(&error.to_string());
    } else {
        // It prints to the stream that the answer belongs to; there is nowhere to tell that it is closed.
        let _ = error.print();
    }
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// What was meant by a word too many after a command that acts as a profile: `token work`.
fn meant_as_profile(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_a_word = error.kind() == ErrorKind::UnknownArgument && !word.starts_with('-');
    is_a_word
        .then(|| format!("a profile is named by -p: `butlr-auth -p {} …`", shell::word(&escape(word, 64))))
}
