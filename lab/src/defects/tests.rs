use std::path::PathBuf;

use super::patch::Patch;
use super::patches;
use crate::workspace::Workspace;

fn parse(text: &str) -> anyhow::Result<Patch> {
    Patch::parse("shown-token".into(), PathBuf::from("shown-token.patch"), text)
}

#[test]
fn patch_says_what_it_breaks_and_who_notices() {
    let patch =
        parse("Breaks: Debug hides secrets (H1)\nTest: secret::tests::shown\nBuilt by: -p core --lib\n---\n")
            .unwrap();
    assert_eq!(patch.breaks, "Debug hides secrets (H1)");
    assert_eq!(patch.arguments, ["-p", "core", "--lib"]);
    assert_eq!(patch.test, "secret::tests::shown");
}

#[test]
fn patch_without_a_test_is_refused() {
    let error = parse("Breaks: something\nBuilt by: -p core\n").unwrap_err();
    assert_eq!(error.to_string(), "shown-token does not say `Test: …`");
}

#[test]
fn every_defect_applies_to_this_tree_and_names_a_test_of_it() {
    let workspace = Workspace::open().unwrap();
    let patches = patches(&workspace).unwrap();
    assert!(!patches.is_empty());
    for patch in patches {
        patch.check(&workspace).unwrap();
    }
}
