use std::time::Duration;

use crate::id;

/// When tokens are renewed and how long the parts of a renewal may take.
///
/// # Defaults
/// | setting | default | why |
/// |---|---|---|
/// | `margin` | a tenth of the lifetime, 5 s to 300 s, at most a quarter of it | requests in flight and skewed clocks need the rest of the life |
/// | `jitter` | on | a fleet must not ask in the same second |
/// | `chain` | 12 s | a caller waits for two requests and a takeover, no longer |
/// | `recheck` | 5 s | another process's logout reaches this one |
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RefreshPolicy {
    /// How long before its expiry a token is no longer handed out without waiting for its successor. At most
    /// half of the token's lifetime is used, whatever is set here.
    pub margin: Option<Duration>,
    /// Whether the beginning of the background renewal is drawn at random, once per token.
    pub jitter: bool,
    /// How long a caller that must wait does so at most, over all attempts.
    pub chain: Duration,
    /// How often an active session looks whether another process changed the record; [`Duration::MAX`] is never.
    pub recheck: Duration,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self { margin: None, jitter: true, chain: Duration::from_secs(12), recheck: Duration::from_secs(5) }
    }
}

/// The two instants in a token's life, counted from when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) refresh_after: Duration,
    pub(crate) mandatory_after: Duration,
}

impl Windows {
    /// Those of a token that is good until it is refused: neither instant ever comes.
    pub(crate) const NEVER: Self = Self { refresh_after: Duration::MAX, mandatory_after: Duration::MAX };
}

impl RefreshPolicy {
    /// Places the windows in a lifetime, drawing the jitter.
    pub(crate) fn windows(&self, lifetime: Duration) -> Windows {
        let permille = if self.jitter { 100 + id::draw(151) } else { 200 };
        self.windows_at(lifetime, u32::try_from(permille).unwrap_or(200))
    }

    /// `permille`: how much of the lifetime lies between the two instants, 100 to 250.
    fn windows_at(&self, lifetime: Duration, permille: u32) -> Windows {
        let margin = match self.margin {
            Some(margin) => margin.min(lifetime / 2),
            None => (lifetime / 10).clamp(Duration::from_secs(5), Duration::from_secs(300)).min(lifetime / 4),
        };
        let mandatory_after = lifetime.saturating_sub(margin);
        let early = (lifetime / 1000).saturating_mul(permille);
        Windows { refresh_after: mandatory_after.saturating_sub(early), mandatory_after }
    }
}

#[cfg(test)]
mod tests;
