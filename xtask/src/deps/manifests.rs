//! What every member's manifest says the same way.

use toml_edit::{DocumentMut, Item};

const INHERITED: [&str; 4] = ["version", "edition", "rust-version", "license"];

/// One version, one edition, one licence and one lint table for all members.
pub(super) fn members_inherit(name: &str, manifest: &DocumentMut) -> Vec<String> {
    let mut findings = Vec::new();
    let package = manifest.get("package");
    for key in INHERITED {
        if !inherits(package.and_then(|package| package.get(key))) {
            findings.push(format!("{name}: `{key}.workspace = true` is missing"));
        }
    }
    if !inherits(manifest.get("lints")) {
        findings.push(format!("{name}: `[lints] workspace = true` is missing"));
    }
    let text = |key| package.and_then(|package| package.get(key)).and_then(Item::as_str);
    if text("description").is_none_or(str::is_empty) {
        findings.push(format!("{name}: a description is missing"));
    }
    findings
}

/// Third-party versions and features are chosen once, in the root manifest.
pub(super) fn dependencies_inherit(name: &str, manifest: &DocumentMut) -> Vec<String> {
    let mut tables: Vec<&Item> = Vec::new();
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables.extend(kinds.iter().filter_map(|kind| manifest.get(kind)));
    if let Some(targets) = manifest.get("target").and_then(Item::as_table_like) {
        for (_, target) in targets.iter() {
            tables.extend(kinds.iter().filter_map(|kind| target.get(kind)));
        }
    }
    let dependencies = tables.iter().filter_map(|table| table.as_table_like()).flat_map(|table| table.iter());
    dependencies
        .filter(|(_, item)| !inherits(Some(item)) && item.get("path").is_none())
        .map(|(dependency, _)| format!("{name}: `{dependency}.workspace = true` is missing"))
        .collect()
}

fn inherits(item: Option<&Item>) -> bool {
    item.and_then(|item| item.get("workspace")).and_then(Item::as_bool) == Some(true)
}
