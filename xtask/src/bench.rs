//! `cargo xtask bench`: what things cost, as ratios measured side by side in one run.
//!
//! Machines are shared and noisy, so that a figure alone says little. Every workload is measured in turns with its
//! floor, the least that anybody could do, and the ratio of the medians is what counts.

mod first_token;
mod measure;
mod minimal_program;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use xshell::cmd;

use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The workloads to run; all of them if none is named
    #[arg(value_enum)]
    workloads: Vec<Workload>,
    /// Measured in this process: what the release build that `bench` makes is called with
    #[arg(long, hide = true)]
    here: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// The first token of a process: over HTTP, from a store, and as a command
    #[value(name = "W6")]
    FirstToken,
    /// What a minimal program is made of: crates, a cold build, the size of the binary
    #[value(name = "W10")]
    MinimalProgram,
}

impl Workload {
    const ALL: [Self; 2] = [Self::FirstToken, Self::MinimalProgram];
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let workloads = if options.workloads.is_empty() { &Workload::ALL[..] } else { &options.workloads };
    for workload in workloads {
        match workload {
            Workload::FirstToken if options.here => first_token::run(workspace)?,
            Workload::FirstToken => in_release_build(workspace, "W6")?,
            Workload::MinimalProgram => minimal_program::run(workspace)?,
        }
    }
    Ok(())
}

/// A debug build measures the compiler: the workloads that run code run it in a release build of this program.
fn in_release_build(workspace: &Workspace, workload: &str) -> Result<()> {
    let shell = &workspace.shell;
    cmd!(shell, "cargo build --release --locked --package xtask --package butlr-auth-cli").run()?;
    let program = workspace.root.join("target/release/xtask");
    ensure!(program.is_file(), "cargo built no {}", program.display());
    cmd!(shell, "{program} bench {workload} --here").run()?;
    Ok(())
}
