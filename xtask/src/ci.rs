//! `cargo xtask ci`: the checks that every change must pass, in the order in which they fail soonest.

mod needs;
mod summary;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use clap::ValueEnum;
use xshell::cmd;

use self::needs::{Installer, Needs};
use self::summary::{Outcome, Summary};
use crate::workspace::Workspace;
use crate::{deps, docs, lab, msrv, security, tidy};

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Runs only these, in their usual order
    steps: Vec<Step>,
    /// Installs what the steps need and this machine lacks (Debian, Ubuntu); as root with CI set, that is the default
    #[arg(long)]
    install: bool,
    /// Leaves out the tests and servers that need these: redis,chromium
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    without: Vec<String>,
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
    /// Known vulnerabilities, where a copy of the `RustSec` database lies
    Advisories,
    /// The page that says which test shows which row of the security bar
    Security,
    /// Long files, forgotten marks, dead links
    Tidy,
    /// The minimum supported Rust version
    Msrv,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let needs = prepare(workspace, options)?;
    let shell = &workspace.shell;
    let _told = shell.push_env(needs::LEFT_OUT, needs.left_out_packages());
    let steps: Vec<Step> =
        Step::value_variants().iter().copied().filter(|step| wanted(&options.steps, *step)).collect();
    let mut summary = Summary::default();
    for (index, step) in steps.iter().enumerate() {
        if summary.failed().is_some() {
            summary.add(step.name(), Outcome::NotRun);
            continue;
        }
        println!("\n== {} ({} of {}) ==", step.name(), index + 1, steps.len());
        let (result, took) = timed(|| step.run(workspace, options, &needs));
        let outcome = match &result {
            Ok(Checked::Yes) => Outcome::Passed(took),
            Ok(Checked::No) => Outcome::NotChecked,
            Err(error) => {
                println!("{error:#}");
                Outcome::Failed(took)
            }
        };
        summary.add(step.name(), outcome);
    }
    summary.leave_out(needs.left_out_names().into_iter());
    print!("\n{summary}");
    match summary.failed() {
        None => Ok(()),
        Some(step) => Err(anyhow!("`{step}` failed; to run it again: cargo xtask ci {step}")),
    }
}

/// Finds out what is missing before anything runs, and installs it if it may.
fn prepare(workspace: &Workspace, options: &Options) -> Result<Needs> {
    let needs = Needs::look(&options.steps, &options.without)?;
    if needs.missing.is_empty() {
        return Ok(needs);
    }
    if !options.install && !may_install_unasked() {
        bail!("{}", needs.refusal());
    }
    Installer::install(&workspace.shell, &needs)?;
    let needs = Needs::look(&options.steps, &options.without)?;
    if !needs.missing.is_empty() {
        bail!("after the installation {}", needs.refusal());
    }
    Ok(needs)
}

/// A machine of CI is there for this, and root needs no password.
fn may_install_unasked() -> bool {
    #[cfg(unix)]
    let root = rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    let root = false;
    root && std::env::var_os("CI").is_some()
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

/// Whether a step that did not fail has checked anything.
#[derive(Clone, Copy, Debug)]
enum Checked {
    Yes,
    No,
}

impl Step {
    fn run(self, workspace: &Workspace, options: &Options, needs: &Needs) -> Result<Checked> {
        match self {
            Self::Advisories => {
                return Ok(if deps::advisories(workspace)? { Checked::Yes } else { Checked::No });
            }
            Self::Fmt => fmt(workspace),
            Self::Clippy => clippy(workspace),
            Self::Features => features(workspace),
            Self::Test => test(workspace, &options.test),
            Self::Hostile => lab::run(workspace, "hostile", &lab::Arguments::default()),
            Self::Model => model(workspace),
            #[cfg(unix)]
            Self::Soak => lab::run(workspace, "soak", &lab::Arguments::small(&needs.left_out_names())),
            Self::Interop => lab::run(workspace, "interop", &lab::Arguments::small(&needs.left_out_names())),
            Self::Doc => docs::reference(workspace),
            Self::Deps => deps::check(workspace),
            Self::Security => security::run(workspace, &security::Options::default()),
            Self::Tidy => tidy::run(workspace),
            Self::Msrv => msrv::check(workspace),
        }
        .map(|()| Checked::Yes)
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
