//! `demo`: everything above against an embedded authorization server and Butlr API.

mod child;
mod profiles;
mod serve;
mod tour;

use std::path::PathBuf;
use std::time::Duration;

use butlr_auth_testkit::Quirk;
use clap::{ArgGroup, Args, ValueEnum};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::time::parse_duration;

const EXAMPLES: &str = "\
Examples:
  butlr-auth demo --script                  the tour: every flow, with what each step proved
  butlr-auth demo --serve --port 8910 --config-out demo.toml
  butlr-auth --config demo.toml login password && butlr-auth --config demo.toml -p password token
  butlr-auth demo --serve --lifetime 2s     tokens that end while you watch
  butlr-auth demo --serve --fail 503:2      the next two token requests fail
  butlr-auth demo --serve --quirk created-status    behave as some servers do

Nothing leaves this machine, and your own configuration and sessions are not touched.";

/// Try everything against an embedded server, without a network
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
#[command(group = ArgGroup::new("mode").required(true).args(["script", "serve"]))]
#[group(skip)]
pub(crate) struct Arguments {
    /// Run the tour and exit with 0 or 1
    #[arg(long, conflicts_with = "serve")]
    script: bool,

    /// Stay up until Ctrl-C, and print the environment to use
    #[arg(long)]
    serve: bool,

    /// Listen on this port; 0 lets the system choose
    #[arg(long, default_value_t = 0, requires = "serve")]
    port: u16,

    /// How long access tokens live [default: 1000s]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "serve")]
    lifetime: Option<Duration>,

    /// What a refresh does to the refresh token
    #[arg(long, value_name = "HOW", default_value = "rotate", requires = "serve")]
    rotate: RefreshTokens,

    /// Answer the next token requests at each endpoint with this status, so many times
    #[arg(long, value_name = "STATUS:TIMES", value_parser = failing, requires = "serve")]
    fail: Option<(u16, u32)>,

    /// Answer every token request only after this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration, requires = "serve")]
    slow: Option<Duration>,

    /// Behave as some servers do, such as scope-array; may be given more than once
    #[arg(long = "quirk", value_name = "NAME", value_parser = quirk, requires = "serve")]
    quirks: Vec<Quirk>,

    /// Print `export NAME='value'` lines for a shell to evaluate
    #[arg(long, requires = "serve")]
    shell: bool,

    /// Write a configuration with a profile for every flow
    #[arg(long, value_name = "FILE", requires = "serve")]
    config_out: Option<PathBuf>,
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum RefreshTokens {
    /// Each is good once and the answer carries the next
    Rotate,
    /// The answer carries the same one again
    Same,
    /// The answer carries none; the old one stays good
    Omit,
}

impl Arguments {
    pub(crate) fn stays_up(&self) -> bool {
        self.serve
    }
}

fn failing(text: &str) -> Result<(u16, u32), String> {
    let (status, times) = text.split_once(':').unwrap_or((text, "1"));
    let status = status.parse().ok().filter(|status| (400..=599).contains(status));
    status.zip(times.parse().ok()).ok_or_else(|| "write a status and a number, such as 503:2".to_owned())
}

fn quirk(name: &str) -> Result<Quirk, String> {
    let known = || Quirk::ALL.iter().map(|quirk| quirk.name()).collect::<Vec<_>>().join(", ");
    Quirk::named(name).ok_or_else(|| format!("these are known: {}", known()))
}

pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<Exit, Failure> {
    if arguments.serve { serve::run(context, &arguments).await } else { tour::run(context).await }
}
