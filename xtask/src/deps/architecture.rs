//! Which way dependencies point: the rules of docs/architecture.md.

use super::graph::{Graph, Package, package_id};

const CORE: &str = "butlr-auth-core";
const HTTP: &str = "butlr-auth-http";
const CACHE: &str = "butlr-auth-cache";
const VERIFY: &str = "butlr-auth-verify";
const TESTKIT: &str = "butlr-auth-testkit";
const FACADE: &str = "butlr-auth";
const CLI: &str = "butlr-auth-cli";
const LAB: &str = "butlr-auth-lab";

/// Whoever names a token must not build a runtime or an HTTP stack.
pub(super) fn core_does_no_io(graph: &Graph) -> Vec<String> {
    never_sees(graph, CORE, &["tokio", "reqwest", "oauth2", "hyper", "rustls"])
}

/// A store needs no HTTP client, an endpoint no store: they meet in the facade.
pub(super) fn http_and_cache_are_strangers(graph: &Graph) -> Vec<String> {
    let mut findings = never_sees(graph, HTTP, &[CACHE]);
    findings.extend(never_sees(graph, CACHE, &[HTTP, "reqwest", "hyper"]));
    findings
}

/// A resource server holds no session, and a client that checks no token builds no verifier.
pub(super) fn verify_stands_beside(graph: &Graph) -> Vec<String> {
    let mut findings = never_sees(graph, VERIFY, &[CACHE]);
    for layer in [CORE, HTTP, CACHE] {
        findings.extend(never_sees(graph, layer, &[VERIFY]));
    }
    findings
}

/// One client, so that redirects, proxies and TLS are decided in one place.
pub(super) fn one_http_client(graph: &Graph) -> Vec<String> {
    let mut findings = Vec::new();
    let versions: Vec<String> = graph.named("reqwest").map(|package| package.version.to_string()).collect();
    if versions.len() != 1 {
        findings.push(format!("exactly one version of reqwest is wanted, found {}", list(&versions)));
    }
    for oauth2 in graph.named("oauth2").filter(|package| package.features.contains("reqwest")) {
        findings.push(format!("the feature `reqwest` of oauth2 {} is on", oauth2.version));
    }
    for member in graph.members() {
        if member.declared.iter().any(|dependency| dependency.name == "oauth2" && dependency.default_features)
        {
            findings.push(format!("{} takes oauth2 with its default features", member.name));
        }
    }
    findings
}

/// The test kit sees core, never the reverse: two copies of one type would be in core's tests.
pub(super) fn testkit_stays_outside(graph: &Graph) -> Vec<String> {
    let mut findings = Vec::new();
    for member in graph.members() {
        for dependency in member.declared.iter().filter(|dependency| dependency.name == TESTKIT) {
            let name = member.name.as_str();
            match name {
                HTTP | CACHE | FACADE if !dependency.dev => {
                    findings.push(format!("{name} needs {TESTKIT} outside its tests"));
                }
                HTTP | CACHE | FACADE if dependency.has_version => findings.push(format!(
                    "{name} gives its development dependency {TESTKIT} a version, so it could not be published first"
                )),
                HTTP | CACHE | FACADE | CLI | LAB => {}
                _ => findings.push(format!("{name} depends on {TESTKIT}")),
            }
            if name == CLI && !dependency.dev && !dependency.has_version {
                findings
                    .push(format!("{name} ships {TESTKIT}: the dependency needs a version to be published"));
            }
        }
    }
    findings.extend(never_sees(graph, TESTKIT, &[VERIFY]));
    findings
}

fn never_sees(graph: &Graph, member: &str, forbidden: &[&str]) -> Vec<String> {
    let mut findings = Vec::new();
    for root in graph.members().filter(|package| package.name == member) {
        for (id, chain) in graph.tree(root) {
            let is_forbidden = |package: &Package| forbidden.contains(&package.name.as_str());
            if id != package_id(root) && graph.packages.get(&id).is_some_and(is_forbidden) {
                findings.push(format!("{member} must not depend on {id}: {}", chain.join(" -> ")));
            }
        }
    }
    findings
}

fn list(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}
