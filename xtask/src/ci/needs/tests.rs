use std::fs;

use super::*;
use crate::workspace::Workspace;

/// A folder with these programs in it.
fn machine(programs: &[&str]) -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    for program in programs {
        fs::write(folder.path().join(program), "").unwrap();
    }
    let places = vec![folder.path().to_owned()];
    (folder, places)
}

fn names(needs: &[&Need]) -> Vec<&'static str> {
    needs.iter().map(|need| need.name).collect()
}

#[test]
fn what_is_missing_is_said_before_anything_runs_in_lines_to_copy() {
    let (_folder, places) =
        machine(&["cc", "cargo-fmt", "git", "redis-server", "postgres", "strace", "chromium"]);
    let needs = Needs::look_in(&[], &[], &places).unwrap();
    assert_eq!(
        names(&needs.missing),
        [
            "clippy",
            "postgres",
            "pgbouncer",
            "keyring",
            "faketime",
            "iproute2",
            "python3",
            "zsh",
            "fish",
            "groff",
            "chromium",
            "glewlwyd",
            "npm"
        ]
    );
    assert_eq!(
        needs.refusal(),
        "the checks need what is not installed: clippy, postgres, pgbouncer, keyring, faketime, iproute2, python3, \
         zsh, fish, groff, chromium, glewlwyd, npm\n\
         help: sudo apt-get install --no-install-recommends postgresql pgbouncer gnome-keyring dbus faketime iproute2 \
         python3 zsh fish groff-base chromium chromium-driver glewlwyd npm\n\
         help: rustup component add clippy\n\
         help: or let it be installed: cargo xtask ci --install"
    );
}

#[test]
fn a_step_asks_only_for_what_it_needs() {
    let (_folder, places) = machine(&["cc"]);
    assert_eq!(names(&Needs::look_in(&[Step::Fmt], &[], &places).unwrap().missing), ["rustfmt"]);
    assert!(Needs::look_in(&[Step::Tidy, Step::Deps], &[], &places).unwrap().missing.is_empty());
    assert_eq!(names(&Needs::look_in(&[Step::Interop], &[], &places).unwrap().missing), ["glewlwyd", "npm"]);
    let (_folder, places) = machine(&[]);
    assert_eq!(names(&Needs::look_in(&[Step::Tidy], &[], &places).unwrap().missing), ["cc"]);
}

#[test]
fn what_is_left_out_is_not_missed_and_tests_are_told() {
    let (_folder, places) = machine(&[
        "cc",
        "cargo-fmt",
        "cargo-clippy",
        "git",
        "strace",
        "faketime",
        "ip",
        "python3",
        "zsh",
        "fish",
        "groff",
    ]);
    let without = ["redis", "postgres", "pgbouncer", "keyring", "chromium", "npm", "npm"].map(str::to_owned);
    let needs = Needs::look_in(&[], &without, &places).unwrap();
    assert_eq!(names(&needs.missing), ["glewlwyd"]);
    assert_eq!(names(&needs.left_out), &without[..6]);
    assert_eq!(
        needs.left_out_packages(),
        "redis-server,postgresql,pgbouncer,gnome-keyring,dbus,chromium,chromium-driver,npm"
    );
    assert!(needs.refusal().ends_with("help: or leave out what needs it: cargo xtask ci --without glewlwyd"));
}

#[test]
fn only_what_is_known_and_can_be_spared_is_left_out() {
    for name in ["cc", "clippy", "firefox"] {
        let error = Needs::look_in(&[], &[name.to_owned()], &[]).unwrap_err().to_string();
        assert!(
            error.contains(&format!("`{name}` is nothing that can be left out; these can: git, redis")),
            "{error}"
        );
    }
}

/// A package that only a test's message names would be missed after half an hour.
#[test]
fn every_package_that_a_test_asks_for_is_looked_for_first() {
    let workspace = Workspace::open().unwrap();
    let shell = &workspace.shell;
    let lookups =
        xshell::cmd!(shell, "git grep -hoE (find|is_there)\\(\"[^\"]+\",\\s*\"[^\"]+\" -- crates/*.rs");
    let lookups = lookups.quiet().read().unwrap();
    let packages: Vec<&str> = NEEDS.iter().flat_map(|need| need.packages()).copied().collect();
    let mut seen = 0;
    for lookup in lookups.lines() {
        let package = lookup.split('"').nth(3).unwrap();
        assert!(packages.contains(&package), "{package} is not in xtask/src/ci/needs.rs: {lookup}");
        seen += 1;
    }
    assert!(seen >= 8, "{lookups}");
}
