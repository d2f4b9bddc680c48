use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::json::{Malformed, Object};
use crate::token_response::{invalid, scope};
use crate::{Error, Scope, text};

/// What an authorization server says of a token
/// ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
///
/// Only [`active`](Self::active) decides. The rest describes an active token, each member as the server sent it and
/// escaped; none of it is there for an inactive one.
///
/// ```
/// use butlr_auth_core::Introspection;
///
/// let answer = Introspection::from_json(br#"{"active":true,"sub":"ada","scope":"read:rooms"}"#)?;
/// assert!(answer.active && answer.scope.is_some_and(|scope| scope.contains("read:rooms")));
/// assert!(Introspection::from_json(br#"{"active":"true"}"#).is_err());
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Introspection {
    /// Whether the token is good, here and now.
    pub active: bool,
    /// What the token allows.
    pub scope: Option<Scope>,
    /// The client that the token was issued to.
    pub client_id: Option<String>,
    /// The person's name, for people.
    pub username: Option<String>,
    /// `sub`: the machine-readable name of the person, or of the client.
    pub subject: Option<String>,
    /// `aud`: whom the token is for.
    pub audience: Vec<String>,
    /// `iss`: who issued the token.
    pub issuer: Option<String>,
    /// `exp`: when the token ends.
    pub expires_at: Option<SystemTime>,
}

impl Introspection {
    /// Reads the answer of an introspection endpoint, strictly: `active` is `true` or `false`, of JSON's own.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`](crate::ErrorKind::InvalidResponse) if it is anything else or missing, or a
    /// member of an active token has the wrong type.
    pub fn from_json(body: &[u8]) -> Result<Self, Error> {
        let members = Object::parse(body).map_err(|Malformed(why)| invalid(format!("the answer {why}")))?;
        //= https://www.rfc-editor.org/rfc/rfc7662#section-2.2
        //# REQUIRED. Boolean indicator of whether or not the presented token is currently active.
        match members.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(Self::default()),
            _ => return Err(invalid("`active` is neither true nor false")),
        }
        let text = |name| string(&members, name);
        Ok(Self {
            active: true,
            scope: scope(&members)?,
            client_id: text("client_id")?,
            username: text("username")?,
            subject: text("sub")?,
            audience: audience(&members)?,
            issuer: text("iss")?,
            expires_at: expires_at(&members)?,
        })
    }

    /// Returns for how long from `now` this answer may be used again: `at_most`, and never past the token's end.
    ///
    /// Nothing here keeps an answer. Whoever does trades the time until a revocation is seen for requests
    /// ([RFC 7662 §4](https://www.rfc-editor.org/rfc/rfc7662#section-4)): a minute is much. An inactive token may
    /// become good only by being issued anew, so that `at_most` holds for it, too.
    #[must_use]
    pub fn reusable_for(&self, now: SystemTime, at_most: Duration) -> Duration {
        match self.expires_at {
            Some(end) => end.duration_since(now).unwrap_or_default().min(at_most),
            None => at_most,
        }
    }
}

fn string(members: &Object, name: &str) -> Result<Option<String>, Error> {
    match members.member(name) {
        None => Ok(None),
        Some(Value::String(value)) => Ok(Some(text::escape(value, 256))),
        Some(_) => Err(invalid(format!("`{name}` is not a string"))),
    }
}

fn audience(members: &Object) -> Result<Vec<String>, Error> {
    let malformed = || invalid("`aud` is neither a string nor a list of strings");
    let own = |value: &Value| value.as_str().map(|value| text::escape(value, 256)).ok_or_else(malformed);
    match members.member("aud") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => list.iter().map(own).collect(),
        Some(value) => own(value).map(|value| vec![value]),
    }
}

fn expires_at(members: &Object) -> Result<Option<SystemTime>, Error> {
    let Some(value) = members.unless_null("exp") else { return Ok(None) };
    // A number, as JWT has it: a date in a string is none, and a malformed end is not "never".
    let seconds = value.as_u64().or_else(|| {
        let float = value.as_f64().filter(|float| (0.0..1e15).contains(float))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
        Some(float as u64)
    });
    let seconds = seconds.ok_or_else(|| invalid("`exp` is not a time"))?;
    // Later than the system can say is long after every cache.
    Ok(SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)))
}

#[cfg(test)]
mod tests;
