//! `cargo xtask release`: one version for all crates, prepared in one commit, published in one go.

mod downstream;
mod prepare;
mod publish;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, bail};
use semver::Version;
use toml_edit::{DocumentMut, Item};

use crate::workspace::Workspace;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Sets the version of all crates, rolls the changelog and commits
    Prepare {
        /// The new version, greater than the present one
        version: Version,
    },
    /// Packages every crate and builds each from its package; uploads nothing unless told
    Publish(publish::Options),
}

pub(crate) fn run(workspace: &Workspace, command: &Command) -> Result<()> {
    match command {
        Command::Prepare { version } => prepare::run(workspace, version),
        Command::Publish(options) => publish::run(workspace, options),
    }
}

/// The one version of all crates, from the root manifest.
fn current_version(root: &DocumentMut) -> Result<Version> {
    let package = root.get("workspace").and_then(|workspace| workspace.get("package"));
    let version = package.and_then(|package| package.get("version")).and_then(Item::as_str);
    Ok(version.context("the root manifest has no workspace.package.version")?.parse()?)
}

fn demand_clean_tree(workspace: &Workspace) -> Result<()> {
    if !workspace.is_clean()? {
        bail!("there are changes that are not committed; a release is made from a commit");
    }
    Ok(())
}
