//! Rows under one another, each column as wide as its widest cell.

use butlr_auth::core::text::escape;

/// No cell is longer.
const WIDEST: usize = 96;

/// Lays rows out under their titles. The last column is as long as it is.
pub(super) fn table<const N: usize>(titles: [&str; N], rows: &[[String; N]]) -> String {
    let rows: Vec<[String; N]> = std::iter::once(titles.map(str::to_owned))
        .chain(rows.iter().map(|row| row.clone().map(|cell| escape(&cell, WIDEST))))
        .collect();
    let widths: Vec<usize> = (0..N)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
        })
        .collect();
    let line = |row: &[String; N]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
