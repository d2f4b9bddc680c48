//! How long a token is good, as people are told.

use std::time::Duration;

use butlr_auth::Token;
use butlr_auth::core::{End, Moment};

use crate::output::Output;
use crate::time::{rfc3339, shown as shown_duration};

/// The setting that says how long a token is good for which nobody else says it.
const SETTING: &str = "`assumed_lifetime`";

/// Warns of a token that was over when it came, and returns whether it was.
pub(crate) fn warn_if_over(output: &Output, token: &Token, boot: Duration) -> bool {
    let is_over = token.is_over(boot);
    if is_over {
        output.warning("the server says that the lifetime of this token is over already");
    }
    is_over
}

/// How long the token is good, in a row of a table. `renewable`: whether its session renews it by itself.
pub(crate) fn shown(token: &Token, renewable: bool, now: &Moment) -> String {
    let validity = token.validity();
    let over = validity.is_over(now.boot);
    let at = validity.expires_at(now).or_else(|| validity.assumed_until(now)).and_then(rfc3339);
    let at = at.unwrap_or_else(|| "a time that no calendar has".to_owned());
    match (validity.end, token.remaining(now.boot)) {
        (End::At(_), Some(_)) if over => format!("expired at {at}"),
        (End::At(_), Some(remaining)) => format!("until {at}, in {}", shown_duration(remaining)),
        (_, Some(_)) if over => format!("end unknown: over since {at} by {SETTING}"),
        (_, Some(remaining)) if renewable => {
            format!("end unknown: renewed within {} by {SETTING}", shown_duration(remaining))
        }
        (_, Some(remaining)) => {
            format!("end unknown: good until {at}, in {}, by {SETTING}", shown_duration(remaining))
        }
        _ => format!("end unknown: used until it is refused, unless {SETTING} says how long it is good"),
    }
}

/// What a person should know who has just logged in, or uses a token that nobody knows the end of; nothing if somebody
/// says when it ends.
pub(crate) fn hint(token: &Token, renewable: bool, now: &Moment) -> Option<String> {
    let is_said = matches!(token.validity().end, End::At(_));
    (!is_said).then(|| format!("nobody says how long the token lives; {}", shown(token, renewable, now)))
}

#[cfg(test)]
mod tests;
