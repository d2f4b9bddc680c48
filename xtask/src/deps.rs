//! The dependency rules: a pure function over the graph each, with a test that shows it failing.

mod advisories;
mod architecture;
mod graph;
mod manifests;
mod policy;
mod supply;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};
use xshell::cmd;

pub(crate) use self::graph::{Graph, package_id};
use self::policy::Policy;
#[cfg(test)]
pub(crate) use self::tests::graph as sketch;
use crate::workspace::Workspace;

/// How many crates a downstream user builds, with default features on this platform.
const CRATE_LIMITS: [(&str, usize); 2] = [("butlr-auth-core", 65), ("butlr-auth-cache", 85)];

pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let graph = Graph::new(&workspace.metadata()?)?;
    let policy = Policy::parse(&workspace.read("deny.toml")?)?;
    let mut report = Report::default();

    report.rule("core does no I/O", architecture::core_does_no_io(&graph));
    report.rule("http and cache never see each other", architecture::http_and_cache_are_strangers(&graph));
    report.rule("verify stands beside sessions", architecture::verify_stands_beside(&graph));
    report.rule("one HTTP client", architecture::one_http_client(&graph));
    report.rule("the test kit stays outside", architecture::testkit_stays_outside(&graph));
    report.rule("licences", supply::licences_are_allowed(&graph, &policy));
    report.rule("bans and minimum versions", supply::nothing_banned(&graph, &policy));
    report.rule("sources", supply::everything_from_crates_io(&graph));
    report.rule("duplicate versions", supply::no_new_duplicates(&graph, &policy));

    let members = workspace.members()?;
    let inherit =
        members.iter().flat_map(|member| manifests::members_inherit(&member.name, &member.manifest));
    report.rule("one version and one lint table", inherit.collect());
    let chosen =
        members.iter().flat_map(|member| manifests::dependencies_inherit(&member.name, &member.manifest));
    report.rule("dependencies are chosen in the root manifest", chosen.collect());

    let mut sizes = Vec::new();
    for (name, limit) in CRATE_LIMITS {
        let crates = count_crates(workspace, name)?;
        println!("      {name} is built from {crates} crates (limit {limit})");
        sizes.extend(supply::small_enough(name, crates, limit));
    }
    report.rule("few crates", sizes);
    report.finish()
}

/// Looks for known vulnerabilities; false where there is no database to look in.
pub(crate) fn advisories(workspace: &Workspace) -> Result<bool> {
    let Some(path) = advisories::database() else {
        println!(
            "not checked: there is no local database; clone https://github.com/RustSec/advisory-db and name it in \
             ADVISORY_DB"
        );
        return Ok(false);
    };
    let graph = Graph::new(&workspace.metadata()?)?;
    let policy = Policy::parse(&workspace.read("deny.toml")?)?;
    let mut report = Report::default();
    let advisories = advisories::load(&path)?;
    report.rule("advisories", advisories::nothing_vulnerable(&graph, &policy, &advisories));
    report.finish()?;
    Ok(true)
}

fn count_crates(workspace: &Workspace, name: &str) -> Result<usize> {
    let shell = &workspace.shell;
    let tree = cmd!(shell, "cargo tree --locked --package {name} --edges normal,build --prefix none");
    Ok(supply::crates_listed(&tree.quiet().read()?))
}

#[derive(Debug, Default)]
struct Report {
    broken: usize,
}

impl Report {
    fn rule(&mut self, name: &str, findings: Vec<String>) {
        let verdict = if findings.is_empty() { "ok  " } else { "FAIL" };
        println!("{verdict}  {name}");
        for finding in &findings {
            println!("      {finding}");
        }
        self.broken += usize::from(!findings.is_empty());
    }

    fn finish(self) -> Result<()> {
        match self.broken {
            0 => Ok(()),
            broken => bail!("{broken} dependency rules are broken"),
        }
    }
}
