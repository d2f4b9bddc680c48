//! What is measured and tried of butlr-auth, and is too heavy for the automation: `cargo xtask` runs each of these by
//! its name, so that it builds itself when the product does not.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people read")]

mod bench;
mod defects;
mod hostile;
mod interop;
#[cfg(unix)]
mod soak;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "What is measured and tried of butlr-auth")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures what things cost, as ratios against their floors
    Bench(bench::Options),
    /// Proves the refresh protocol under real processes that die and sleep, by the server's journal
    #[cfg(unix)]
    Soak(soak::Options),
    /// One process of a soak
    #[cfg(unix)]
    #[command(hide = true)]
    SoakWorker,
    /// Breaks a copy of the tree, one promise at a time: the test that shows each must fail
    Defects(defects::Options),
    /// Plays hostile answers to every kind of request and prints what is made of them
    Hostile(hostile::Options),
    /// Uses authorization servers that other people wrote: oidc-provider (npm) and glewlwyd (Debian)
    Interop(interop::Options),
    /// One process of the shared session of `interop`
    #[command(hide = true)]
    InteropWorker,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::open()?;
    match &arguments.command {
        Command::Bench(options) => bench::run(&workspace, options),
        #[cfg(unix)]
        Command::Soak(options) => soak::run(&workspace, options),
        #[cfg(unix)]
        Command::SoakWorker => soak::run_worker(),
        Command::Defects(options) => defects::run(&workspace, options),
        Command::Hostile(options) => hostile::run(options),
        Command::Interop(options) => interop::run(&workspace, options),
        Command::InteropWorker => interop::run_worker(),
    }
}
