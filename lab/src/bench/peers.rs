//! Other crates on the same workloads. They live in a workspace of their own, so that nobody who builds this one
//! builds them.

use anyhow::{Context as _, Result};
use xshell::cmd;

use super::saved::{Peer, Run};
use crate::workspace::Workspace;

pub(super) fn run(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    let manifest = workspace.root.join("lab/peers/Cargo.toml");
    let target = workspace.root.join("target/peers");
    cmd!(shell, "cargo run --release --locked --manifest-path {manifest} --target-dir {target}")
        .read()
        .context("the peers do not run")
        .and_then(|lines| keep(workspace, &lines))
}

/// Every line of the peers' standard output is one peer.
fn keep(workspace: &Workspace, lines: &str) -> Result<()> {
    let peers: Vec<Peer> = lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut last = Run::last(workspace)?;
    last.peers = peers;
    last.save(workspace)
}
