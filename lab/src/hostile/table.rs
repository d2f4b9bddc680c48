use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Outcome;

#[derive(Default)]
struct Sum {
    cases: BTreeSet<String>,
    answers: usize,
    wrong: usize,
    longest: Duration,
    memory: u64,
}

impl Sum {
    fn add(&mut self, outcome: &Outcome) {
        self.cases.insert(outcome.case.name().to_owned());
        self.answers += 1;
        self.wrong += usize::from(!outcome.wrong.is_empty());
        self.longest = self.longest.max(outcome.took);
        self.memory = self.memory.max(outcome.memory.unwrap_or(0));
    }

    fn print(&self, name: &str) {
        println!(
            "{name:<14} {:>5} {:>7} {:>5} {:>8} ms {:>6.1} MiB",
            self.cases.len(),
            self.answers,
            self.wrong,
            self.longest.as_millis(),
            mebibytes(self.memory)
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

pub(super) fn print(outcomes: &[Outcome], all: bool) {
    let mut groups: BTreeMap<&str, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    for outcome in outcomes {
        let name = outcome.case.name();
        groups.entry(name.split('/').next().unwrap_or(name)).or_default().add(outcome);
        total.add(outcome);
        if all || !outcome.wrong.is_empty() {
            println!(
                "{name:<34} {:<13} {:<15} {:>5} ms {:>5.1} MiB  {}",
                outcome.surface,
                outcome.found,
                outcome.took.as_millis(),
                mebibytes(outcome.memory.unwrap_or(0)),
                if outcome.wrong.is_empty() {
                    outcome.case.reason().to_owned()
                } else {
                    format!("WRONG: {}", outcome.wrong.join("; "))
                }
            );
        }
    }
    println!(
        "{:<14} {:>5} {:>7} {:>5} {:>11} {:>10}",
        "group", "cases", "answers", "wrong", "longest", "memory"
    );
    groups.iter().for_each(|(name, sum)| sum.print(name));
    total.print("all");
}
