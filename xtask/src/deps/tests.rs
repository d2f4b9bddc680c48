use std::collections::BTreeSet;

use cargo_metadata::MetadataCommand;
use semver::Version;

use super::advisories::{Advisory, nothing_vulnerable};
use super::graph::{Declared, Edge, Graph, Package, Source};
use super::policy::Policy;
use super::{architecture, manifests, supply};
use crate::workspace::Workspace;

/// A sound graph in miniature; each test breaks one thing.
const SOUND: &str = "
    butlr-auth-core: url@2.5.0
    butlr-auth-http: butlr-auth-core@0.1.0 oauth2@5.0.0 reqwest@0.13.0 ~butlr-auth-testkit@0.1.0
    butlr-auth-cache: butlr-auth-core@0.1.0 tokio@1.52.0 ~butlr-auth-testkit@0.1.0
    butlr-auth-testkit: butlr-auth-core@0.1.0 hyper@1.0.0
    butlr-auth-verify: butlr-auth-core@0.1.0 butlr-auth-http@0.1.0
    butlr-auth: butlr-auth-http@0.1.0 butlr-auth-cache@0.1.0 butlr-auth-verify@0.1.0
    butlr-auth-cli: butlr-auth@0.1.0 butlr-auth-testkit@0.1.0
    reqwest@0.13.0: hyper@1.0.0 tokio@1.52.0
    hyper@1.0.0: tokio@1.52.0
    oauth2@5.0.0: url@2.5.0
    url@2.5.0:
    tokio@1.52.0:
";

/// Reads lines of `package: dependency …`; `~` marks a development dependency, a member has no version.
#[track_caller]
pub(crate) fn graph(lines: &str) -> Graph {
    let mut graph = Graph::default();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (package, dependencies) = line.split_once(':').unwrap();
        let (name, version) = package.split_once('@').unwrap_or((package, "0.1.0"));
        let member = !package.contains('@');
        let dependencies: Vec<&str> = dependencies.split_whitespace().collect();
        let package = Package {
            name: name.into(),
            version: version.parse().unwrap(),
            licence: Some("MIT OR Apache-2.0".into()),
            source: if member { Source::Member } else { Source::CratesIo },
            rust_version: None,
            features: BTreeSet::new(),
            edges: dependencies.iter().map(|word| edge(word)).collect(),
            declared: dependencies.iter().filter(|_| member).map(|word| declared(word)).collect(),
        };
        graph.packages.insert(format!("{name} {version}"), package);
    }
    graph
}

fn edge(word: &str) -> Edge {
    Edge { to: word.trim_start_matches('~').replace('@', " "), only_dev: word.starts_with('~') }
}

fn declared(word: &str) -> Declared {
    let dev = word.starts_with('~');
    let name = word.trim_start_matches('~').split('@').next().unwrap().to_owned();
    Declared { name, dev, has_version: !dev, default_features: false }
}

/// `SOUND` with the line of one package extended by a dependency.
#[track_caller]
fn with(package: &str, dependency: &str) -> Graph {
    let line = format!("{package}:");
    assert!(SOUND.contains(&line));
    graph(&SOUND.replace(&line, &format!("{line} {dependency}")))
}

#[track_caller]
fn package<'g>(graph: &'g mut Graph, id: &str) -> &'g mut Package {
    graph.packages.get_mut(id).unwrap()
}

#[track_caller]
fn check(findings: &[String], expected: &[&str]) {
    assert_eq!(findings, expected);
}

#[test]
fn sound_graph_breaks_no_rule() {
    let sound = graph(SOUND);
    check(&architecture::core_does_no_io(&sound), &[]);
    check(&architecture::http_and_cache_are_strangers(&sound), &[]);
    check(&architecture::verify_stands_beside(&sound), &[]);
    check(&architecture::one_http_client(&sound), &[]);
    check(&architecture::testkit_stays_outside(&sound), &[]);
    check(&supply::everything_from_crates_io(&sound), &[]);
    check(&supply::no_new_duplicates(&sound, &Policy::default()), &[]);
}

#[test]
fn core_that_gains_reqwest_is_refused_with_the_chain() {
    check(
        &architecture::core_does_no_io(&with("butlr-auth-core", "reqwest@0.13.0")),
        &[
            "butlr-auth-core must not depend on hyper 1.0.0: butlr-auth-core -> reqwest -> hyper",
            "butlr-auth-core must not depend on reqwest 0.13.0: butlr-auth-core -> reqwest",
            "butlr-auth-core must not depend on tokio 1.52.0: butlr-auth-core -> reqwest -> tokio",
        ],
    );
    // Tests may use a runtime: nobody downstream builds it.
    check(&architecture::core_does_no_io(&with("butlr-auth-core", "~tokio@1.52.0")), &[]);
}

