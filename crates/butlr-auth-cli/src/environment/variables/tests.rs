use std::collections::BTreeSet;
use std::path::Path;

use super::{VARIABLES, text};

/// Words in capitals that are no variables of ours.
const OTHERS: [&str; 12] = [
    "CARGO_PKG_VERSION",
    "DURATION",
    "FORMAT",
    "METHOD",
    "MY_SECRET",
    "NONCE",
    "PATH",
    "PLACE",
    "PROFILE",
    "ROBOT_SECRET",
    "SCOPE",
    "UNAUTHENTICATED",
];

fn words(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            words(&path, found);
        } else if path.file_name().is_some_and(|name| name != "tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let literals = text.split('"').skip(1).step_by(2);
            let capitals = |word: &&str| {
                word.len() > 3 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
            };
            found.extend(literals.filter(capitals).map(str::to_owned));
        }
    }
}

#[test]
fn every_variable_that_is_read_stands_in_the_table() {
    let mut found = BTreeSet::new();
    words(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.contains("BUTLR_CLIENT_ID"), "nothing was searched: {found:?}");
    let known: BTreeSet<&str> =
        VARIABLES.iter().flat_map(|(_, table)| table.iter()).map(|(name, _)| *name).collect();
    // What begins so is always ours; of the rest, what a value of an argument or a test is called is not.
    let names = found.iter().map(String::as_str).filter(|name| {
        ["BUTLR_", "XDG_", "SSH_", "SSL_", "LC_"].iter().any(|ours| name.starts_with(ours))
            || ["HOME", "NO_COLOR", "BROWSER", "DISPLAY", "TERM", "LANG"].contains(name)
            || (name.contains('_') && !OTHERS.contains(name))
    });
    let missing: Vec<&str> = names.filter(|name| !known.contains(name)).collect();
    assert!(missing.is_empty(), "not in the table: {missing:?}");
}

#[test]
fn the_guide_is_the_table() {
    let guide = include_str!("../../../../../docs/guides/environment.md");
    for (about, variables) in VARIABLES {
        assert!(guide.contains(&format!("## {about}\n")), "{about}");
        for (name, what) in variables {
            assert!(guide.contains(&format!("| `{name}` | {what} |")), "{name}");
        }
    }
    assert!(text().lines().all(|line| line.chars().count() <= 105), "{}", text());
}
