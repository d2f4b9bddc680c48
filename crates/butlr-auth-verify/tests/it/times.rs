use std::time::Duration;

use butlr_auth_verify::{Algorithm, Reason};
use serde_json::{Value, json};

use crate::issuer::{NOW, access, access_claims, access_header, access_text, builder, signed, with};

async fn outcome(changes: Value) -> Result<(), Reason> {
    access(access_header(), with(access_claims(), changes)).await.map(drop)
}

#[tokio::test]
async fn e10_a_time_of_the_wrong_type_is_refused() {
    for claim in ["exp", "nbf", "iat"] {
        for value in [
            json!((NOW + 600).to_string()),
            json!("never"),
            json!(""),
            json!(null),
            json!(true),
            json!([NOW + 600]),
            json!({ "seconds": NOW }),
            json!(-1),
            json!(-0.5),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e300),
        ] {
            assert_eq!(
                outcome(json!({ claim: value })).await,
                Err(Reason::MalformedClaim(claim)),
                "{claim} {value}"
            );
        }
    }
}

#[tokio::test]
async fn e10_a_number_beyond_every_type_is_no_json() {
    for number in ["1e400", "-1e400", "NaN", "0x10", "01"] {
        let claims = access_claims().to_string().replace(&(NOW + 600).to_string(), number);
        assert!(claims.contains(number));
        let token = signed(Algorithm::EdDsa, &access_header().to_string(), &claims);
        assert_eq!(access_text(&token).await.unwrap_err(), Reason::Malformed, "{number}");
    }
}

#[tokio::test]
async fn e10_the_end_must_be_there_and_to_come() {
    assert_eq!(outcome(json!({ "exp": "-" })).await, Err(Reason::MissingClaim("exp")));
    assert_eq!(outcome(json!({ "exp": 0 })).await, Err(Reason::Expired));
    assert_eq!(outcome(json!({ "exp": NOW - 60 })).await, Err(Reason::Expired));
    assert_eq!(outcome(json!({ "exp": NOW - 59 })).await, Ok(()));
    // Parts of a second do not make it longer.
    assert_eq!(outcome(json!({ "exp": (NOW - 60) as f64 + 0.9 })).await, Err(Reason::Expired));
    assert_eq!(outcome(json!({ "exp": (NOW + 600) as f64 + 0.5 })).await, Ok(()));
}

#[tokio::test]
async fn e10_what_begins_later_is_refused() {
    assert_eq!(outcome(json!({ "nbf": NOW + 60 })).await, Ok(()));
    assert_eq!(outcome(json!({ "nbf": NOW + 61 })).await, Err(Reason::NotYetValid));
    assert_eq!(outcome(json!({ "iat": NOW + 60 })).await, Ok(()));
    assert_eq!(outcome(json!({ "iat": NOW + 61 })).await, Err(Reason::IssuedInFuture));
}

#[tokio::test]
async fn e10_leeway_can_be_taken_away() {
    let exact = builder().leeway(Duration::ZERO).build().unwrap();
    for (changes, reason) in [
        (json!({ "exp": NOW + 1 }), None),
        (json!({ "exp": NOW }), Some(Reason::Expired)),
        (json!({ "nbf": NOW }), None),
        (json!({ "nbf": NOW + 1 }), Some(Reason::NotYetValid)),
        (json!({ "iat": NOW + 1 }), Some(Reason::IssuedInFuture)),
    ] {
        let claims = with(access_claims(), changes.clone()).to_string();
        let token = signed(Algorithm::EdDsa, &access_header().to_string(), &claims);
        let outcome = exact.access_token(&token).await;
        assert_eq!(outcome.err().map(|error| error.reason()), reason, "{changes}");
    }
}
