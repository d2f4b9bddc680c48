//! The table at the end: what ran, how it ended, how long it took.

use std::fmt;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Summary {
    rows: Vec<(String, Outcome)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Passed(Duration),
    Failed(Duration),
    NotRun,
}

impl Summary {
    pub(super) fn add(&mut self, step: String, outcome: Outcome) {
        self.rows.push((step, outcome));
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
            };
            write!(f, "{step:<8} {verdict:<8}")?;
            match took {
                Some(took) => writeln!(f, " {:>7.1} s", took.as_secs_f64())?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
