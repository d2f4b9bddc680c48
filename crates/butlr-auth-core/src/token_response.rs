use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::json::{Malformed, Object};
use crate::{
    AccessToken, Delivery, Error, ErrorKind, ErrorResponse, Hint, IdToken, Leniency, RefreshToken, Scope,
    Secret, SecretKind,
};

mod lifetime;

/// No lifetime exceeds this: 10 years. A server that says more means "long", and sums of times stay in range.
const LONGEST_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);

/// How an access token is used ([RFC 6749 §7.1](https://www.rfc-editor.org/rfc/rfc6749#section-7.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TokenType {
    /// `Bearer` ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)), in any case.
    Bearer,
}

impl TokenType {
    /// Returns the name as the `Authorization` header shows it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
        }
    }
}

/// A successful answer of a token endpoint
/// ([RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
///
/// ```
/// use std::time::Duration;
/// use butlr_auth_core::{Leniency, TokenResponse};
///
/// let body = br#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;
/// let response = TokenResponse::from_json(body, &Leniency::default())?;
/// assert_eq!(response.expires_in, Some(Duration::from_secs(3600)));
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TokenResponse {
    /// The access token.
    pub access_token: AccessToken,
    /// How it is used.
    pub token_type: TokenType,
    /// `expires_in`: the lifetime, in whole seconds, counted from the answer. At most 10 years.
    pub expires_in: Option<Duration>,
    /// `expires_in` was negative, as where a server means "unknown" or "never" by -1: `expires_in` is absent then, and
    /// the token takes the lifetime that is assumed, whatever it says of itself.
    pub expires_in_negative: bool,
    /// When the server answered, by its own clock (`Date`,
    /// [RFC 9110 §6.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-6.6.1)), if it said so. Only a JWT without
    /// `expires_in` is measured by it.
    pub answered_at: Option<SystemTime>,
    /// The refresh token. Absent from the answer to a refresh, it means that the old one stays.
    pub refresh_token: Option<RefreshToken>,
    /// The granted scope; absent if it is the one that was asked for.
    pub scope: Option<Scope>,
    /// The `id_token`, its signature unchecked.
    pub id_token: Option<IdToken>,
}

impl TokenResponse {
    /// Makes a response with a bearer token and nothing else, for an endpoint of one's own.
    #[must_use]
    pub fn new(access_token: AccessToken) -> Self {
        Self {
            access_token,
            token_type: TokenType::Bearer,
            expires_in: None,
            expires_in_negative: false,
            answered_at: None,
            refresh_token: None,
            scope: None,
            id_token: None,
        }
    }

    /// Reads the body of a successful answer: one JSON object, no member twice, nothing after it, and no `error`
    /// beside a token.
    ///
    /// Accepted beyond the RFC, from everybody, because it is harmless: no `token_type` (but none that is `null` or
    /// empty), `scope` as an array of strings, `expires_in` as text or as a float (its fraction is
    /// dropped), a negative one as unknown, `null` or the empty string for an optional member that is absent. What
    /// more a server needs is said by the [`Leniency`] of its provider.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] for an error response (some servers send it with status 200), else
    /// [`ErrorKind::InvalidResponse`], naming the member and never its value.
    pub fn from_json(body: &[u8], leniency: &Leniency) -> Result<Self, Error> {
        let members = Object::parse(body).map_err(|Malformed(why)| invalid(format!("the answer {why}")))?;
        if members.member("error").is_some() {
            return Err(match (said(&members), members.get("access_token")) {
                (Some(response), None) => {
                    let text = format!("the server refused: {}", response.error);
                    Error::new(ErrorKind::Refused, text)
                        .with_delivery(Delivery::Answered)
                        .with_error_response(response)
                }
                _ => invalid("the answer holds an `error` beside other members"),
            });
        }
        let access_token =
            secret(&members, "access_token")?.ok_or_else(|| invalid("`access_token` is missing"))?;
        let is_negative = members.get("expires_in").is_some_and(is_negative);
        let lifetime = if is_negative { None } else { expires_in(&members)? };
        Ok(Self {
            access_token,
            token_type: token_type(&members, leniency)?,
            expires_in: lifetime,
            expires_in_negative: is_negative,
            answered_at: None,
            refresh_token: secret(&members, "refresh_token")?,
            scope: scope(&members)?,
            id_token: secret(&members, "id_token")?,
        })
    }
}

