//! `cargo xtask bench`: what things cost, as ratios measured side by side in one run.
//!
//! Machines are shared and noisy, so that a figure alone says little. Every workload is measured in turns with its
//! floor, the least that anybody could do, and the ratio of the medians is what counts. Whoever runs it is told what
//! has moved since the last run on this machine, and `--write` puts the last run of each workload into
//! docs/performance.md.

mod figure;
mod first_token;
mod fleet;
mod herd;
mod identities;
mod issuer;
mod loopback;
mod measure;
mod minimal_program;
mod page;
mod peers;
mod ready_header;
mod saved;
mod steady;
mod store_cycle;
mod verify;
mod waiting;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use xshell::cmd;

use self::figure::Report;
use self::saved::Run;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The workloads to run; all of them if none is named
    #[arg(value_enum)]
    workloads: Vec<Workload>,
    /// Runs W1 to W3 against other crates as well, which are built in the workspace lab/peers
    #[arg(long)]
    peers: bool,
    /// Writes the last run of every workload into docs/performance.md, and runs only those that are named
    #[arg(long)]
    write: bool,
    /// Measured in this process: what the release build that `bench` makes is called with
    #[arg(long, hide = true)]
    here: bool,
    /// One process of the fleet of W9 that does nothing, on the session of this folder
    #[arg(long, hide = true, value_name = "FOLDER")]
    idle: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Workload {
    /// A ready header from a fresh session, on one thread
    #[value(name = "W1")]
    OneThread,
    /// The same on two threads that share one session
    #[value(name = "W2")]
    TwoThreads,
    /// Many tasks that want a token at once: cold, at expiry, from a server that fails
    #[value(name = "W3")]
    Herd,
    /// Two hundred tasks that ask all the time, on tokens of two seconds
    #[value(name = "W4")]
    Steady,
    /// A hundred thousand identities in one process
    #[value(name = "W5")]
    Identities,
    /// The first token of a process: over HTTP, from a store, and as a command
    #[value(name = "W6")]
    FirstToken,
    /// What one renewal costs in each store
    #[value(name = "W7")]
    StoreCycle,
    /// A JWT access token verified, beside the JOSE crate's own verification
    #[value(name = "W8")]
    Verify,
    /// Many processes on one session, and a fleet that does nothing
    #[value(name = "W9")]
    Fleet,
    /// What a minimal program is made of: crates, a cold build, the size of the binary
    #[value(name = "W10")]
    MinimalProgram,
}

impl Options {
    /// Naming nothing means everything, unless something else was asked for.
    fn workloads(&self) -> &[Workload] {
        let only_else = self.peers || self.write;
        if self.workloads.is_empty() && !only_else { Workload::value_variants() } else { &self.workloads }
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if let Some(folder) = &options.idle {
        return fleet::stay_idle(folder);
    }
    let workloads = options.workloads();
    if options.here {
        return measure(workspace, workloads);
    }
    if !workloads.is_empty() {
        in_release_build(workspace, workloads)?;
    }
    if options.peers {
        peers::run(workspace)?;
    }
    if options.write {
        page::write(workspace, &Run::last(workspace)?)?;
    }
    Ok(())
}

/// A debug build measures the compiler: what is measured is a release build of this program.
fn in_release_build(workspace: &Workspace, workloads: &[Workload]) -> Result<()> {
    let shell = &workspace.shell;
    cmd!(shell, "cargo build --release --locked --package butlr-auth-lab --package butlr-auth-cli").run()?;
    let program = workspace.root.join("target/release/butlr-auth-lab");
    ensure!(program.is_file(), "cargo built no {}", program.display());
    let names = workloads.iter().filter_map(ValueEnum::to_possible_value);
    let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
    cmd!(shell, "{program} bench --here {names...}").run()?;
    Ok(())
}

fn measure(workspace: &Workspace, workloads: &[Workload]) -> Result<()> {
    println!("Only the ratios count: other programs share this machine's processors.");
    let mut last = Run::last(workspace)?;
    for workload in workloads {
        let mut report = Report::default();
        match workload {
            Workload::OneThread => ready_header::one_thread(&mut report)?,
            Workload::TwoThreads => ready_header::two_threads(&mut report)?,
            Workload::Herd => herd::run(&mut report)?,
            Workload::Steady => steady::run(&mut report)?,
            Workload::Identities => identities::run(&mut report)?,
            Workload::FirstToken => first_token::run(workspace, &mut report)?,
            Workload::StoreCycle => store_cycle::run(&mut report)?,
            Workload::Verify => verify::run(&mut report)?,
            Workload::Fleet => fleet::run(&mut report)?,
            Workload::MinimalProgram => minimal_program::run(workspace, &mut report)?,
        }
        for moved in last.moved(&report.figures) {
            println!("  since the last run: {moved}");
        }
        last.replace(report.figures);
        last.save(workspace)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
