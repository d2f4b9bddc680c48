//! `cargo xtask ci`: the checks that every change must pass, in the order in which they fail soonest.

mod summary;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use xshell::cmd;

use self::summary::{Outcome, Summary};
#[cfg(unix)]
use crate::soak;
use crate::workspace::Workspace;
use crate::{deps, docs, hostile, interop, msrv, security, tidy};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Runs only these, in their usual order
    steps: Vec<Step>,
    #[command(flatten)]
    test: TestOptions,
}

#[derive(Debug, Default, clap::Args)]
pub(crate) struct TestOptions {
    /// Runs the tests with cargo-nextest, which must be installed
    #[arg(long)]
    nextest: bool,
}

/// One check. The order here is the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The formatting
    Fmt,
    /// The lints, with all features and without the default ones
    Clippy,
    /// Each feature of each crate alone
    Features,
    /// All unit, integration and documentation tests
    Test,
    /// Every hostile answer to every kind of request
    Hostile,
    /// The refresh protocol's model, explored to its bounds in an optimised build
    Model,
    /// The refresh protocol under real processes, in small
    #[cfg(unix)]
    Soak,
    /// The flows against authorization servers that other people wrote
    Interop,
    /// The API reference, with broken links denied
    Doc,
    /// The dependency rules: architecture, licences, bans, duplicates
    Deps,
    /// The page that says which test shows which row of the security bar
    Security,
    /// Long files, forgotten marks, dead links
    Tidy,
    /// The minimum supported Rust version
    Msrv,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let mut summary = Summary::default();
    for &step in Step::value_variants().iter().filter(|step| wanted(&options.steps, **step)) {
        if summary.failed().is_some() {
            summary.add(step.name(), Outcome::NotRun);
            continue;
        }
        println!("\n== {} ==", step.name());
        let (result, took) = timed(|| step.run(workspace, &options.test));
        if let Err(error) = &result {
            println!("{error:#}");
        }
        summary.add(step.name(), if result.is_ok() { Outcome::Passed(took) } else { Outcome::Failed(took) });
    }
    print!("\n{summary}");
    match summary.failed() {
        None => Ok(()),
        Some(step) => Err(anyhow!("`{step}` failed; to run it again: cargo xtask ci {step}")),
    }
}

/// Runs every test there is, as CI does.
pub(crate) fn test(workspace: &Workspace, options: &TestOptions) -> Result<()> {
    let shell = &workspace.shell;
    // A snapshot that differs fails the test; it is never written or accepted on the way.
    let _strict = (shell.push_env("INSTA_UPDATE", "no"), shell.push_env("CI", "true"));
    let tests = ["--workspace", "--all-features", "--no-fail-fast", "--locked"];
    if options.nextest {
        cmd!(shell, "cargo nextest run {tests...}").run()?;
        cmd!(shell, "cargo test --doc {tests...}").run()?;
    } else {
        cmd!(shell, "cargo test {tests...}").run()?;
    }
    Ok(())
}

/// The bounds that have hundreds of thousands of states, with this one crate optimised.
fn model(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    let profile = "profile.test.package.butlr-auth-cache";
    let (fast, lean) = (format!("{profile}.opt-level=3"), format!("{profile}.debug-assertions=false"));
    cmd!(
        shell,
        "cargo test --package butlr-auth-cache --lib --locked --config {fast} --config {lean} -- model"
    )
    .run()?;
    Ok(())
}

fn wanted(named: &[Step], step: Step) -> bool {
    named.is_empty() || named.contains(&step)
}

impl Step {
    fn run(self, workspace: &Workspace, options: &TestOptions) -> Result<()> {
        match self {
            Self::Fmt => fmt(workspace),
            Self::Clippy => clippy(workspace),
            Self::Features => features(workspace),
            Self::Test => test(workspace, options),
            Self::Hostile => hostile::run(&hostile::Options::default()),
            Self::Model => model(workspace),
            #[cfg(unix)]
            Self::Soak => soak::small(workspace),
            Self::Interop => interop::run(workspace, &interop::Options::default()),
            Self::Doc => docs::reference(workspace),
            Self::Deps => deps::check(workspace),
            Self::Security => security::run(workspace, &security::Options::default()),
            Self::Tidy => tidy::run(workspace),
            Self::Msrv => msrv::check(workspace),
        }
    }

    fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

fn fmt(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    cmd!(shell, "cargo fmt --all -- --check").run()?;
    Ok(())
}

/// Warnings are denied by argument: changed `RUSTFLAGS` would build every dependency again.
fn clippy(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    let deny = ["-D", "warnings"];
    cmd!(shell, "cargo clippy --workspace --all-targets --all-features --locked -- {deny...}").run()?;
    for member in workspace.members()?.into_iter().filter(crate::workspace::Member::is_published) {
        let name = member.name;
        cmd!(shell, "cargo clippy --package {name} --no-default-features --locked -- {deny...}").run()?;
    }
    Ok(())
}

/// What `clippy` does not build: all features and none are there, one alone is not.
fn features(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    for member in workspace.members()?.into_iter().filter(crate::workspace::Member::is_published) {
        let name = &member.name;
        for feature in member.features() {
            cmd!(
                shell,
                "cargo check --package {name} --lib --no-default-features --features {feature} --locked"
            )
            .run()?;
        }
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "how long a step took is told to a person and decides nothing")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let value = work();
    (value, start.elapsed())
}
