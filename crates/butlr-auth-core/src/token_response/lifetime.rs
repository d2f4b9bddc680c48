//! How long a token lives, as far as anybody says.

use std::time::{Duration, SystemTime};

use super::{LONGEST_LIFETIME, TokenResponse};
use crate::{AccessToken, Error, ErrorKind, Moment, UnverifiedClaims};

/// By how much the clock of another host may differ from ours, where nothing better is at hand: 60 seconds.
const LEEWAY: Duration = Duration::from_secs(60);

impl TokenResponse {
    /// Takes an access token that another program got. If it is a JWT with an `exp`, it lives until then by the wall
    /// clock: nobody knows how long ago it was issued.
    ///
    /// # Errors
    /// [`ErrorKind::LoginRequired`] if it is over.
    ///
    /// ```
    /// use butlr_auth_core::{AccessToken, Clock, ManualClock, TokenResponse};
    ///
    /// let now = ManualClock::new().now();
    /// assert_eq!(TokenResponse::imported(AccessToken::new("opaque")?, &now)?.expires_in, None);
    /// let over = AccessToken::new("eyJhbGciOiJFUzI1NiJ9.eyJpYXQiOjEwMCwiZXhwIjoxNjB9.c2ln")?;
    /// assert!(TokenResponse::imported(over, &now).is_err());
    /// # Ok::<(), butlr_auth_core::Error>(())
    /// ```
    pub fn imported(access_token: AccessToken, now: &Moment) -> Result<Self, Error> {
        let mut response = Self::new(access_token);
        if let Some(end) = end_of(&response.access_token) {
            let left = end.saturating_sub(since_1970(now.wall)).min(LONGEST_LIFETIME);
            if left.is_zero() {
                let ago = since_1970(now.wall).saturating_sub(end).as_secs();
                let message = format!("the token has ended: its `exp` passed {ago} s ago");
                return Err(Error::new(ErrorKind::LoginRequired, message));
            }
            response.expires_in = Some(left);
        }
        Ok(response)
    }

    /// Returns how long the access token lives, counted from the request for it, as far as anybody says: `expires_in`,
    /// and beside it no claim counts. Without one a JWT lives until its `exp`, counted from
    /// [`answered_at`](Self::answered_at), because both come from the server, whatever our clock reads; else from the
    /// wall clock, with a leeway of 60 s; and never longer than `exp` − `iat`.
    ///
    /// `None` if nobody says it, or `expires_in` was negative. It is never longer than 10 years.
    #[must_use]
    pub fn lifetime(&self, asked_at: &Moment) -> Option<Duration> {
        if self.expires_in_negative {
            return None;
        }
        let lifetime = self.expires_in.or_else(|| self.claimed_lifetime(asked_at.wall));
        lifetime.map(|lifetime| lifetime.min(LONGEST_LIFETIME))
    }

    fn claimed_lifetime(&self, wall: SystemTime) -> Option<Duration> {
        let claims = UnverifiedClaims::decode(self.access_token.expose())?;
        let end = Duration::from_secs(claims.seconds("exp")?);
        let whole = claims.lifetime();
        let left = match self.answered_at {
            Some(answered_at) => end.saturating_sub(since_1970(answered_at)),
            None => match end.saturating_add(LEEWAY).saturating_sub(since_1970(wall)) {
                // No server issues what is over: it is our clock that is wrong.
                Duration::ZERO => return whole,
                left => left,
            },
        };
        Some(whole.map_or(left, |whole| left.min(whole)))
    }
}

/// The `exp` of a token, since 1970.
fn end_of(token: &AccessToken) -> Option<Duration> {
    UnverifiedClaims::decode(token.expose())?.seconds("exp").map(Duration::from_secs)
}

fn since_1970(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
