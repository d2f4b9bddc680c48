//! Every piece of automation of the workspace, as one program: `cargo xtask --help`.
//!
//! Continuous integration calls `cargo xtask ci` and nothing else, so what a machine checks is what a
//! person can run. A subcommand is a module with a `run` function, a variant of [`Command`] and an arm in
//! [`run`].
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that people read")]

mod ci;
mod deps;
mod docs;
mod lab;
mod msrv;
mod release;
mod security;
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
    #[command(disable_help_flag = true)]
    Bench(lab::Arguments),
    /// Proves the refresh protocol under real processes that die and sleep, by the server's journal
    #[command(disable_help_flag = true)]
    Soak(lab::Arguments),
    /// Breaks a copy of the tree, one promise at a time: the test that shows each must fail
    #[command(disable_help_flag = true)]
    Defects(lab::Arguments),
    /// Plays hostile answers to every kind of request and prints what is made of them
    #[command(disable_help_flag = true)]
    Hostile(lab::Arguments),
    /// Uses authorization servers that other people wrote: oidc-provider (npm) and glewlwyd (Debian)
    #[command(disable_help_flag = true)]
    Interop(lab::Arguments),
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
        Command::Bench(arguments) => lab::run(&workspace, "bench", arguments),
        Command::Soak(arguments) => lab::run(&workspace, "soak", arguments),
        Command::Defects(arguments) => lab::run(&workspace, "defects", arguments),
        Command::Hostile(arguments) => lab::run(&workspace, "hostile", arguments),
        Command::Interop(arguments) => lab::run(&workspace, "interop", arguments),
        Command::Test(options) => ci::test(&workspace, options),
        Command::Tidy => tidy::run(&workspace),
        Command::Security(options) => security::run(&workspace, options),
        Command::Docs => docs::run(&workspace),
        Command::Release(command) => release::run(&workspace, command),
    }
}
