//! Rounds of several contenders in turns, and what came out of them.

use std::fmt;
use std::time::{Duration, Instant};

/// What was measured of one contender.
#[derive(Clone, Debug)]
pub(crate) struct Samples {
    pub(crate) name: String,
    /// How many operations one sample is made of: what takes nanoseconds is measured by the thousand.
    batch: u32,
    times: Vec<Duration>,
}

impl Samples {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self::in_batches(name, 1)
    }

    pub(crate) fn in_batches(name: impl Into<String>, batch: u32) -> Self {
        Self { name: name.into(), batch, times: Vec::new() }
    }

    /// Measures one call: a whole batch.
    pub(crate) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = now();
        let result = call();
        self.add(start.elapsed());
        result
    }

    /// Takes what was measured elsewhere.
    pub(crate) fn add(&mut self, time: Duration) {
        self.times.push(time);
    }

    /// Throws away what was measured so far: the first rounds only warm up.
    pub(crate) fn clear(&mut self) {
        self.times.clear();
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn median(&self) -> Duration {
        self.permille(500)
    }

    pub(crate) fn minimum(&self) -> Duration {
        self.permille(0)
    }

    /// The sample below which so many thousandths of all lie.
    pub(crate) fn permille(&self, permille: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort_unstable();
        let place = (times.len() * permille / 1000).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    }

    /// How many nanoseconds one operation took, by the median.
    pub(crate) fn nanoseconds(&self) -> f64 {
        self.median().as_secs_f64() * 1e9 / f64::from(self.batch)
    }

    /// How much longer an operation took than one of `floor`, by the medians.
    pub(crate) fn ratio(&self, floor: &Self) -> f64 {
        self.nanoseconds() / floor.nanoseconds().max(f64::MIN_POSITIVE)
    }

    /// The same by the best rounds: what neighbours take away from a machine's second core is not in it.
    pub(crate) fn best_ratio(&self, floor: &Self) -> f64 {
        let best = |samples: &Self| samples.minimum().as_secs_f64() / f64::from(samples.batch);
        best(self) / best(floor).max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (median, minimum) = (self.median() / self.batch, self.minimum() / self.batch);
        write!(f, "{:<58} median {median:>9.2?}  min {minimum:>9.2?}  n {}", self.name, self.count())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Samples;

    fn samples(batch: u32, times: &[u64]) -> Samples {
        let times = times.iter().map(|time| Duration::from_millis(*time)).collect();
        Samples { name: String::new(), batch, times }
    }

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let (slow, floor) = (samples(1, &[30, 10, 20]), samples(1, &[1000, 10, 1]));
        assert_eq!(slow.median(), Duration::from_millis(20));
        assert_eq!(slow.minimum(), Duration::from_millis(10));
        assert!((slow.ratio(&floor) - 2.0).abs() < 1e-9);
        assert!((slow.best_ratio(&floor) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn batches_of_different_sizes_are_compared_by_the_operation() {
        let (thousand, hundred) = (samples(1000, &[50]), samples(100, &[10]));
        assert!((thousand.ratio(&hundred) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn a_permille_is_one_of_the_samples() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let samples = samples(1, &hundred);
        assert_eq!(samples.permille(990), Duration::from_millis(100));
        assert_eq!(samples.permille(980), Duration::from_millis(99));
        assert_eq!(samples.permille(1000), Duration::from_millis(100));
        assert_eq!(Samples::new("").permille(1000), Duration::ZERO);
    }
}
