use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{AccessToken, Clock as _, ErrorKind, ManualClock, Moment, TokenResponse};

const HOUR: u64 = 3600;

fn now() -> Moment {
    ManualClock::new().now()
}

fn seconds_since_1970(moment: &Moment) -> u64 {
    moment.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn jwt(claims: &str) -> AccessToken {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    AccessToken::new(format!("{}.{}.c2ln", part(r#"{"alg":"ES256"}"#), part(claims))).unwrap()
}

/// A token that ends `left` seconds after the server's now, and was issued `age` seconds before.
fn issued(server: u64, left: i64, age: Option<u64>) -> TokenResponse {
    let end = server.saturating_add_signed(left);
    let issued_at = age.map_or_else(String::new, |age| format!(r#""iat":{},"#, server - age));
    TokenResponse::new(jwt(&format!(r#"{{{issued_at}"exp":{end}}}"#)))
}

/// What is made of a token if our clock is `ahead` of the server's.
#[track_caller]
fn check(left: i64, age: Option<u64>, ahead: i64, dated: bool, expected: Option<u64>) {
    let now = now();
    let server = seconds_since_1970(&now).saturating_add_signed(-ahead);
    let mut response = issued(server, left, age);
    response.answered_at = dated.then(|| SystemTime::UNIX_EPOCH + Duration::from_secs(server));
    assert_eq!(
        response.lifetime(&now).map(|lifetime| lifetime.as_secs()),
        expected,
        "{left} {age:?} {ahead}"
    );
}

// Security: C3.
#[test]
fn a_jwt_lives_until_its_exp_by_the_clock_of_the_server_that_answers() {
    for ahead in [0, 3600, -3600, 86_400, -86_400] {
        check(HOUR as i64, Some(0), ahead, true, Some(HOUR));
        check(300, Some(3300), ahead, true, Some(300));
        check(7200, None, ahead, true, Some(7200));
        check(-10, Some(3600), ahead, true, Some(0));
    }
}

#[test]
fn without_a_date_the_wall_clock_decides_with_a_leeway_and_never_for_longer_than_from_iat_to_exp() {
    check(300, Some(0), 0, false, Some(300));
    check(300, Some(3300), 0, false, Some(360));
    check(300, None, 0, false, Some(360));
    check(300, Some(0), -3600, false, Some(300));
    check(300, Some(3300), 30, false, Some(330));
    // By our clock it was over before it was issued: then our clock is wrong.
    check(300, Some(0), 3600, false, Some(300));
    check(300, None, 3600, false, None);
}

#[test]
fn beside_expires_in_no_claim_counts() {
    let now = now();
    let mut response = issued(seconds_since_1970(&now), -100, Some(200));
    response.expires_in = Some(Duration::from_secs(HOUR));
    assert_eq!(response.lifetime(&now), Some(Duration::from_secs(HOUR)));
    response.expires_in = Some(Duration::ZERO);
    assert_eq!(response.lifetime(&now), Some(Duration::ZERO));
}

// Security: C4.
#[test]
fn no_claim_makes_a_token_live_for_longer_than_ten_years() {
    let ten_years = Duration::from_secs(10 * 365 * 86_400);
    for end in ["9007199254740992", "4000000000000"] {
        let response = TokenResponse::new(jwt(&format!(r#"{{"exp":{end}}}"#)));
        assert_eq!(response.lifetime(&now()), Some(ten_years), "{end}");
    }
}

#[test]
fn an_imported_jwt_is_measured_by_the_wall_clock_and_refused_if_it_is_over() {
    let now = now();
    let server = seconds_since_1970(&now);
    let imported = |left, age| TokenResponse::imported(issued(server, left, age).access_token, &now);
    assert_eq!(imported(300, Some(3300)).unwrap().expires_in, Some(Duration::from_secs(300)));
    assert_eq!(imported(300, None).unwrap().expires_in, Some(Duration::from_secs(300)));
    for (left, age) in [(-3600, Some(7200)), (-3600, None), (0, Some(60))] {
        let error = imported(left, age).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoginRequired);
        assert!(error.to_string().contains("has ended"), "{error}");
    }
    let opaque = AccessToken::new("opaque").unwrap();
    assert_eq!(TokenResponse::imported(opaque, &now).unwrap().lifetime(&now), None);
}
