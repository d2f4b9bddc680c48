//! What comes from others: licences, bans, sources, duplicates, and how much of it.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use spdx::Expression;

use super::graph::{Graph, Source, package_id};
use super::policy::Policy;

pub(super) fn licences_are_allowed(graph: &Graph, policy: &Policy) -> Vec<String> {
    let allowed: BTreeSet<&str> = policy.licenses.allow.iter().map(String::as_str).collect();
    let mut findings = Vec::new();
    for package in graph.third_party() {
        let id = package_id(package);
        let Some(text) = &package.licence else {
            findings.push(format!("{id} names no licence"));
            continue;
        };
        // Some old manifests separate a choice of licences with a slash.
        match Expression::parse(&text.replace('/', " OR ")) {
            Err(_) => findings.push(format!("{id}: the licence `{text}` is not an SPDX expression")),
            Ok(expression) => {
                let fits = |requirement: &spdx::LicenseReq| {
                    let text = requirement.to_string();
                    allowed.contains(text.as_str())
                };
                if !expression.evaluate(fits) {
                    findings.push(format!("{id}: the licence `{text}` is not allowed by deny.toml"));
                }
            }
        }
    }
    findings
}

pub(super) fn nothing_banned(graph: &Graph, policy: &Policy) -> Vec<String> {
    let mut findings = Vec::new();
    for (id, package) in &graph.packages {
        for ban in policy.bans.deny.iter().filter(|ban| ban.matches(&package.name, &package.version)) {
            let parents = graph.parents(id).join(", ");
            findings.push(format!("{id} is banned ({}); asked for by {parents}", ban.reason));
        }
    }
    findings
}

pub(super) fn everything_from_crates_io(graph: &Graph) -> Vec<String> {
    let mut findings = Vec::new();
    for package in graph.third_party() {
        if let Source::Other(source) = &package.source {
            findings.push(format!("{} comes from {source}", package_id(package)));
        }
    }
    findings
}

/// Every crate once, but for the ones that deny.toml lists with a reason; and nothing listed in vain.
pub(super) fn no_new_duplicates(graph: &Graph, policy: &Policy) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
    for package in graph.third_party() {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    let skipped =
        |name: &str, version: &Version| policy.bans.skip.iter().any(|skip| skip.matches(name, version));
    let mut findings = Vec::new();
    for (name, found) in &versions {
        let wanted: Vec<&&Version> = found.iter().filter(|version| !skipped(name, version)).collect();
        if found.len() > 1 && wanted.len() > 1 {
            let by = found.iter().map(|version| {
                let parents = graph.parents(&format!("{name} {version}")).join(", ");
                format!("{version} (by {parents})")
            });
            findings.push(format!(
                "{name} is in the tree {} times: {}",
                found.len(),
                by.collect::<Vec<_>>().join("; ")
            ));
        }
    }
    for skip in &policy.bans.skip {
        let found = versions.get(skip.name.as_str()).map_or(&[][..], Vec::as_slice);
        if found.len() < 2 || !found.iter().any(|version| skip.matches(&skip.name, version)) {
            findings.push(format!(
                "deny.toml skips {} {}, which is no duplicate any more",
                skip.name, skip.versions
            ));
        }
    }
    findings
}

/// The crates a reader of `cargo tree --prefix none` sees, `root` included.
pub(super) fn crates_listed(tree: &str) -> usize {
    let first_words = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?))
    });
    first_words.collect::<BTreeSet<_>>().len()
}

pub(super) fn small_enough(name: &str, crates: usize, limit: usize) -> Vec<String> {
    if crates > limit {
        vec![format!("{name} is built from {crates} crates, the limit is {limit}")]
    } else {
        Vec::new()
    }
}
