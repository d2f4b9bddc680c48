//! `butlr-auth`: a valid access token for every language, script and cron job, with one command.
//!
//! Everything is in the library crates; this program turns arguments, environment and configuration into a
//! [session](butlr_auth::Session) and prints the one result. It is a library for its fuzz target alone: what is public
//! here is not for others.

#[cfg(not(unix))]
compile_error!("butlr-auth keeps sessions in files that only their owner may open, which needs Unix");

mod api;
mod browser;
mod cli;
mod command;
mod config;
mod context;
mod core_dumps;
mod document;
mod endpoint;
mod environment;
mod exit;
mod failure;
mod fault;
mod file;
mod form;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod help;
mod http;
mod interrupt;
#[cfg_attr(not(all(feature = "keyring", not(target_vendor = "apple"))), path = "keyring_absent.rs")]
mod keyring;
mod keys;
mod lifetime;
mod listed;
mod logging;
mod network;
mod output;
mod ownership;
mod paste;
mod patience;
mod plumbing;
mod profile;
mod room;
mod secret;
mod servers;
mod shell;
mod spinner;
mod store;
mod terminal;
mod time;
mod told;

use std::process::ExitCode;

use clap::Parser as _;

use cli::Cli;
use context::Context;
use environment::Environment;
use exit::Exit;
use output::Output;

/// Runs the program: arguments, environment, streams and exit code are those of this process.
pub fn main() -> ExitCode {
    fault::caught(run).into()
}

fn run() -> Exit {
    core_dumps::forbid();
    let environment = Environment::of_process();
    if let Some(exit) = plumbing::run(&environment) {
        return exit;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::refuse(error, &environment),
    };
    let output = Output::new(&cli.global, &environment);
    let ended = room::check()
        .and_then(|()| logging::start(&cli.global, &environment, &output))
        .and_then(|()| tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Into::into))
        .and_then(|runtime| {
            let context = Context::new(cli.global, environment, output.clone())?;
            let ended = runtime.block_on(interrupt::finishing(&context, cli.command));
            // A prompt may still wait for its line on a thread of its own: nobody waits for that.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            output.failure(&failure);
            failure.exit
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
