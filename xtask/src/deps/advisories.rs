//! Known vulnerabilities, from a local copy of the `RustSec` database where there is one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use semver::{Version, VersionReq};
use serde::Deserialize;

use super::graph::{Graph, package_id};
use super::policy::Policy;

#[derive(Debug, Deserialize)]
pub(super) struct Advisory {
    advisory: Header,
    #[serde(default)]
    versions: Versions,
}

#[derive(Debug, Deserialize)]
struct Header {
    id: String,
    package: String,
    withdrawn: Option<String>,
    informational: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<VersionReq>,
    #[serde(default)]
    unaffected: Vec<VersionReq>,
}

/// `ADVISORY_DB`, else the place where cargo-audit keeps its copy.
pub(super) fn database() -> Option<PathBuf> {
    let named = std::env::var_os("ADVISORY_DB").map(PathBuf::from);
    let usual = std::env::home_dir().map(|home| home.join(".cargo/advisory-db"));
    named.or(usual).filter(|path| path.join("crates").is_dir())
}

pub(super) fn load(database: &Path) -> Result<Vec<Advisory>> {
    let mut advisories = Vec::new();
    for package in fs::read_dir(database.join("crates"))? {
        for entry in fs::read_dir(package?.path())? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                let text = fs::read_to_string(&path)?;
                advisories.push(Advisory::parse(&text).with_context(|| path.display().to_string())?);
            }
        }
    }
    if advisories.is_empty() {
        bail!("{} holds no advisories", database.display());
    }
    Ok(advisories)
}

pub(super) fn nothing_vulnerable(graph: &Graph, policy: &Policy, advisories: &[Advisory]) -> Vec<String> {
    let mut findings = Vec::new();
    for package in graph.third_party() {
        for advisory in advisories.iter().filter(|advisory| advisory.affects(&package.name, &package.version))
        {
            let header = &advisory.advisory;
            if !policy.advisories.ignore.iter().any(|ignored| ignored.id == header.id) {
                let kind = header.informational.as_deref().unwrap_or("vulnerable");
                findings.push(format!("{} is {kind}: {}", package_id(package), header.id));
            }
        }
    }
    findings
}

impl Advisory {
    /// An advisory is Markdown that opens with a fenced block of TOML.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let block = text.split_once("```toml").and_then(|(_, rest)| rest.split_once("```"));
        let (header, _) = block.context("there is no TOML block")?;
        Ok(toml_edit::de::from_str(header)?)
    }

    fn affects(&self, name: &str, version: &Version) -> bool {
        let outside = |ranges: &[VersionReq]| !ranges.iter().any(|range| range.matches(version));
        self.advisory.package == name
            && self.advisory.withdrawn.is_none()
            && outside(&self.versions.patched)
            && outside(&self.versions.unaffected)
    }
}