/// The error response in an answer that calls itself a success.
fn said(members: &Object) -> Option<ErrorResponse> {
    ErrorResponse::from_members(members).or_else(|| ErrorResponse::from_error_object(members))
}

pub(crate) fn invalid(message: impl Into<String>) -> Error {
    // An unreadable answer to a refresh may carry a new refresh token: what was sent counts as spent.
    Error::new(ErrorKind::InvalidResponse, message).with_delivery(Delivery::Unreadable)
}

/// A secret that may be absent.
pub(crate) fn secret<K: SecretKind>(members: &Object, name: &str) -> Result<Option<Secret<K>>, Error> {
    let Some(value) = members.member(name) else { return Ok(None) };
    let text = value.as_str().ok_or_else(|| invalid(format!("`{name}` is not a string")))?;
    Secret::new(text)
        .map(Some)
        .map_err(|_| invalid(format!("`{name}` is empty or holds a forbidden character")))
}

fn token_type(members: &Object, leniency: &Leniency) -> Result<TokenType, Error> {
    match members.get("token_type") {
        // LinkedIn and Shopify send none. What is there and says nothing is another matter.
        None => Ok(TokenType::Bearer),
        Some(Value::String(text)) if leniency.is_bearer(text) => Ok(TokenType::Bearer),
        //= https://www.rfc-editor.org/rfc/rfc6749#section-7.1
        //# The client MUST NOT use an access token if it does not understand the token type.
        Some(Value::String(text)) if Leniency::may_become_bearer(text) => {
            let message = "`token_type` is neither Bearer nor one of `bearer_types`";
            Err(invalid(message).with_hint(Hint::BearerType { token_type: word(members, text) }))
        }
        Some(_) => Err(invalid("`token_type` is not Bearer")),
    }
}

/// A token type that can be shown: a short word, which no token in the answer contains.
fn word(members: &Object, token_type: &str) -> Option<String> {
    let is_word = token_type.bytes().all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
    let tokens = ["access_token", "refresh_token", "id_token"].into_iter();
    let mut tokens = tokens.filter_map(|name| members.get(name).and_then(Value::as_str));
    let shown = is_word && token_type.len() < 16 && !tokens.any(|token| token.contains(token_type));
    shown.then(|| token_type.to_owned())
}

/// A lifetime that may be absent, at most 10 years.
pub(crate) fn expires_in(members: &Object) -> Result<Option<Duration>, Error> {
    let Some(value) = members.unless_null("expires_in") else { return Ok(None) };
    let seconds = seconds(value).ok_or_else(|| invalid("`expires_in` is not a number of seconds"))?;
    Ok(Some(seconds.min(LONGEST_LIFETIME)))
}

/// Whole seconds: a number that is not negative, or one as text, its fraction dropped.
pub(crate) fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|float| *float >= 0.0)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it saturates, as is meant"
            )]
            Some(float as u64)
        }),
        Value::String(text) => whole(text)?.parse().ok(),
        _ => None,
    };
    seconds.map(Duration::from_secs)
}

/// What stands before the fraction of a number that is text, if it is one.
fn whole(text: &str) -> Option<&str> {
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    (are_digits(whole) && are_digits(fraction)).then_some(whole)
}

/// Whether a lifetime is less than nothing, as a number or as a string.
fn is_negative(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|seconds| seconds < 0.0),
        Value::String(text) => text.strip_prefix('-').is_some_and(|text| {
            whole(text).is_some() && text.bytes().any(|byte| byte != b'0' && byte != b'.')
        }),
        _ => false,
    }
}

/// What is granted: a string, or an array of strings as Twitch has it. An empty array could say "nothing" as well as
/// "what was asked for".
pub(crate) fn scope(members: &Object) -> Result<Option<Scope>, Error> {
    let malformed = |_| invalid("`scope` holds a forbidden character");
    match members.member("scope") {
        None => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(malformed),
        Some(Value::Array(tokens)) if !tokens.is_empty() => {
            let tokens: Option<Vec<&str>> = tokens.iter().map(Value::as_str).collect();
            let tokens = tokens.ok_or_else(|| invalid("`scope` holds something else than strings"))?;
            Scope::from_tokens(tokens).map(Some).map_err(malformed)
        }
        Some(_) => Err(invalid("`scope` is neither a string nor a list of strings")),
    }
}

#[cfg(test)]
mod tests;