#[test]
fn http_that_sees_cache_is_refused() {
    check(
        &architecture::http_and_cache_are_strangers(&with("butlr-auth-http", "butlr-auth-cache@0.1.0")),
        &["butlr-auth-http must not depend on butlr-auth-cache 0.1.0: butlr-auth-http -> butlr-auth-cache"],
    );
    let findings =
        architecture::http_and_cache_are_strangers(&with("butlr-auth-cache", "butlr-auth-http@0.1.0"));
    assert!(findings.iter().any(|finding| finding.contains("butlr-auth-cache -> butlr-auth-http")));
}

#[test]
fn sessions_that_see_verify_are_refused() {
    check(
        &architecture::verify_stands_beside(&with("butlr-auth-verify", "butlr-auth-cache@0.1.0")),
        &[
            "butlr-auth-verify must not depend on butlr-auth-cache 0.1.0: butlr-auth-verify -> butlr-auth-cache",
        ],
    );
    check(
        &architecture::verify_stands_beside(&with("butlr-auth-cache", "butlr-auth-verify@0.1.0")),
        &[
            "butlr-auth-cache must not depend on butlr-auth-verify 0.1.0: butlr-auth-cache -> butlr-auth-verify",
        ],
    );
}

// Security: N1.
#[test]
fn second_reqwest_is_refused() {
    let two = graph(&format!("{SOUND}\n reqwest@0.12.0:"));
    check(
        &architecture::one_http_client(&two),
        &["exactly one version of reqwest is wanted, found 0.12.0, 0.13.0"],
    );
    let none = graph("butlr-auth-core:");
    check(&architecture::one_http_client(&none), &["exactly one version of reqwest is wanted, found none"]);
}

#[test]
fn oauth2_with_its_own_client_is_refused() {
    let mut graph = graph(SOUND);
    package(&mut graph, "oauth2 5.0.0").features.insert("reqwest".into());
    let http = package(&mut graph, "butlr-auth-http 0.1.0");
    http.declared.iter_mut().for_each(|dependency| dependency.default_features = true);
    check(
        &architecture::one_http_client(&graph),
        &[
            "the feature `reqwest` of oauth2 5.0.0 is on",
            "butlr-auth-http takes oauth2 with its default features",
        ],
    );
}

#[test]
fn testkit_inside_is_refused() {
    let check_one = |graph: &Graph, expected: &str| {
        check(&architecture::testkit_stays_outside(graph), &[expected]);
    };
    check_one(
        &with("butlr-auth-core", "~butlr-auth-testkit@0.1.0"),
        "butlr-auth-core depends on butlr-auth-testkit",
    );
    check_one(
        &with("butlr-auth", "butlr-auth-testkit@0.1.0"),
        "butlr-auth needs butlr-auth-testkit outside its tests",
    );
    let mut versioned = graph(SOUND);
    let http = package(&mut versioned, "butlr-auth-http 0.1.0");
    http.declared.iter_mut().for_each(|dependency| dependency.has_version = true);
    check_one(
        &versioned,
        "butlr-auth-http gives its development dependency butlr-auth-testkit a version, so it could not be published first",
    );
    let mut unversioned = graph(SOUND);
    let cli = package(&mut unversioned, "butlr-auth-cli 0.1.0");
    cli.declared.iter_mut().for_each(|dependency| dependency.has_version = false);
    check_one(
        &unversioned,
        "butlr-auth-cli ships butlr-auth-testkit: the dependency needs a version to be published",
    );
    let oracle = graph(&SOUND.replace("butlr-auth-testkit:", "butlr-auth-testkit: butlr-auth-verify@0.1.0"));
    check_one(
        &oracle,
        "butlr-auth-testkit must not depend on butlr-auth-verify 0.1.0: butlr-auth-testkit -> butlr-auth-verify",
    );
}

fn policy() -> Policy {
    Policy::parse(
        r#"
        [licenses]
        allow = ["MIT", "Apache-2.0 WITH LLVM-exception"]
        [bans]
        deny = [{ crate = "openssl-sys", reason = "one TLS stack" }, { crate = "url:<2.6", reason = "old" }]
        skip = [{ crate = "rand:0.8", reason = "oauth2 asks for it" }]
        [advisories]
        ignore = [{ id = "RUSTSEC-2020-0002", reason = "not reached" }]
        "#,
    )
    .unwrap()
}

