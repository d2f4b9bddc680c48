//! What this program is run for by itself and by shells: no command of a person's, and in no list of commands.

mod complete;
mod open;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::environment::Environment;
use crate::exit::Exit;

#[derive(Debug, Parser)]
#[command(name = "butlr-auth", disable_help_subcommand = true)]
struct Plumbing {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Open(open::Arguments),
    Complete(complete::Arguments),
}

/// Does what is asked for, if it is plumbing.
pub(crate) fn run(environment: &Environment) -> Option<Exit> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if !arguments.get(1).is_some_and(|first| first == "open" || first == "complete") {
        return None;
    }
    Some(match Plumbing::try_parse_from(arguments) {
        Ok(Plumbing { command: Command::Open(arguments) }) => open::run(&arguments),
        Ok(Plumbing { command: Command::Complete(arguments) }) => complete::run(&arguments, environment),
        Err(error) => crate::cli::refuse(error, environment),
    })
}
