//! Times as people write and scripts read them.

use std::time::{Duration, SystemTime};

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp, Unit};

/// No duration is longer: a hundred years. Whatever is added to it still has a date.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads `30s`, `5m`, `1h 30m`, `365d`, or a bare number of seconds. A day has 24 hours.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let duration = text
                .parse::<SignedDuration>()
                .or_else(|_| text.parse::<Span>()?.to_duration(SpanRelativeTo::days_are_24_hours()))
                .map_err(|_| "write a duration such as 30s, 5m, 1h 30m or 365d".to_owned())?;
            Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_owned())?
        }
    };
    if duration > LONGEST { Err("a duration is a hundred years at most".to_owned()) } else { Ok(duration) }
}

/// As [`parse_duration`], of a time in which something can happen.
pub(crate) fn parse_deadline(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("nothing can be done in no time: write a duration such as 30s".to_owned()),
        deadline => Ok(deadline),
    }
}

/// Writes an instant as RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(at: SystemTime) -> Option<String> {
    let at = Timestamp::try_from(at).ok()?;
    Some(at.round(Unit::Second).unwrap_or(at).to_string())
}

/// Writes a number of seconds since 1970, as a JWT has them, as RFC 3339.
pub(crate) fn rfc3339_of_seconds(seconds: u64) -> Option<String> {
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|at| at.to_string())
}

/// Writes a remaining time for people: its largest two units.
pub(crate) fn shown(remaining: Duration) -> String {
    let seconds = remaining.as_secs();
    let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (size, unit) in units {
        if rest >= size {
            parts.push(format!("{} {unit}", rest / size));
            rest %= size;
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests;
