//! Every piece of automation of the workspace, as one program: `cargo xtask --help`.
//!
//! Continuous integration calls `cargo xtask ci` and nothing else, so what a machine checks is what a
//! person can run. A subcommand is a module with a `run` function, a variant of [`Command`] and an arm in
//! [`run`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people read")]

mod bench;
mod ci;
mod defects;
mod deps;
mod docs;
mod hostile;
mod interop;
mod msrv;
mod release;
mod security;
#[cfg(unix)]
mod soak;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "The automation of butlr-auth")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the checks that every change must pass: all of them, or the steps named
    Ci(ci::Options),
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
    /// Runs all unit, integration and documentation tests
    Test(ci::TestOptions),
    /// Refuses what reviewers should not have to look for: long files, forgotten marks, dead links
    Tidy,
    /// Compares the page of the security bar with its rows and the tests that show them
    Security(security::Options),
    /// Builds the API reference and, where mdbook is installed, the book of docs/
    Docs,
    /// Prepares and publishes a release
    #[command(subcommand)]
    Release(release::Command),
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
        Command::Ci(options) => ci::run(&workspace, options),
        Command::Bench(options) => bench::run(&workspace, options),
        #[cfg(unix)]
        Command::Soak(options) => soak::run(&workspace, options),
        #[cfg(unix)]
        Command::SoakWorker => soak::run_worker(),
        Command::Defects(options) => defects::run(&workspace, options),
        Command::Hostile(options) => hostile::run(options),
        Command::Interop(options) => interop::run(&workspace, options),
        Command::InteropWorker => interop::run_worker(),
        Command::Test(options) => ci::test(&workspace, options),
        Command::Tidy => tidy::run(&workspace),
        Command::Security(options) => security::run(&workspace, options),
        Command::Docs => docs::run(&workspace),
        Command::Release(command) => release::run(&workspace, command),
    }
}
