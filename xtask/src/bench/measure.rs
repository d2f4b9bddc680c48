//! Rounds of several contenders in turns, and what came out of them.

use std::fmt;
use std::time::{Duration, Instant};

/// What was measured of one contender.
#[derive(Debug)]
pub(super) struct Samples {
    pub(super) name: &'static str,
    times: Vec<Duration>,
}

impl Samples {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, times: Vec::new() }
    }

    /// Measures one call.
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    pub(super) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = call();
        self.times.push(start.elapsed());
        result
    }

    pub(super) fn median(&self) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    pub(super) fn minimum(&self) -> Duration {
        self.times.iter().min().copied().unwrap_or_default()
    }

    /// How much longer this took than `floor`, by the medians.
    pub(super) fn ratio(&self, floor: &Self) -> f64 {
        self.median().as_secs_f64() / floor.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, minimum, count) = (self.median(), self.minimum(), self.times.len());
        write!(f, "{:<52} median {median:>9.2?}  min {minimum:>9.2?}  n {count}", self.name)
    }
}

/// Prints a ratio beside the one to reach, and whether it was.
#[expect(clippy::print_stdout, reason = "a program that people read")]
pub(super) fn verdict(what: &str, ratio: f64, target: f64) {
    let reached = if ratio <= target { "reached" } else { "missed" };
    println!("  {what}: {ratio:.2}, to reach {target:.2}: {reached}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Samples;

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let samples = |times: &[u64]| Samples {
            name: "",
            times: times.iter().map(|time| Duration::from_millis(*time)).collect(),
        };
        let (slow, floor) = (samples(&[30, 10, 20]), samples(&[1000, 10, 1]));
        assert_eq!(slow.median(), Duration::from_millis(20));
        assert_eq!(slow.minimum(), Duration::from_millis(10));
        assert!((slow.ratio(&floor) - 2.0).abs() < 1e-9);
    }
}
