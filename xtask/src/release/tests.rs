use std::fs;
use std::path::Path;

use jiff::civil::date;
use semver::Version;
use toml_edit::DocumentMut;
use xshell::{Shell, cmd};

use super::downstream::Readme;
use super::prepare::{self, roll, set_requirements, set_version};
use super::publish::in_dependency_order;
use crate::deps::sketch;
use crate::workspace::Workspace;

const CHANGELOG: &str =
    "# Changelog\n\n## [Unreleased]\n\n- A token lives longer.\n\n## [0.1.0] - 2026-01-02\n";

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn changelog_is_rolled() {
    assert_eq!(
        roll(CHANGELOG, &version("0.2.0"), date(2026, 3, 4)).unwrap(),
        "# Changelog\n\n## [Unreleased]\n\n## [0.2.0] - 2026-03-04\n\n- A token lives longer.\n\n## [0.1.0] - 2026-01-02\n"
    );
}

#[test]
fn changelog_without_news_is_refused() {
    let rolled = roll(CHANGELOG, &version("0.2.0"), date(2026, 3, 4)).unwrap();
    let error = roll(&rolled, &version("0.3.0"), date(2026, 3, 4)).unwrap_err();
    assert!(error.to_string().contains("nothing under"));
    assert!(roll("# Changelog\n", &version("0.2.0"), date(2026, 3, 4)).is_err());
}

#[test]
fn version_is_set_where_one_is_said_and_nowhere_else() {
    let mut manifest: DocumentMut = "\
[workspace.package]
version = \"0.1.0\" # one for all
[workspace.dependencies]
ours = { path = \"crates/ours\", version = \"0.1.0\" }
kit = { path = \"crates/kit\" }
theirs = { version = \"0.1.0\" }
[target.'cfg(unix)'.dependencies.ours]
version = \"0.1.0\"
"
    .parse()
    .unwrap();
    set_version(&mut manifest, &version("0.2.0")).unwrap();
    set_requirements(&mut manifest, &["ours", "kit"], &version("0.2.0"));
    assert_eq!(
        manifest.to_string(),
        "\
[workspace.package]
version = \"0.2.0\" # one for all
[workspace.dependencies]
ours = { path = \"crates/ours\", version = \"0.2.0\" }
kit = { path = \"crates/kit\" }
theirs = { version = \"0.1.0\" }
[target.'cfg(unix)'.dependencies.ours]
version = \"0.2.0\"
"
    );
}

#[test]
fn crates_are_ordered_by_what_they_need() {
    let graph = sketch(
        "cli: facade@0.1.0 kit@0.1.0\n facade: http@0.1.0 cache@0.1.0\n http: core@0.1.0 ~kit@0.1.0\n \
         cache: core@0.1.0\n kit: core@0.1.0 http@0.1.0\n core:",
    );
    let names = ["cli", "facade", "kit", "http", "cache", "core"].map(String::from);
    assert_eq!(
        in_dependency_order(&graph, names.to_vec()),
        ["core", "http", "cache", "kit", "facade", "cli"]
    );
}

/// A repository with one crate, as small as `prepare` can work on.
fn scratch(root: &Path) -> Workspace {
    for (path, text) in [
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\nresolver = \"3\"\n[workspace.package]\nversion = \"0.1.0\"\n",
        ),
        ("CHANGELOG.md", CHANGELOG),
        ("crates/a/Cargo.toml", "[package]\nname = \"a\"\nversion.workspace = true\n"),
        ("crates/a/src/lib.rs", ""),
        (
            "xtask/Cargo.toml",
            "[package]\nname = \"xtask\"\nversion.workspace = true\n[dependencies]\na = { path = \"../crates/a\", version = \"0.1.0\" }\n",
        ),
        ("xtask/src/main.rs", "fn main() {}\n"),
        (".gitignore", "/target\n"),
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let workspace = Workspace::at(root).unwrap();
    let shell: &Shell = &workspace.shell;
    cmd!(shell, "git init --quiet").run().unwrap();
    for (name, value) in
        [("user.name", "Ada"), ("user.email", "ada@example.com"), ("commit.gpgsign", "false")]
    {
        cmd!(shell, "git config {name} {value}").run().unwrap();
    }
    cmd!(shell, "cargo generate-lockfile --offline --quiet").run().unwrap();
    cmd!(shell, "git add --all").run().unwrap();
    cmd!(shell, "git commit --quiet --message first").run().unwrap();
    workspace
}

#[test]
fn release_is_prepared_in_one_clean_commit() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = scratch(directory.path());
    let shell = &workspace.shell;

    prepare::run(&workspace, &version("0.2.0")).unwrap();

    assert!(workspace.is_clean().unwrap());
    assert_eq!(cmd!(shell, "git log --format=%s").read().unwrap(), "release: 0.2.0\nfirst");
    assert!(workspace.read("CHANGELOG.md").unwrap().contains("## [0.2.0] - "));
    assert!(workspace.read("xtask/Cargo.toml").unwrap().contains("version = \"0.2.0\""));
    assert_eq!(workspace.read("Cargo.lock").unwrap().matches("version = \"0.2.0\"").count(), 2);
}

#[test]
fn release_is_refused_for_a_dirty_tree_or_a_version_that_is_not_greater() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = scratch(directory.path());
    let refused = |text: &str| prepare::run(&workspace, &version(text)).unwrap_err().to_string();

    assert!(refused("0.1.0").contains("not greater"));
    assert!(refused("0.1.0-rc.1").contains("not greater"));
    workspace.write("crates/a/src/lib.rs", "//! Changed.\n").unwrap();
    assert!(refused("0.2.0").contains("not committed"));
}

#[test]
fn first_release_keeps_the_version_of_the_manifest() {
    let directory = tempfile::tempdir().unwrap();
    let workspace = scratch(directory.path());
    let shell = &workspace.shell;
    workspace.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n- Everything.\n").unwrap();
    cmd!(shell, "git commit --all --quiet --message news").run().unwrap();

    prepare::run(&workspace, &version("0.1.0")).unwrap();

    assert!(workspace.is_clean().unwrap());
    assert!(workspace.read("CHANGELOG.md").unwrap().contains("## [0.1.0] - "));
    assert!(prepare::run(&workspace, &version("0.1.0")).is_err());
}

#[test]
fn readme_says_how_a_crate_is_added_and_what_program_runs() {
    let text = "\
# ours

```console
$ cargo add ours --features sqlite   # a store that survives
$ cargo run
```

```toml
ours = \"0.1\"
```

```rust,no_run
fn main() {}
```

```rust
fn another() {}
```
";
    let readme = Readme::read(text);
    assert_eq!(readme.commands, [["add", "ours", "--features", "sqlite"]]);
    assert_eq!(readme.program.as_deref(), Some("fn main() {}"));
    assert!(Readme::read("# ours\n\nNothing more.\n").commands.is_empty());
}
