//! `cargo xtask release prepare X.Y.Z`: everything that a new version changes, in one commit.

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use semver::Version;
use toml_edit::{DocumentMut, Item};
use xshell::cmd;

use super::{current_version, demand_clean_tree};
use crate::workspace::Workspace;

const UNRELEASED: &str = "## [Unreleased]";

pub(super) fn run(workspace: &Workspace, version: &Version) -> Result<()> {
    demand_clean_tree(workspace)?;
    let mut root = workspace.manifest("Cargo.toml")?;
    let current = current_version(&root)?;
    let changelog = workspace.read("CHANGELOG.md")?;
    // The very first release keeps the version that the manifest was born with.
    let is_first = *version == current && !changelog.contains(&format!("\n## [{current}]"));
    if *version <= current && !is_first {
        bail!("{version} is not greater than the present version, {current}");
    }
    let changelog = roll(&changelog, version, today()?)?;

    set_version(&mut root, version)?;
    let members = workspace.members()?;
    let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
    set_requirements(&mut root, &names, version);
    workspace.write("Cargo.toml", &root.to_string())?;
    for member in &members {
        let mut manifest = member.manifest.clone();
        set_requirements(&mut manifest, &names, version);
        workspace.write(&format!("{}/Cargo.toml", member.path), &manifest.to_string())?;
    }
    workspace.write("CHANGELOG.md", &changelog)?;

    let shell = &workspace.shell;
    cmd!(shell, "cargo update --workspace --offline").run()?;
    let subject = format!("release: {version}");
    cmd!(shell, "git commit --all --quiet --message {subject}").run()?;
    println!("{version} is prepared; next: cargo xtask release publish");
    Ok(())
}

/// The day in UTC; `SOURCE_DATE_EPOCH` decides where it is set, as in any reproducible build.
fn today() -> Result<Date> {
    let now = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => Timestamp::from_second(seconds.parse().context("SOURCE_DATE_EPOCH is no number")?)?,
        Err(_) => Timestamp::now(),
    };
    Ok(now.to_zoned(TimeZone::UTC).date())
}

pub(super) fn set_version(root: &mut DocumentMut, version: &Version) -> Result<()> {
    let package = root.get_mut("workspace").and_then(|workspace| workspace.get_mut("package"));
    let package = package.and_then(Item::as_table_like_mut).context("there is no [workspace.package]")?;
    set(package.get_mut("version").context("there is no version")?, version);
    Ok(())
}

/// Raises the version that one of our crates asks of another, wherever a manifest says one.
///
/// A dependency by path alone stays as it is: it is a development dependency, which a package leaves out.
pub(super) fn set_requirements(manifest: &mut DocumentMut, members: &[&str], version: &Version) {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let root = manifest.as_table_mut();
    for kind in kinds {
        raise(root.get_mut(kind), members, version);
    }
    raise(root.get_mut("workspace").and_then(|table| table.get_mut("dependencies")), members, version);
    if let Some(targets) = root.get_mut("target").and_then(Item::as_table_like_mut) {
        for (_, target) in targets.iter_mut() {
            for kind in kinds {
                raise(target.get_mut(kind), members, version);
            }
        }
    }
}

fn raise(table: Option<&mut Item>, members: &[&str], version: &Version) {
    let Some(table) = table.and_then(Item::as_table_like_mut) else { return };
    let ours = table.iter_mut().filter(|(name, _)| members.contains(&name.get()));
    for dependency in ours.filter_map(|(_, dependency)| dependency.as_table_like_mut()) {
        if let Some(requirement) = dependency.get_mut("version") {
            set(requirement, version);
        }
    }
}

/// Keeps the comment beside the value.
fn set(item: &mut Item, version: &Version) {
    if let Some(value) = item.as_value_mut() {
        let decor = value.decor().clone();
        *value = version.to_string().into();
        *value.decor_mut() = decor;
    }
}

/// Turns what is unreleased into the section of `version` and opens an empty one above it.
pub(super) fn roll(changelog: &str, version: &Version, date: Date) -> Result<String> {
    let (head, rest) = changelog
        .split_once(&format!("{UNRELEASED}\n"))
        .with_context(|| format!("CHANGELOG.md has no section `{UNRELEASED}`"))?;
    let entries = rest.split("\n## [").next().unwrap_or_default();
    if entries.trim().is_empty() {
        bail!("CHANGELOG.md has nothing under `{UNRELEASED}`; a release needs a reason");
    }
    Ok(format!("{head}{UNRELEASED}\n\n## [{version}] - {date}\n{rest}"))
}
