//! Which files there are, and what every crate has.

use std::collections::BTreeSet;

use super::{File, Finding};

/// The top level, and nothing else.
const TOP_LEVEL: [&str; 21] = [
    ".cargo",
    ".ci",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "docs",
    "lab",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "xtask",
    ".gitattributes",
];

/// Names under which everything fits, so that nothing can be found.
const ROOMS_FOR_ANYTHING: [&str; 7] =
    ["common", "error_utils", "helpers", "macros", "misc", "types", "utils"];

pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(name(file));
        findings.extend(top_level(file));
    }
    findings.extend(front_pages(files));
    findings.extend(one_test_binary(files));
    findings
}

fn name(file: &File) -> Option<Finding> {
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if file.path.ends_with(".snap.new") || file.path.ends_with(".pending-snap") {
        return Some(file.finding(None, "a snapshot that nobody has accepted"));
    }
    if name == "mod.rs" {
        return Some(file.finding(None, "the module goes into `foo.rs` beside `foo/`"));
    }
    let module = name.strip_suffix(".rs")?;
    ROOMS_FOR_ANYTHING
        .contains(&module)
        .then(|| file.finding(None, format!("`{module}` says nothing; name what the module is about")))
}

fn top_level(file: &File) -> Option<Finding> {
    let top = file.path.split('/').next()?;
    (!TOP_LEVEL.contains(&top)).then(|| file.finding(None, "the top level has its list; is this not a part?"))
}

/// Every crate opens with its front page.
fn front_pages(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        let Some(folder) = manifest.path.strip_suffix("Cargo.toml") else { continue };
        let roots = [format!("{folder}src/lib.rs"), format!("{folder}src/main.rs")];
        let mut found = files.iter().filter(|file| roots.contains(&file.path)).peekable();
        let is_front_page = |text: &str| text.starts_with("//!") || text.starts_with("#![doc");
        if found.peek().is_some() && !found.any(|file| is_front_page(&file.text)) {
            findings.push(manifest.finding(None, "the crate has no front page: `//!` opens src/lib.rs"));
        }
    }
    findings
}

/// Each file directly in `tests/` would be linked against everything once more.
fn one_test_binary(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let crates: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.strip_suffix("/Cargo.toml")).collect();
    for file in files.iter().filter(|file| file.is_rust()) {
        let Some((folder, test)) = file.path.rsplit_once("/tests/") else { continue };
        if crates.contains(folder) && !test.contains('/') {
            findings.push(file.finding(None, "integration tests are one binary: tests/it/main.rs"));
        }
    }
    findings
}
