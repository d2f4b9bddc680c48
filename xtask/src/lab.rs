//! What is measured and tried is a program of its own: it needs the product, and this one builds without.

use std::ffi::OsString;

use anyhow::{Result, anyhow};
use xshell::cmd;

use crate::workspace::Workspace;

/// What the lab is told.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Arguments {
    /// See `--help`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

impl Arguments {
    /// The short form of a run, as in CI, without what needs these.
    pub(crate) fn small(left_out: &[&str]) -> Self {
        let mut arguments = vec!["--small".to_owned()];
        if !left_out.is_empty() {
            arguments.push(format!("--without={}", left_out.join(",")));
        }
        Self { arguments: arguments.into_iter().map(OsString::from).collect() }
    }
}

/// Builds the lab, and runs what `name` says there.
pub(crate) fn run(workspace: &Workspace, name: &str, arguments: &Arguments) -> Result<()> {
    let (shell, arguments) = (&workspace.shell, &arguments.arguments);
    let ended = cmd!(shell, "cargo run --quiet --locked --package butlr-auth-lab -- {name} {arguments...}")
        .quiet()
        .run();
    // What went wrong it has said itself.
    ended.map_err(|_| anyhow!("`cargo xtask {name}` did not end well"))
}
