use std::time::Duration;

use butlr_auth::core::{AccessToken, End, ManualClock, Validity};
use butlr_auth::{Clock as _, Scope, Token};

use super::{hint, shown};

/// What is said of a token with this end, which is one hour after the start of the clock's boot.
#[track_caller]
fn check(end: fn(Duration) -> End, seconds: i64, renewable: bool, expected: &str) {
    let now = ManualClock::new().now();
    let at = Duration::from_secs(now.boot.as_secs().saturating_add_signed(seconds));
    let validity = Validity::new(at, at, end(at));
    let token = Token::new(AccessToken::new("opaque").unwrap(), Scope::empty(), validity);
    assert_eq!(shown(&token, renewable, &now), expected);
    assert_eq!(hint(&token, renewable, &now).is_none(), matches!(validity.end, End::At(_)));
}

#[test]
fn an_end_is_told_by_who_says_it() {
    check(End::At, 90, false, "until 2026-01-01T12:01:30Z, in 1 min 30 s");
    check(End::At, -60, true, "expired at 2026-01-01T11:59:00Z");
    check(End::Assumed, 600, true, "end unknown: renewed within 10 min by `assumed_lifetime`");
    let until = "end unknown: good until 2026-01-02T12:00:00Z, in 1 d, by `assumed_lifetime`";
    check(End::Assumed, 86_400, false, until);
    check(End::Assumed, -60, false, "end unknown: over since 2026-01-01T11:59:00Z by `assumed_lifetime`");
    let unknown = "end unknown: used until it is refused, unless `assumed_lifetime` says how long it is good";
    check(|_| End::Unknown, 0, false, unknown);
}
