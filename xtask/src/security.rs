//! `cargo xtask security`: which test shows which row of the security bar.
//!
//! The rows are data (`docs/security/rows.toml`), the tests name theirs, and `docs/security.md` is made of both.
//! Continuous integration refuses a page that is not what they say, a test that names no row there is, and a row
//! that has neither a test nor a reason to have none.

mod page;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail, ensure};
use regex::Regex;
use serde::Deserialize;

use crate::tidy;
use crate::workspace::Workspace;

const ROWS: &str = "docs/security/rows.toml";
const PAGE: &str = "docs/security.md";

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Writes docs/security.md instead of comparing it
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bar {
    section: Vec<Section>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    title: String,
    rows: Vec<Row>,
}

/// One thing that is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    cite: String,
    asks: String,
    /// Why it does not apply.
    absent: Option<String>,
}

/// A test that shows a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Shown {
    path: String,
    test: String,
}

type Tests = BTreeMap<String, Vec<Shown>>;

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let bar: Bar =
        toml::from_str(&workspace.read(ROWS)?).with_context(|| format!("{ROWS} is not as agreed"))?;
    let mut tests = Tests::new();
    for file in tidy::files(workspace)?.iter().filter(|file| file.is_rust()) {
        for (row, shown) in shown_in(&file.path, &file.text) {
            tests.entry(row).or_default().push(shown);
        }
    }
    let page = page::write(&bar, &tests);
    if options.write {
        workspace.write(PAGE, &page)?;
    } else {
        ensure!(
            workspace.read(PAGE)? == page,
            "{PAGE} is not what the tests say; to write it: cargo xtask security --write"
        );
    }
    let faults = faults(&bar, &tests);
    for fault in &faults {
        println!("{fault}");
    }
    if !faults.is_empty() {
        bail!("{} rows or tests do not fit", faults.len());
    }
    println!("{}", page::count(&bar, &tests));
    Ok(())
}

/// The rows that the tests of a file name, by the start of their names or in a comment above them.
fn shown_in(path: &str, text: &str) -> Vec<(String, Shown)> {
    static FUNCTION: LazyLock<Regex> = LazyLock::new(|| compile(r"^\s*(?:async )?fn (\w+)"));
    // A test whose function a macro writes: `o1_token_responses => "token_response";`
    static ROW: LazyLock<Regex> = LazyLock::new(|| compile(r#"^    ([a-o]\d{1,2}_\w+) => ""#));
    static PREFIX: LazyLock<Regex> = LazyLock::new(|| compile(r"^(?:[a-o]\d{1,2}_)+"));
    let mut found = Vec::new();
    let mut announced: Vec<String> = Vec::new();
    let mut is_test = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(rows) = trimmed.strip_prefix("// Security: ") {
            announced.extend(rows.trim_end_matches('.').split(", ").map(str::to_owned));
        } else if trimmed.starts_with("#[") {
            is_test |= trimmed.contains("test");
        } else if let Some(name) = FUNCTION.captures(line).and_then(|function| function.get(1)) {
            let name = name.as_str();
            let prefix = PREFIX.find(name).map_or("", |prefix| prefix.as_str());
            if is_test {
                announced.extend(prefix.split_terminator('_').map(str::to_uppercase));
            }
            let shown = Shown { path: path.to_owned(), test: name.to_owned() };
            found.extend(announced.drain(..).map(|row| (row, shown.clone())));
            is_test = false;
        } else if let Some(name) = ROW.captures(line).and_then(|row| row.get(1)) {
            let shown = Shown { path: path.to_owned(), test: name.as_str().to_owned() };
            let prefix = PREFIX.find(name.as_str()).map_or("", |prefix| prefix.as_str());
            found.extend(prefix.split_terminator('_').map(|row| (row.to_uppercase(), shown.clone())));
        }
    }
    found
}

/// What does not fit together.
fn faults(bar: &Bar, tests: &Tests) -> Vec<String> {
    let rows = || bar.section.iter().flat_map(|section| &section.rows);
    let mut faults = Vec::new();
    for (row, shown) in tests {
        if !rows().any(|known| known.id == *row) {
            let names: Vec<&str> = shown.iter().map(|shown| shown.test.as_str()).collect();
            faults.push(format!("there is no row {row}, which {} names", names.join(", ")));
        }
    }
    for row in rows() {
        match (tests.contains_key(&row.id), row.absent.is_some()) {
            (false, false) => faults.push(format!("no test shows {}: {}", row.id, row.asks)),
            (true, true) => faults.push(format!("{} is said not to apply, and has a test", row.id)),
            _ => {}
        }
    }
    faults
}

#[expect(clippy::expect_used, reason = "the patterns are constants of this file, compiled by its tests")]
fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a valid pattern")
}
