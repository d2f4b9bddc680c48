//! The last run on this machine, and what has moved since.
//!
//! It lies in `target/`: figures of two machines have nothing to say to each other.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use crate::workspace::Workspace;

/// Less than this is noise.
const NOISE: f64 = 0.15;

/// The last figures of every workload, and of the peers.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) figures: Vec<Figure>,
    #[serde(default)]
    pub(super) peers: Vec<Peer>,
}

/// What was measured of another crate, or why nothing was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Peer {
    pub(super) name: String,
    /// A cell for each of the table's columns; none if it does not fit.
    pub(super) cells: Vec<String>,
    /// What has to be known to read the cells, or why there are none.
    #[serde(default)]
    pub(super) remark: String,
}

impl Run {
    fn path(workspace: &Workspace) -> PathBuf {
        workspace.root.join("target/bench/last.json")
    }

    /// Reads the last run; an empty one if there was none.
    pub(super) fn last(workspace: &Workspace) -> Result<Self> {
        let path = Self::path(workspace);
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = std::fs::read_to_string(&path)?;
        serde_json::from_str(&text).with_context(|| format!("{} is of no run; remove it", path.display()))
    }

    pub(super) fn save(&self, workspace: &Workspace) -> Result<()> {
        let path = Self::path(workspace);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(std::fs::write(path, serde_json::to_string_pretty(self)? + "\n")?)
    }

    /// Puts the figures of a workload in the place of its last ones.
    pub(super) fn replace(&mut self, figures: Vec<Figure>) {
        self.figures.retain(|old| !figures.iter().any(|new| new.workload == old.workload));
        self.figures.extend(figures);
        // W10 comes after W9.
        self.figures
            .sort_by_key(|figure| figure.workload.trim_start_matches('W').parse::<u32>().unwrap_or(u32::MAX));
    }

    /// Says which figures are not what they were, and which targets are met or missed by now.
    pub(super) fn moved(&self, figures: &[Figure]) -> Vec<String> {
        let mut moved = Vec::new();
        for new in figures {
            let Some(old) = self.figures.iter().find(|old| old.is_of(new)) else { continue };
            let change = (new.value - old.value) / old.value.abs().max(f64::MIN_POSITIVE);
            let turned = old.is_met() != new.is_met();
            if change.abs() < NOISE && !turned {
                continue;
            }
            let verdict = match (turned, new.is_met()) {
                (true, true) => ", now met",
                (true, false) => ", now missed",
                (false, _) => "",
            };
            moved.push(format!("{}: {} was {}{verdict}", new.what, new.shown(), old.shown()));
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Figure, Target, Unit};
    use super::Run;

    fn figure(workload: &str, what: &str, value: f64) -> Figure {
        let target = Some(Target::AtMost(1.0));
        Figure { workload: workload.into(), what: what.into(), value, unit: Unit::Times, target }
    }

    fn run(figures: Vec<Figure>) -> Run {
        Run { figures, peers: Vec::new() }
    }

    #[test]
    fn what_moved_is_more_than_noise_or_changes_a_verdict() {
        let last = run(vec![
            figure("W1", "steady", 0.50),
            figure("W1", "slower", 0.50),
            figure("W1", "just missed", 0.99),
            figure("W1", "now reached", 1.50),
        ]);
        let now = [
            figure("W1", "steady", 0.55),
            figure("W1", "slower", 0.75),
            figure("W1", "just missed", 1.01),
            figure("W1", "now reached", 0.70),
            figure("W1", "new", 0.10),
        ];
        assert_eq!(
            last.moved(&now),
            [
                "slower: 0.75 × was 0.50 ×",
                "just missed: 1.01 × was 0.99 ×, now missed",
                "now reached: 0.70 × was 1.50 ×, now met",
            ]
        );
    }

    #[test]
    fn a_workload_replaces_its_own_figures_alone_and_the_order_is_by_number() {
        let mut last = run(vec![figure("W10", "a", 1.0), figure("W2", "gone", 1.0), figure("W2", "b", 1.0)]);
        last.replace(vec![figure("W2", "b", 2.0)]);
        let left: Vec<_> = last.figures.iter().map(|it| (it.workload.as_str(), it.value)).collect();
        assert_eq!(left, [("W2", 2.0), ("W10", 1.0)]);
    }
}
