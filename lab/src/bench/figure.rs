//! What a run says: one number each, with the one to reach beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number of one workload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    pub(super) workload: String,
    pub(super) what: String,
    pub(super) value: f64,
    pub(super) unit: Unit,
    /// The number to reach, if there is one.
    pub(super) target: Option<Target>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// A ratio of two things that were measured side by side.
    Times,
    Count,
    Bytes,
    Microseconds,
    Milliseconds,
    Percent,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub(super) fn is_met(&self) -> bool {
        match self.target {
            None => true,
            Some(Target::AtMost(limit)) => self.value <= limit,
            Some(Target::AtLeast(limit)) => self.value >= limit,
        }
    }

    /// How much of what is allowed was used up: above one the target is missed.
    pub(super) fn of_the_target(&self) -> Option<f64> {
        match self.target? {
            Target::AtMost(limit) if limit > 0.0 => Some(self.value / limit),
            Target::AtLeast(limit) if self.value > 0.0 => Some(limit / self.value),
            Target::AtMost(_) | Target::AtLeast(_) => None,
        }
    }

    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.workload == other.workload && self.what == other.what
    }

    pub(super) fn shown(&self) -> String {
        self.unit.show(self.value)
    }

    pub(super) fn target_shown(&self) -> String {
        match self.target {
            None => "–".to_owned(),
            Some(Target::AtMost(limit)) => format!("≤ {}", self.unit.show(limit)),
            Some(Target::AtLeast(limit)) => format!("≥ {}", self.unit.show(limit)),
        }
    }

    pub(super) fn verdict(&self) -> &'static str {
        match self.target {
            None => "–",
            Some(_) if self.is_met() => "met",
            Some(_) => "missed",
        }
    }
}

impl Unit {
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Times => format!("{value:.2} ×"),
            Self::Count => format!("{value:.0}"),
            Self::Bytes => format!("{value:.0} B"),
            Self::Microseconds => format!("{value:.1} µs"),
            Self::Milliseconds => format!("{value:.2} ms"),
            Self::Percent => format!("{value:.2} %"),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.shown())?;
        if self.target.is_some() {
            write!(f, ", to reach {}: {}", self.target_shown(), self.verdict())?;
        }
        Ok(())
    }
}

/// Collects the figures of a run, and prints what it is told.
#[derive(Debug, Default)]
pub(super) struct Report {
    workload: String,
    pub(super) figures: Vec<Figure>,
}

impl Report {
    pub(super) fn begin(&mut self, workload: &str, about: &str) {
        workload.clone_into(&mut self.workload);
        println!("{workload:<4}{about}");
    }

    /// Says how something was, without making a figure of it.
    pub(super) fn note(&self, what: impl fmt::Display) {
        println!("    {what}");
    }

    /// A ratio to a floor that must not be exceeded.
    pub(super) fn at_most(&mut self, what: &str, ratio: f64, limit: f64) {
        self.figure(what, ratio, Unit::Times, Some(Target::AtMost(limit)));
    }

    /// A count that must not be exceeded.
    pub(super) fn count_at_most(&mut self, what: &str, count: f64, limit: f64) {
        self.figure(what, count, Unit::Count, Some(Target::AtMost(limit)));
    }

    /// Something worth knowing that nothing was promised of.
    pub(super) fn shown(&mut self, what: &str, value: f64, unit: Unit) {
        self.figure(what, value, unit, None);
    }

    pub(super) fn figure(&mut self, what: &str, value: f64, unit: Unit, target: Option<Target>) {
        let figure = Figure { workload: self.workload.clone(), what: what.to_owned(), value, unit, target };
        println!("  {figure}");
        self.figures.push(figure);
    }
}

#[cfg(test)]
mod tests {
    use super::{Figure, Target, Unit};

    fn figure(value: f64, target: Option<Target>) -> Figure {
        Figure { workload: "W1".into(), what: "ours / floor".into(), value, unit: Unit::Times, target }
    }

    #[test]
    fn a_target_is_met_on_its_side_and_at_it() {
        for (value, at_most, at_least) in
            [(0.5, "met", "missed"), (1.0, "met", "met"), (1.5, "missed", "met")]
        {
            assert_eq!(figure(value, Some(Target::AtMost(1.0))).verdict(), at_most);
            assert_eq!(figure(value, Some(Target::AtLeast(1.0))).verdict(), at_least);
            assert_eq!(figure(value, None).verdict(), "–");
        }
    }

    #[test]
    fn above_one_means_missed_on_either_side() {
        assert_eq!(figure(3.0, Some(Target::AtMost(2.0))).of_the_target(), Some(1.5));
        assert_eq!(figure(2.0, Some(Target::AtLeast(3.0))).of_the_target(), Some(1.5));
        assert_eq!(figure(0.0, Some(Target::AtMost(0.0))).of_the_target(), None);
    }

    #[test]
    fn a_figure_says_what_was_to_be_reached() {
        let missed = figure(1.5, Some(Target::AtMost(1.0)));
        assert_eq!(missed.to_string(), "ours / floor: 1.50 ×, to reach ≤ 1.00 ×: missed");
        assert_eq!(figure(1.5, None).to_string(), "ours / floor: 1.50 ×");
    }
}