// Security: N5.
#[test]
fn licence_outside_the_list_is_refused() {
    let mut graph = graph("a@1.0.0:\n b@1.0.0:\n c@1.0.0:\n d@1.0.0:\n e@1.0.0:\n f@1.0.0:");
    let mut licence = |id: &str, text: Option<&str>| package(&mut graph, id).licence = text.map(Into::into);
    licence("a 1.0.0", Some("MIT/Apache-2.0"));
    licence("b 1.0.0", Some("GPL-3.0-only"));
    licence("c 1.0.0", Some("MIT AND GPL-3.0-only"));
    licence("d 1.0.0", None);
    licence("e 1.0.0", Some("as you like"));
    licence("f 1.0.0", Some("Apache-2.0 WITH LLVM-exception"));
    check(
        &supply::licences_are_allowed(&graph, &policy()),
        &[
            "b 1.0.0: the licence `GPL-3.0-only` is not allowed by deny.toml",
            "c 1.0.0: the licence `MIT AND GPL-3.0-only` is not allowed by deny.toml",
            "d 1.0.0 names no licence",
            "e 1.0.0: the licence `as you like` is not an SPDX expression",
        ],
    );
}

// Security: N1.
#[test]
fn banned_crate_and_old_version_are_refused() {
    let graph = graph("butlr-auth-core: url@2.5.0 openssl-sys@0.9.0\n url@2.5.0:\n openssl-sys@0.9.0:");
    check(
        &supply::nothing_banned(&graph, &policy()),
        &[
            "openssl-sys 0.9.0 is banned (one TLS stack); asked for by butlr-auth-core",
            "url 2.5.0 is banned (old); asked for by butlr-auth-core",
        ],
    );
    check(&supply::nothing_banned(&self::graph("url@2.6.0:"), &policy()), &[]);
}

// Security: N1.
#[test]
fn git_source_is_refused() {
    let mut graph = graph("a@1.0.0:");
    package(&mut graph, "a 1.0.0").source = Source::Other("git+https://example.com/a".into());
    check(&supply::everything_from_crates_io(&graph), &["a 1.0.0 comes from git+https://example.com/a"]);
}

#[test]
fn new_duplicate_is_refused_and_a_listed_one_is_not() {
    let listed = graph("rand@0.8.5:\n rand@0.9.0:");
    check(&supply::no_new_duplicates(&listed, &policy()), &[]);
    let new = graph("rand@0.8.5:\n rand@0.9.0:\n a@1.0.0:\n a@2.0.0:\n b@1.0.0: a@1.0.0");
    check(
        &supply::no_new_duplicates(&new, &policy()),
        &["a is in the tree 2 times: 1.0.0 (by b); 2.0.0 (by )"],
    );
}

#[test]
fn duplicate_that_is_gone_is_struck_from_the_list() {
    check(
        &supply::no_new_duplicates(&graph("rand@0.9.0:"), &policy()),
        &["deny.toml skips rand ^0.8, which is no duplicate any more"],
    );
}

