//! W10: what a program with client credentials and a cache is made of, beside one with reqwest alone.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use xshell::cmd;

use super::figure::{Report, Unit};
use super::measure::Samples;
use crate::workspace::Workspace;

const OURS: &str = r#"
use butlr_auth::{ClientSecret, FileStore, Grant, HttpTokenEndpoint, Provider, Session};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), butlr_auth::Error> {
    let secret = ClientSecret::new(std::env::var("SECRET").unwrap_or_default())?;
    let endpoint = HttpTokenEndpoint::builder(Provider::butlr()).client_secret("id", secret).build()?;
    let store = FileStore::user()?;
    let session = Session::builder(endpoint).grant(Grant::client_credentials()).store(store).open()?;
    println!("{}", session.token().await?.access_token().expose());
    Ok(())
}
"#;

const FLOOR: &str = r#"
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), reqwest::Error> {
    let answer = reqwest::Client::new().post("https://api.butlr.io/api/v2/clients/login").send().await?;
    println!("{}", answer.status());
    Ok(())
}
"#;

pub(super) fn run(workspace: &Workspace, report: &mut Report) -> Result<()> {
    report.begin("W10", "a minimal program: crates, cold release build, size");
    let folder = tempfile::tempdir()?;
    let facade = workspace.root.join("crates/butlr-auth");
    let ours_dependency = format!("butlr-auth = {{ path = {:?} }}", facade.display().to_string());
    let reqwest = format!("reqwest = \"={}\"", locked_version(workspace, "reqwest")?);
    let ours = program(workspace, folder.path(), "ours", OURS, &ours_dependency)?;
    let floor = program(workspace, folder.path(), "floor", FLOOR, &reqwest)?;

    let (ours_crates, floor_crates) =
        (crates(workspace, &ours, "minimal")?, crates(workspace, &floor, "minimal")?);
    report.shown("crates of reqwest with its default features", count(floor_crates), Unit::Count);
    report.count_at_most("crates of the minimal program", count(ours_crates), 140.0);
    report.at_most("crates / those of reqwest", count(ours_crates) / count(floor_crates), 1.35);
    for (name, limit) in [("butlr-auth-core", 65.0), ("butlr-auth-cache", 85.0)] {
        let crates = count(crates(workspace, &workspace.root, name)?);
        report.count_at_most(&format!("crates of {name}"), crates, limit);
    }

    let (mut ours_time, mut floor_time) =
        (Samples::new("ours, cold build"), Samples::new("reqwest alone, cold build"));
    let floor_binary = floor_time.time(|| build(workspace, &floor))?;
    let ours_binary = ours_time.time(|| build(workspace, &ours))?;
    report.note(&floor_time);
    report.note(&ours_time);
    report.at_most("cold build / that of reqwest alone", ours_time.ratio(&floor_time), 1.35);
    let size = |path: &Path| std::fs::metadata(path).map(|file| file.len() as f64);
    let (ours_size, floor_size) = (size(&ours_binary)?, size(&floor_binary)?);
    report.note(format_args!("binary: ours {ours_size} B, reqwest alone {floor_size} B"));
    report.shown("binary / that of reqwest alone", ours_size / floor_size, Unit::Times);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "no program has so many crates")]
fn count(crates: usize) -> f64 {
    crates as f64
}

/// A package outside the workspace, with the workspace's own choice of versions.
fn program(
    workspace: &Workspace,
    folder: &Path,
    name: &str,
    main: &str,
    dependency: &str,
) -> Result<PathBuf> {
    let root = folder.join(name);
    std::fs::create_dir_all(root.join("src"))?;
    std::fs::write(root.join("src/main.rs"), main)?;
    std::fs::copy(workspace.root.join("Cargo.lock"), root.join("Cargo.lock"))?;
    let manifest = format!(
        "[package]\nname = \"minimal\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{dependency}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt\", \"net\", \"time\"], default-features = false }}\n\n\
         [profile.release]\nstrip = \"symbols\"\n"
    );
    std::fs::write(root.join("Cargo.toml"), manifest)?;
    Ok(root)
}

fn locked_version(workspace: &Workspace, name: &str) -> Result<String> {
    let metadata = workspace.metadata()?;
    let package = metadata.packages.iter().find(|package| package.name.as_str() == name);
    Ok(package.with_context(|| format!("{name} is not in the lock file"))?.version.to_string())
}

/// How many crates are compiled for `package`, itself included, on this platform.
fn crates(workspace: &Workspace, root: &Path, package: &str) -> Result<usize> {
    let shell = &workspace.shell;
    let manifest = root.join("Cargo.toml");
    let tree =
        cmd!(shell, "cargo tree --manifest-path {manifest} -p {package} -e normal --prefix none --no-dedupe")
            .quiet()
            .read()?;
    let named = |line: &str| {
        let mut words = line.split_whitespace();
        Some(format!("{} {}", words.next()?, words.next()?))
    };
    Ok(tree.lines().filter_map(named).collect::<BTreeSet<_>>().len())
}

fn build(workspace: &Workspace, root: &Path) -> Result<PathBuf> {
    let shell = &workspace.shell;
    let (manifest, target) = (root.join("Cargo.toml"), root.join("target"));
    cmd!(shell, "cargo build --quiet --release --manifest-path {manifest} --target-dir {target}").run()?;
    Ok(target.join("release/minimal"))
}
