//! Occupancy of the sample organization: made up, but the same at every call.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

/// The longest answer, in points; what asks for more asks for a mistake.
pub(crate) const POINT_LIMIT: usize = 20_000;

/// Reads an instant: RFC 3339, a date, or a time before now such as `-24h`.
pub(crate) fn instant(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(ago) = text.strip_prefix('-') {
        return now.checked_sub(duration(ago)?).ok();
    }
    text.parse().or_else(|_| format!("{text}T00:00:00Z").parse()).ok()
}

/// Reads a length of time such as `60s`, `15m`, `1h` or `1d`.
pub(crate) fn duration(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().last()?;
    let count: i64 = text.get(..text.len() - unit.len_utf8())?.parse().ok().filter(|count| *count > 0)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return None,
    };
    count.checked_mul(seconds).map(SignedDuration::from_secs)
}

/// The starts of all windows between two instants, or none when there are too many.
pub(crate) fn windows(start: Timestamp, stop: Timestamp, every: SignedDuration) -> Option<Vec<Timestamp>> {
    let step = every.as_secs();
    let first = start.as_second().div_euclid(step) * step;
    let count = usize::try_from(stop.as_second().saturating_sub(first).max(0) / step).ok()?;
    if count > POINT_LIMIT {
        return None;
    }
    (0..count.max(1) as i64).map(|index| Timestamp::from_second(first + index * step).ok()).collect()
}

/// How many people, from 0 to `most`, were at a place in a window: a number drawn from both.
pub(crate) fn people(place: &str, series: &str, at: Timestamp, most: i32) -> f64 {
    let digest =
        Sha256::new().chain_update(place).chain_update(series).chain_update(at.to_string()).finalize();
    let drawn = digest.first().copied().unwrap_or_default();
    let working = (13..23).contains(&(at.as_second().div_euclid(3600).rem_euclid(24)));
    let share = f64::from(drawn) / 255.0 * if working { 0.8 } else { 0.1 };
    (share * f64::from(most)).round()
}
