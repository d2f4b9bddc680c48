//! What third-party code may come in: deny.toml, read as cargo-deny reads it, so there is one list.

use anyhow::{Context, Result, bail};
use semver::{Version, VersionReq};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Policy {
    #[serde(default)]
    pub(crate) advisories: Advisories,
    #[serde(default)]
    pub(crate) licenses: Licences,
    #[serde(default)]
    pub(crate) bans: Bans,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Advisories {
    #[serde(default)]
    pub(crate) ignore: Vec<Ignored>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ignored {
    pub(crate) id: String,
    pub(crate) reason: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Licences {
    #[serde(default)]
    pub(crate) allow: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Bans {
    #[serde(default)]
    pub(crate) deny: Vec<Spec>,
    #[serde(default)]
    pub(crate) skip: Vec<Spec>,
}

/// Some versions of one crate, and why they are listed.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RawSpec")]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) versions: VersionReq,
    pub(crate) reason: String,
}

#[derive(Deserialize)]
struct RawSpec {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

impl Policy {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let policy: Self = toml_edit::de::from_str(text).context("deny.toml does not parse")?;
        let reasons = policy.bans.deny.iter().chain(&policy.bans.skip).map(|spec| (&spec.name, &spec.reason));
        let ignored = policy.advisories.ignore.iter().map(|ignored| (&ignored.id, &ignored.reason));
        for (name, reason) in reasons.chain(ignored) {
            if reason.trim().is_empty() {
                bail!("deny.toml: {name} is listed without a reason");
            }
        }
        Ok(policy)
    }
}

impl Spec {
    pub(crate) fn matches(&self, name: &str, version: &Version) -> bool {
        self.name == name && (self.versions == VersionReq::STAR || self.versions.matches(version))
    }
}

impl TryFrom<RawSpec> for Spec {
    type Error = semver::Error;

    /// `name`, `name@1.2.3` for one version, `name:<1.2` for a range.
    fn try_from(raw: RawSpec) -> Result<Self, Self::Error> {
        let (name, versions) = match (raw.name.split_once('@'), raw.name.split_once(':')) {
            (Some((name, version)), _) => (name, VersionReq::parse(&format!("={version}"))?),
            (None, Some((name, range))) => (name, VersionReq::parse(range)?),
            (None, None) => (raw.name.as_str(), VersionReq::STAR),
        };
        Ok(Self { name: name.to_owned(), versions, reason: raw.reason })
    }
}
