//! Claims, read by type: one of the wrong type is an error, never an absence.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Reason, VerifyError, json};

/// No time is later than this many seconds after 1970: about the year 10000.
const LATEST: f64 = 253_402_300_800.0;

/// Claims that say something wrong if they say nothing.
const STRICT: [&str; 4] = ["exp", "nbf", "iat", "cnf"];

/// The claims of a token whose signature is good.
pub(crate) struct Claims(Map<String, Value>);

impl Claims {
    pub(crate) fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    pub(crate) fn has(&self, claim: &str) -> bool {
        self.0.contains_key(claim)
    }

    /// A claim, unless it is `null` or the empty string: what servers write that cannot leave one out. The times by
    /// which a token lives and dies, and `cnf`, are excepted.
    fn member(&self, claim: &str) -> Option<&Value> {
        let says_nothing = |value: &Value| value.is_null() || value.as_str() == Some("");
        self.0.get(claim).filter(|value| STRICT.contains(&claim) || !says_nothing(value))
    }

    pub(crate) fn text(&self, claim: &'static str) -> Result<Option<&str>, VerifyError> {
        match self.member(claim) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Reason::MalformedClaim(claim).into()),
        }
    }

    pub(crate) fn required_text(&self, claim: &'static str) -> Result<&str, VerifyError> {
        match self.text(claim)? {
            None => Err(Reason::MissingClaim(claim).into()),
            Some(text) => Ok(text),
        }
    }

    /// A text or a list of texts, such as `aud`.
    pub(crate) fn texts(&self, claim: &'static str) -> Result<Option<Vec<&str>>, VerifyError> {
        let malformed = || VerifyError::from(Reason::MalformedClaim(claim));
        match self.member(claim) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text])),
            Some(Value::Array(list)) => {
                let texts: Option<_> = list.iter().map(Value::as_str).collect();
                Ok(Some(texts.ok_or_else(malformed)?))
            }
            Some(_) => Err(malformed()),
        }
    }

    /// A time: seconds since 1970, whole or not, before the year 10000. Parts of a second are dropped.
    //= https://www.rfc-editor.org/rfc/rfc7519#section-2
    //# A JSON numeric value representing the number of seconds from 1970-01-01T00:00:00Z UTC until the specified UTC
    //# date/time, ignoring leap seconds. This is equivalent to the IEEE Std 1003.1, 2013 Edition [POSIX.1] definition
    //# "Seconds Since the Epoch", in which each day is accounted for by exactly 86400 seconds, other than that
    //# non-integer values can be represented.
    pub(crate) fn time(&self, claim: &'static str) -> Result<Option<SystemTime>, VerifyError> {
        let Some(value) = self.member(claim) else { return Ok(None) };
        value
            .as_f64()
            .filter(|seconds| (0.0..LATEST).contains(seconds))
            .and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs_f64(seconds.trunc())))
            .map(Some)
            .ok_or_else(|| Reason::MalformedClaim(claim).into())
    }

    pub(crate) fn required_time(&self, claim: &'static str) -> Result<SystemTime, VerifyError> {
        self.time(claim)?.ok_or_else(|| Reason::MissingClaim(claim).into())
    }

    /// A claim of the caller's own type.
    pub(crate) fn read<T: DeserializeOwned>(&self, claim: &'static str) -> Result<Option<T>, VerifyError> {
        let Some(value) = self.member(claim) else { return Ok(None) };
        T::deserialize(value).map(Some).map_err(|_| Reason::MalformedClaim(claim).into())
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }
}

/// Checks `exp`, `nbf` and `iat` against the time, with the same leeway everywhere.
pub(crate) fn check_times(
    claims: &Claims,
    now: SystemTime,
    leeway: Duration,
) -> Result<SystemTime, VerifyError> {
    let expires_at = claims.required_time("exp")?;
    let (not_before, issued_at) = (claims.time("nbf")?, claims.time("iat")?);
    //= https://www.rfc-editor.org/rfc/rfc7519#section-4.1.4
    //# The processing of the "exp" claim requires that the current date/time MUST be before the expiration date/time
    //# listed in the "exp" claim.
    if now >= expires_at + leeway {
        return Err(Reason::Expired.into());
    }
    let is_to_come = |time: Option<SystemTime>| time.is_some_and(|time| time > now + leeway);
    if is_to_come(not_before) {
        return Err(Reason::NotYetValid.into());
    }
    if is_to_come(issued_at) {
        return Err(Reason::IssuedInFuture.into());
    }
    Ok(expires_at)
}

/// Checks `iss`, byte for byte.
pub(crate) fn check_issuer(claims: &Claims, issuer: &str) -> Result<(), VerifyError> {
    if claims.required_text("iss")? == issuer { Ok(()) } else { Err(Reason::WrongIssuer.into()) }
}

/// Returns `aud`, which must be there and name somebody.
pub(crate) fn audience(claims: &Claims) -> Result<Vec<&str>, VerifyError> {
    claims.texts("aud")?.filter(|names| !names.is_empty()).ok_or_else(|| Reason::MissingClaim("aud").into())
}

impl Drop for Claims {
    fn drop(&mut self) {
        self.0.values_mut().for_each(json::wipe);
    }
}

impl fmt::Debug for Claims {
    /// Names the claims; what they say is personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}
