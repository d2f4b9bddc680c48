//! The dependency graph, reduced to what the rules ask about.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, PackageId};
use semver::Version;

/// All packages of the workspace and everything they depend on, on any platform, with all features.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    pub(crate) packages: BTreeMap<Id, Package>,
}

/// A key that is unique in one graph.
pub(crate) type Id = String;

#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) licence: Option<String>,
    pub(crate) source: Source,
    pub(crate) rust_version: Option<Version>,
    /// The features that somebody in the graph switches on.
    pub(crate) features: BTreeSet<String>,
    pub(crate) edges: Vec<Edge>,
    /// What the manifest asks for; of members only.
    pub(crate) declared: Vec<Declared>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Member,
    CratesIo,
    /// Git, another registry, or a path outside the workspace.
    Other(String),
}

/// A resolved dependency.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    pub(crate) to: Id,
    /// Only tests, examples and benchmarks need it.
    pub(crate) only_dev: bool,
}

/// A dependency as a manifest words it.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    pub(crate) dev: bool,
    pub(crate) has_version: bool,
    pub(crate) default_features: bool,
}

impl Graph {
    pub(crate) fn new(metadata: &Metadata) -> Result<Self> {
        let members: BTreeSet<&PackageId> = metadata.workspace_members.iter().collect();
        let mut packages = BTreeMap::new();
        for package in &metadata.packages {
            let is_member = members.contains(&package.id);
            let source = match &package.source {
                _ if is_member => Source::Member,
                Some(source) if source.is_crates_io() => Source::CratesIo,
                Some(source) => Source::Other(source.repr.clone()),
                None => Source::Other(format!("path {}", package.manifest_path)),
            };
            let declared = package.dependencies.iter().filter(|_| is_member).map(Declared::new).collect();
            let package = Package {
                name: package.name.to_string(),
                version: package.version.clone(),
                licence: package.license.clone(),
                source,
                rust_version: package.rust_version.clone(),
                features: BTreeSet::new(),
                edges: Vec::new(),
                declared,
            };
            packages.insert(package_id(&package), package);
        }
        let mut graph = Self { packages };
        graph.connect(metadata)?;
        Ok(graph)
    }

    fn connect(&mut self, metadata: &Metadata) -> Result<()> {
        let listed: BTreeMap<&PackageId, &cargo_metadata::Package> =
            metadata.packages.iter().map(|package| (&package.id, package)).collect();
        let find = |id| listed.get(id).copied().context("a resolved package is not listed");
        let resolve = metadata.resolve.as_ref().context("cargo metadata has no resolved graph")?;
        for node in &resolve.nodes {
            let from = find(&node.id)?;
            let features: BTreeSet<String> = node.features.iter().map(ToString::to_string).collect();
            let mut edges = Vec::new();
            for dependency in &node.deps {
                let to = find(&dependency.pkg)?;
                if is_active(from, &to.name, &features) {
                    let kinds = &dependency.dep_kinds;
                    let only_dev = kinds.iter().all(|info| info.kind == DependencyKind::Development);
                    edges.push(Edge { to: format!("{} {}", to.name, to.version), only_dev });
                }
            }
            let id = format!("{} {}", from.name, from.version);
            let package = self.packages.get_mut(&id).context("a resolved package is not listed")?;
            package.features = features;
            package.edges = edges;
        }
        self.retain_reachable();
        Ok(())
    }

    /// Drops what no member leads to.
    fn retain_reachable(&mut self) {
        let mut reached: BTreeSet<Id> = self.members().map(package_id).collect();
        let mut queue: Vec<Id> = reached.iter().cloned().collect();
        while let Some(id) = queue.pop() {
            for edge in self.packages.get(&id).map_or(&[][..], |package| &package.edges) {
                if reached.insert(edge.to.clone()) {
                    queue.push(edge.to.clone());
                }
            }
        }
        self.packages.retain(|id, _| reached.contains(id));
    }

    pub(crate) fn named<'g>(&'g self, name: &'g str) -> impl Iterator<Item = &'g Package> {
        self.packages.values().filter(move |package| package.name == name)
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().filter(|package| package.source == Source::Member)
    }

    pub(crate) fn third_party(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().filter(|package| package.source != Source::Member)
    }

    /// Everything `root` is built from, each with the shortest chain of names that leads to it.
    ///
    /// Development dependencies are left out: whoever uses the crate never sees them.
    pub(crate) fn tree(&self, root: &Package) -> BTreeMap<Id, Vec<String>> {
        let mut chains = BTreeMap::from([(package_id(root), vec![root.name.clone()])]);
        let mut queue = VecDeque::from([package_id(root)]);
        while let Some(id) = queue.pop_front() {
            let (Some(package), Some(chain)) = (self.packages.get(&id), chains.get(&id).cloned()) else {
                continue;
            };
            for edge in package.edges.iter().filter(|edge| !edge.only_dev) {
                let Some(next) = self.packages.get(&edge.to) else { continue };
                if !chains.contains_key(&edge.to) {
                    chains
                        .insert(edge.to.clone(), chain.iter().cloned().chain([next.name.clone()]).collect());
                    queue.push_back(edge.to.clone());
                }
            }
        }
        chains
    }

    /// Who asks for `id` directly, for a finding that says where to look.
    pub(crate) fn parents(&self, id: &str) -> Vec<&str> {
        let asks = |package: &&Package| package.edges.iter().any(|edge| edge.to == id);
        self.packages.values().filter(asks).map(|package| package.name.as_str()).collect()
    }
}

/// Whether `from` really builds its dependency `to`, given the features that are on.
///
/// `cargo metadata` follows a weak feature (`quinn?/rustls`) into an optional dependency that nobody has
/// switched on; `cargo build` and `cargo tree` do not.
fn is_active(from: &cargo_metadata::Package, to: &str, features: &BTreeSet<String>) -> bool {
    let is_on = |dependency: &cargo_metadata::Dependency| {
        let key = dependency.rename.as_deref().unwrap_or(&dependency.name);
        let (explicit, with_feature) = (format!("dep:{key}"), format!("{key}/"));
        let names = |value: &String| *value == explicit || value.starts_with(&with_feature);
        let switches = |feature: &String| {
            feature == key || from.features.get(feature).is_some_and(|values| values.iter().any(names))
        };
        !dependency.optional || features.iter().any(switches)
    };
    from.dependencies.iter().any(|dependency| dependency.name == to && is_on(dependency))
}

impl Declared {
    fn new(dependency: &cargo_metadata::Dependency) -> Self {
        Self {
            name: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
            has_version: dependency.req != semver::VersionReq::STAR,
            default_features: dependency.uses_default_features,
        }
    }
}

pub(crate) fn package_id(package: &Package) -> Id {
    format!("{} {}", package.name, package.version)
}
