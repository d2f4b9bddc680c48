//! The page that shows, for each row, the tests.

use std::fmt::Write as _;

use super::{Bar, Row, Tests};

const OPENING: &str = "\
# The security bar

What a hostile or broken server, browser, file, keyring, database, clock or neighbour gets from this client, and the
test that shows it. Written by `cargo xtask security --write` from [the rows](security/rows.toml) and from what the
tests say of themselves; `cargo xtask ci` refuses a page that is not up to date.

For every hostile input: no panic and no hang past the deadline; memory grows by less than 10 MB; no secret in any
text; nothing stored changes when an answer is refused; no byte of a secret reaches another origin; a malformed
lifetime never becomes \"does not expire\".
";

pub(super) fn write(bar: &Bar, tests: &Tests) -> String {
    let mut page = OPENING.to_owned();
    for section in &bar.section {
        let _ = write!(page, "\n## {}\n\n| | is asked | shown by |\n|---|---|---|\n", section.title);
        for row in &section.rows {
            let _ = writeln!(page, "| {} | {} | {} |", row.id, asked(row), shown(row, tests));
        }
    }
    let _ = write!(page, "\n{}\n", count(bar, tests));
    page
}

/// How much of it there is.
pub(super) fn count(bar: &Bar, tests: &Tests) -> String {
    let rows: Vec<&Row> = bar.section.iter().flat_map(|section| &section.rows).collect();
    let absent = rows.iter().filter(|row| row.absent.is_some()).count();
    let shown = rows.iter().filter(|row| tests.contains_key(&row.id)).count();
    let mut names: Vec<_> = tests.values().flatten().collect();
    names.sort();
    names.dedup();
    format!("{} rows: {shown} shown by {} tests, {absent} that do not apply.", rows.len(), names.len())
}

fn asked(row: &Row) -> String {
    if row.cite.is_empty() { row.asks.clone() } else { format!("{} ({})", row.asks, row.cite) }
}

fn shown(row: &Row, tests: &Tests) -> String {
    if let Some(reason) = &row.absent {
        return format!("does not apply: {reason}");
    }
    let Some(shown) = tests.get(&row.id) else { return "not shown yet".to_owned() };
    let links: Vec<String> =
        shown.iter().map(|shown| format!("[`{}`](../{})", shown.test, shown.path)).collect();
    links.join("<br>")
}
