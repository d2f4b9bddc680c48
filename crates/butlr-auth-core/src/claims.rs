use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::json::Object;

/// A JWT longer than this is not decoded: 64 KiB.
const MAX_LENGTH: usize = 64 * 1024;

/// The claims of a JWT whose signature was **not** checked.
///
/// A client must treat an access token as opaque ([RFC 9068 §6](https://www.rfc-editor.org/rfc/rfc9068#section-6)).
/// These claims serve two ends: to show a person what a token says, and to guess a lifetime when a server sends no
/// `expires_in`. Nothing is authorised by them.
///
/// ```
/// use butlr_auth_core::UnverifiedClaims;
///
/// let jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSIsImlhdCI6MTAwLCJleHAiOjE2MH0.c2ln";
/// let claims = UnverifiedClaims::decode(jwt).unwrap();
/// assert_eq!(claims.text("sub"), Some("alice"));
/// assert_eq!(claims.lifetime().map(|lifetime| lifetime.as_secs()), Some(60));
/// ```
pub struct UnverifiedClaims {
    header: Object,
    payload: Object,
}

impl UnverifiedClaims {
    /// Decodes the header and the payload; `None` if `token` is not a signed JWT in compact form.
    #[must_use]
    pub fn decode(token: &str) -> Option<Self> {
        if token.len() > MAX_LENGTH {
            return None;
        }
        let mut parts = token.split('.');
        let (header, payload, _signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let object = |part: &str| Object::parse(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        Some(Self { header: object(header)?, payload: object(payload)? })
    }

    /// Returns a claim that is a string, and not an empty one.
    #[must_use]
    pub fn text(&self, claim: &str) -> Option<&str> {
        self.payload.member(claim).and_then(Value::as_str)
    }

    /// Returns a claim that is a time, in whole seconds since 1970 (`NumericDate`,
    /// [RFC 7519 §2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
    #[must_use]
    pub fn seconds(&self, claim: &str) -> Option<u64> {
        let value = self.payload.get(claim)?;
        value.as_u64().or_else(|| {
            let float = value.as_f64().filter(|float| (0.0..=9_007_199_254_740_992.0).contains(float))?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked"
            )]
            Some(float as u64)
        })
    }

    /// Returns whether `aud` is, or contains, `audience`.
    #[must_use]
    pub fn has_audience(&self, audience: &str) -> bool {
        self.audiences().any(|one| one == audience)
    }

    /// Returns the audiences that `aud` names, one or several.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        let named = match self.payload.get("aud") {
            Some(Value::Array(all)) => all.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        named.iter().filter_map(Value::as_str)
    }

    /// Returns `exp` − `iat`, if both are there and the difference is positive.
    #[must_use]
    pub fn lifetime(&self) -> Option<Duration> {
        let seconds = self.seconds("exp")?.checked_sub(self.seconds("iat")?)?;
        (seconds > 0).then_some(Duration::from_secs(seconds))
    }

    /// Returns the header as JSON text, for display.
    #[must_use]
    pub fn header_json(&self) -> String {
        self.header.to_json()
    }

    /// Returns the claims as JSON text, for display.
    #[must_use]
    pub fn payload_json(&self) -> String {
        self.payload.to_json()
    }
}

impl fmt::Debug for UnverifiedClaims {
    /// Shows nothing of the content: an `id_token` is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedClaims").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