#[test]
fn exception_without_a_reason_is_refused() {
    let text = r#"bans = { skip = [{ crate = "rand:0.8", reason = " " }] }"#;
    assert!(Policy::parse(text).unwrap_err().to_string().contains("rand is listed without a reason"));
    assert!(Policy::parse(r#"bans = { deny = [{ crate = "rand" }] }"#).is_err());
}

#[test]
fn too_many_crates_are_refused() {
    let tree = "a v0.1.0 (/somewhere)\nb v1.0.0\nb v1.0.0 (*)\nb v2.0.0\n\nc v1.0.0 (proc-macro)\n";
    assert_eq!(supply::crates_listed(tree), 4);
    check(&supply::small_enough("a", 4, 4), &[]);
    check(&supply::small_enough("a", 4, 3), &["a is built from 4 crates, the limit is 3"]);
}

#[test]
fn member_that_goes_its_own_way_is_refused() {
    let manifest = "
        [package]
        name = 'a'
        version = '0.2.0'
        edition.workspace = true
        rust-version.workspace = true
        license.workspace = true
    ";
    check(
        &manifests::members_inherit("a", &manifest.parse().unwrap()),
        &[
            "a: `version.workspace = true` is missing",
            "a: `[lints] workspace = true` is missing",
            "a: a description is missing",
        ],
    );
}

// Security: N4.
#[test]
fn every_member_forbids_unsafe_code() {
    let workspace = Workspace::open().unwrap();
    let root = workspace.manifest("Cargo.toml").unwrap();
    assert_eq!(root["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for member in workspace.members().unwrap() {
        assert_eq!(member.manifest["lints"]["workspace"].as_bool(), Some(true), "{}", member.name);
    }
}

#[test]
fn dependency_chosen_by_a_member_is_refused() {
    let manifest = "
        [dependencies]
        b.workspace = true
        c = '1'
        d = { path = '../d', version = '0.1.0' }
        [target.'cfg(unix)'.dev-dependencies]
        e = { version = '1', features = ['f'] }
    ";
    check(
        &manifests::dependencies_inherit("a", &manifest.parse().unwrap()),
        &["a: `c.workspace = true` is missing", "a: `e.workspace = true` is missing"],
    );
}

// Security: N1.
#[test]
fn vulnerable_version_is_refused_and_a_patched_or_ignored_one_is_not() {
    let advisory = |id: &str, rest: &str| {
        let text = format!(
            "```toml\n[advisory]\nid = \"{id}\"\npackage = \"a\"\n{rest}\n[versions]\npatched = [\">= 1.2.0\"]\nunaffected = [\"< 1.0.0\"]\n```\n\n# A title\n"
        );
        Advisory::parse(&text).unwrap()
    };
    let advisories = [
        advisory("RUSTSEC-2020-0001", ""),
        advisory("RUSTSEC-2020-0002", ""),
        advisory("RUSTSEC-2020-0003", "withdrawn = \"2021-01-01\""),
    ];
    let found = |version: &str| {
        let graph = graph(&format!("a@{version}:"));
        nothing_vulnerable(&graph, &policy(), &advisories)
    };
    check(&found("1.1.0"), &["a 1.1.0 is vulnerable: RUSTSEC-2020-0001"]);
    check(&found("1.2.0"), &[]);
    check(&found("0.9.0"), &[]);
    assert!(Advisory::parse("# no header").is_err());
}

// Security: N2.
#[test]
fn deny_toml_of_this_workspace_keeps_the_minimum_versions() {
    let policy = Policy::parse(include_str!("../../../deny.toml")).unwrap();
    let denied = |name: &str, version: &str| {
        let version = Version::parse(version).unwrap();
        policy.bans.deny.iter().any(|ban| ban.matches(name, &version))
    };
    for (name, below, from) in [
        ("jsonwebtoken", "10.2.9", "10.3.0"),
        ("rustls", "0.23.44", "0.23.45"),
        ("h2", "0.4.15", "0.4.16"),
        ("tokio", "1.44.1", "1.44.2"),
    ] {
        assert!(denied(name, below), "{name} {below}");
        assert!(!denied(name, from), "{name} {from}");
    }
    assert!(denied("openssl-sys", "0.9.100") && denied("native-tls", "0.2.14"));
}

#[test]
fn optional_dependency_behind_a_weak_feature_is_not_in_the_graph() {
    let graph_with = |feature: &str| {
        let text = METADATA.replace("FEATURE", feature);
        let graph = Graph::new(&MetadataCommand::parse(text).unwrap()).unwrap();
        graph.packages.into_keys().collect::<Vec<_>>()
    };
    assert_eq!(graph_with("quic?/tls"), ["ours 0.1.0"]);
    for active in ["quic/tls", "dep:quic"] {
        assert_eq!(graph_with(active), ["ours 0.1.0", "quic 1.0.0"]);
    }
}

/// What `cargo metadata` says of a member with one optional dependency, which it always resolves.
const METADATA: &str = r#"{
    "packages": [
        {
            "name": "ours", "version": "0.1.0", "id": "ours", "source": null, "targets": [],
            "manifest_path": "/ours/Cargo.toml", "features": { "default": ["FEATURE"] },
            "dependencies": [{
                "name": "quic", "source": "registry", "req": "^1", "kind": null, "rename": null,
                "optional": true, "uses_default_features": true, "features": [], "target": null
            }]
        },
        {
            "name": "quic", "version": "1.0.0", "id": "quic", "targets": [],
            "source": "registry+https://github.com/rust-lang/crates.io-index",
            "manifest_path": "/quic/Cargo.toml", "features": {}, "dependencies": []
        }
    ],
    "workspace_members": ["ours"],
    "resolve": {
        "root": null,
        "nodes": [
            {
                "id": "ours", "features": ["default"], "dependencies": ["quic"],
                "deps": [{ "name": "quic", "pkg": "quic", "dep_kinds": [{ "kind": null, "target": null }] }]
            },
            { "id": "quic", "features": [], "dependencies": [], "deps": [] }
        ]
    },
    "workspace_root": "/ours", "target_directory": "/ours/target", "version": 1
}"#;
