//! `cargo xtask release publish`: every crate packaged, and built from its package, in dependency order.

use anyhow::{Result, bail};
use xshell::cmd;

use super::{current_version, demand_clean_tree, downstream};
use crate::ci;
use crate::deps::Graph;
use crate::workspace::{Member, Workspace};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Uploads to the registry and tags the commit; without it nothing leaves this machine
    #[arg(long)]
    execute: bool,
    /// Leaves out `cargo xtask ci`, in a dry run only
    #[arg(long, conflicts_with = "execute")]
    skip_ci: bool,
}

pub(super) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let version = current_version(&workspace.manifest("Cargo.toml")?)?;
    let heading = format!("## [{version}] - ");
    let prepared = workspace.read("CHANGELOG.md")?.lines().any(|line| line.starts_with(&heading));
    if options.execute {
        demand_clean_tree(workspace)?;
        if !prepared {
            bail!("CHANGELOG.md has no section for {version}; first: cargo xtask release prepare X.Y.Z");
        }
    }
    if !options.skip_ci {
        ci::run(workspace, &ci::Options::default())?;
    }

    let members: Vec<Member> = workspace.members()?.into_iter().filter(Member::is_published).collect();
    let names: Vec<String> = members.into_iter().map(|member| member.name).collect();
    let order = in_dependency_order(&Graph::new(&workspace.metadata()?)?, names);
    println!("\n{} packages are made, and each is built from its package: minutes", order.len());
    package(workspace, &order)?;
    downstream::check(workspace, &order, &version.to_string())?;

    if options.execute {
        upload(workspace, &order, &version.to_string())
    } else {
        println!("\nnothing was uploaded. With --execute, in this order, and only what the registry lacks:");
        for name in &order {
            let archive = workspace.root.join(format!("target/package/{name}-{version}.crate"));
            println!("  {name} {version}, {} KiB", std::fs::metadata(archive)?.len().div_ceil(1024));
        }
        println!(
            "then the tag v{version} on this commit; it is shown to others by `git push origin v{version}`"
        );
        if !prepared {
            println!("{version} has no section in CHANGELOG.md yet: cargo xtask release prepare");
        }
        Ok(())
    }
}

/// Cargo lays the packages over the registry while it verifies, so that a crate is built from the
/// packages of its siblings even before any of them is published.
fn package(workspace: &Workspace, order: &[String]) -> Result<()> {
    let shell = &workspace.shell;
    let target = workspace.root.join("target");
    let packages = order.iter().flat_map(|name| ["--package", name]);
    // Said aloud, the target directory is shared by all packages: third-party crates are built once.
    let mut command =
        cmd!(shell, "cargo package --quiet --locked {packages...}").env("CARGO_TARGET_DIR", target);
    if !workspace.is_clean()? {
        println!("changes that are not committed are packaged, too");
        command = command.arg("--allow-dirty");
    }
    command.run()?;
    Ok(())
}

/// Can be called again after it was cut off: what the registry already has is left alone.
fn upload(workspace: &Workspace, order: &[String], version: &str) -> Result<()> {
    let shell = &workspace.shell;
    let missing = order.iter().filter(|name| !is_in_registry(workspace, name, version));
    let packages: Vec<&str> = missing.flat_map(|name| ["--package", name.as_str()]).collect();
    if !packages.is_empty() {
        // The packages were built a moment ago.
        cmd!(shell, "cargo publish --locked --no-verify {packages...}").run()?;
    }
    let tag = format!("v{version}");
    if cmd!(shell, "git tag --list {tag}").quiet().read()?.is_empty() {
        cmd!(shell, "git tag --annotate {tag} --message {tag}").run()?;
    }
    println!("{version} is published; to show it to others: git push origin {tag}");
    Ok(())
}

fn is_in_registry(workspace: &Workspace, name: &str, version: &str) -> bool {
    let shell = &workspace.shell;
    let query = cmd!(shell, "cargo info --quiet --registry crates-io {name}@{version}");
    query.quiet().ignore_stdout().ignore_stderr().run().is_ok()
}

/// Each crate after everything it is built from, otherwise in the order given.
pub(super) fn in_dependency_order(graph: &Graph, names: Vec<String>) -> Vec<String> {
    let needs = |name: &str| {
        let trees = graph.members().filter(|member| member.name == name).map(|member| graph.tree(member));
        trees.map(|tree| tree.len()).max().unwrap_or(0)
    };
    // A crate's tree holds the whole tree of each of its dependencies, so it is always the larger one.
    let mut order = names;
    order.sort_by_cached_key(|name| needs(name));
    order
}
