//! docs/performance.md: its two tables and its plot, from the last run. What is written around them is a person's.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::figure::{Figure, Unit};
use super::saved::{Peer, Run};
use crate::workspace::Workspace;

const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/performance.svg";

/// The columns of the peers' table.
const COLUMNS: [&str; 5] = [
    "W1, time / ours",
    "W2, ours / its throughput",
    "W3 cold: requests, p99",
    "W3 expiry: requests, p99",
    "W3 failing: requests, p99",
];

pub(super) fn write(workspace: &Workspace, run: &Run) -> Result<()> {
    let page = workspace.read(PAGE)?;
    let page = fill(&page, "figures", &figures(&run.figures))?;
    let page = fill(&page, "peers", &peers(&run.peers))?;
    workspace.write(PAGE, &page)?;
    workspace.write(PLOT, &plot(&run.figures))
}

/// Puts `text` between the two comments that mark its place.
fn fill(page: &str, place: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench: {place} -->\n"), format!("<!-- end: {place} -->"));
    let missing = || format!("{PAGE} has no place for `{place}`");
    let (before, rest) = page.split_once(&begin).with_context(missing)?;
    let (_, after) = rest.split_once(&end).with_context(missing)?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

fn figures(figures: &[Figure]) -> String {
    let mut table =
        "| workload | what | measured | to reach | | command |\n|---|---|--:|--:|---|---|\n".to_owned();
    for figure in figures {
        let Figure { workload, what, .. } = figure;
        let (shown, target, verdict) = (figure.shown(), figure.target_shown(), figure.verdict());
        let verdict = if figure.is_met() { verdict.to_owned() } else { format!("**{verdict}**") };
        let _ = writeln!(
            table,
            "| {workload} | {what} | {shown} | {target} | {verdict} | `cargo xtask bench {workload}` |"
        );
    }
    table
}

fn peers(peers: &[Peer]) -> String {
    let rule = "---|".repeat(COLUMNS.len() + 2);
    let mut table = format!("| peer | {} | remark |\n|{rule}\n", COLUMNS.join(" | "));
    for Peer { name, cells, remark } in peers {
        let cell = |column| cells.get(column).map_or("–", String::as_str);
        let cells: Vec<&str> = (0..COLUMNS.len()).map(cell).collect();
        let _ = writeln!(table, "| {name} | {} | {remark} |", cells.join(" | "));
    }
    table
}

/// Bars of how much of what a target allows was used, the target itself at one. Counts are not drawn: a count that
/// must be zero has no scale.
fn plot(figures: &[Figure]) -> String {
    const ROW: usize = 22;
    const TOP: usize = 40;
    // Beside the longest bar, so that no bar's length and no line stands in the way.
    const VALUES: usize = 784;
    const LEFT: f64 = 400.0;
    const PER_ONE: f64 = 220.0;
    const LONGEST: f64 = 1.6;

    let drawn: Vec<(&Figure, f64)> = figures
        .iter()
        .filter(|figure| figure.unit != Unit::Count)
        .filter_map(|figure| Some((figure, figure.of_the_target()?)))
        .collect();
    let height = TOP + drawn.len() * ROW + 10;
    let target = LEFT + PER_ONE;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 {height}\" role=\"img\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>What was measured as a part of what was to be reached</title>\n\
         <rect width=\"960\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"{target}\" y=\"18\" text-anchor=\"middle\" fill=\"#333333\">the figure to reach</text>\n"
    );
    for (row, (figure, part)) in drawn.iter().enumerate() {
        let top = TOP + row * ROW;
        let middle = top + 12;
        let width = part.min(LONGEST) * PER_ONE;
        let colour = if figure.is_met() { "#2f7d5b" } else { "#c2572b" };
        let label = escaped(&format!("{} {}", figure.workload, figure.what));
        let shown = escaped(&format!("{} ({})", figure.shown(), figure.target_shown()));
        let _ = writeln!(
            svg,
            "<text x=\"392\" y=\"{middle}\" text-anchor=\"end\" fill=\"#333333\">{label}</text>\n\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"16\" fill=\"{colour}\"/>\n\
             <text x=\"{VALUES}\" y=\"{middle}\" fill=\"#333333\">{shown}</text>"
        );
    }
    let bottom = height - 10;
    let _ = writeln!(
        svg,
        "<line x1=\"{target}\" y1=\"24\" x2=\"{target}\" y2=\"{bottom}\" stroke=\"#333333\" \
         stroke-dasharray=\"4 3\"/>\n</svg>"
    );
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
