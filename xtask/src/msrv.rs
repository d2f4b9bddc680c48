//! The minimum supported Rust version: promised in the root manifest, kept by every dependency.

use anyhow::{Context, Result, bail};
use semver::Version;
use toml_edit::Item;
use xshell::cmd;

use crate::deps::{Graph, package_id};
use crate::workspace::Workspace;

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let manifest = workspace.manifest("Cargo.toml")?;
    let package = manifest.get("workspace").and_then(|workspace| workspace.get("package"));
    let promised = package.and_then(|package| package.get("rust-version")).and_then(Item::as_str);
    let promised = promised.context("the root manifest has no rust-version")?;

    let graph = Graph::new(&workspace.metadata()?)?;
    let findings = newer_than(&graph, &parse(promised)?);
    for finding in &findings {
        println!("FAIL  {finding}");
    }
    if !findings.is_empty() {
        bail!("{} dependencies need a newer Rust than {promised}", findings.len());
    }
    println!("ok    no dependency of a published crate needs more than Rust {promised}");
    compile(workspace, promised)
}

/// Compiles with the promised version where it is installed. It is never fetched here: clippy's
/// `incompatible_msrv` has already looked at every call into the standard library.
fn compile(workspace: &Workspace, promised: &str) -> Result<()> {
    let shell = &workspace.shell;
    let toolchains = cmd!(shell, "rustup toolchain list").quiet().ignore_stderr().read().unwrap_or_default();
    let mut installed = toolchains.lines().filter_map(|line| line.split_whitespace().next());
    let Some(toolchain) = installed.find(|name| name.starts_with(promised)) else {
        println!(
            "skip  compiling with it; to have that: rustup toolchain install {promised} --profile minimal"
        );
        return Ok(());
    };
    // Its own directory, so that two compilers do not evict each other's work.
    let exclude = ["--exclude", "butlr-auth-lab", "--exclude", "xtask"];
    cmd!(shell, "cargo check --workspace {exclude...} --all-features --locked --target-dir target/msrv")
        .env("RUSTUP_TOOLCHAIN", toolchain)
        .run()?;
    Ok(())
}

/// What published crates are built from and promises less.
fn newer_than(graph: &Graph, promised: &Version) -> Vec<String> {
    let mut findings = std::collections::BTreeSet::new();
    for member in
        graph.members().filter(|member| !["butlr-auth-lab", "xtask"].contains(&member.name.as_str()))
    {
        for (id, chain) in graph.tree(member) {
            let Some(package) = graph.packages.get(&id) else { continue };
            if let Some(needed) = package.rust_version.as_ref().filter(|needed| *needed > promised) {
                findings.insert(format!(
                    "{} needs Rust {needed}: {}",
                    package_id(package),
                    chain.join(" -> ")
                ));
            }
        }
    }
    findings.into_iter().collect()
}

/// A `rust-version` may leave the patch out.
fn parse(text: &str) -> Result<Version> {
    let full = if text.matches('.').count() == 1 { format!("{text}.0") } else { text.to_owned() };
    Version::parse(&full).with_context(|| format!("`{text}` is not a Rust version"))
}

#[cfg(test)]
mod tests;
