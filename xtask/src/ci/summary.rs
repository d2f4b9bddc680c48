//! The table at the end: what ran, how it ended, how long it took.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Summary {
    rows: Vec<(String, Outcome)>,
    left_out: Vec<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
    /// What it would look in is not here.
    NotChecked,
}

impl Summary {
    pub(super) fn add(&mut self, step: String, outcome: Outcome) {
        self.rows.push((step, outcome));
    }

    /// Says what was not tested because somebody asked for that.
    pub(super) fn leave_out(&mut self, names: impl Iterator<Item = &'static str>) {
        self.left_out.extend(names);
    }

    /// The step that failed, if one did.
    pub(super) fn failed(&self) -> Option<&str> {
        let failed = self.rows.iter().find(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        failed.map(|(step, _)| step.as_str())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (step, outcome) in &self.rows {
            let (verdict, took) = match outcome {
                Outcome::Passed(took) => ("ok", Some(took)),
                Outcome::Failed(took) => ("FAILED", Some(took)),
                Outcome::NotRun => ("not run", None),
                Outcome::NotChecked => ("not checked", None),
            };
            match took {
                Some(took) => writeln!(f, "{step:<10} {verdict:<8} {:>7.1} s", took.as_secs_f64())?,
                None => writeln!(f, "{step:<10} {verdict}")?,
            }
        }
        if !self.left_out.is_empty() {
            writeln!(f, "left out: what needs {}", self.left_out.join(", "))?;
        }
        Ok(())
    }
}
