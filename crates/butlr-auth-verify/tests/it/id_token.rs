use std::time::Duration;

use butlr_auth_core::{AccessToken, AuthorizationCode, ClientSecret, Nonce};
use butlr_auth_verify::{Algorithm, ExpectedIdToken, Reason};
use serde_json::json;

use crate::issuer::{
    AUDIENCE, CLIENT, NOW, access_claims, access_header, base64, builder, id, id_claims, id_header, signed,
    verifier, with,
};

const NONCE: &str = "n-0S6_WzA2Mj";

fn expected() -> ExpectedIdToken<'static> {
    ExpectedIdToken::by_client(CLIENT)
}

#[tokio::test]
async fn a_good_id_token_says_who_logged_in() {
    let nonce = Nonce::new(NONCE).unwrap();
    let token = id(json!({ "email": "alice@example.com" }), expected().nonce(&nonce)).await.unwrap();
    assert_eq!(token.subject(), "alice");
    assert_eq!(token.claim::<String>("email").unwrap().as_deref(), Some("alice@example.com"));
    assert!(!format!("{token:?}").contains("alice"));
}

#[tokio::test]
async fn e11_each_wrong_claim_is_refused_alone() {
    use Reason::{MalformedClaim, MissingClaim, WrongAudience, WrongAuthorizedParty, WrongIssuer};
    for (changes, reason) in [
        (json!({ "iss": "https://evil.example.com" }), WrongIssuer),
        (json!({ "iss": "-" }), MissingClaim("iss")),
        (json!({ "aud": "other-client" }), WrongAudience),
        (json!({ "aud": ["other-client", "third"] }), WrongAudience),
        (json!({ "aud": [] }), MissingClaim("aud")),
        (json!({ "aud": "-" }), MissingClaim("aud")),
        (json!({ "aud": 7 }), MalformedClaim("aud")),
        (json!({ "aud": [CLIENT, null] }), MalformedClaim("aud")),
        (json!({ "aud": "" }), MissingClaim("aud")),
        (json!({ "aud": [CLIENT, "other-client"], "azp": "other-client" }), WrongAuthorizedParty),
        (json!({ "azp": "other-client" }), WrongAuthorizedParty),
        (json!({ "azp": {} }), MalformedClaim("azp")),
        (json!({ "sub": "-" }), MissingClaim("sub")),
        (json!({ "sub": "" }), MissingClaim("sub")),
        (json!({ "sub": null }), MissingClaim("sub")),
        (json!({ "sub": "a".repeat(256) }), MalformedClaim("sub")),
        (json!({ "sub": 7 }), MalformedClaim("sub")),
        (json!({ "iat": "-" }), MissingClaim("iat")),
        (json!({ "exp": "-" }), MissingClaim("exp")),
        (json!({ "exp": NOW - 60 }), Reason::Expired),
        (json!({ "exp": null }), MalformedClaim("exp")),
        (json!({ "nbf": null }), MalformedClaim("nbf")),
        (json!({ "iat": "" }), MalformedClaim("iat")),
        (json!({ "nonce": 7 }), MalformedClaim("nonce")),
        (json!({ "at_hash": 7 }), MalformedClaim("at_hash")),
        (json!({ "auth_time": "now" }), MalformedClaim("auth_time")),
    ] {
        assert_eq!(id(changes.clone(), expected()).await.unwrap_err(), reason, "{changes}");
    }
    for changes in [
        json!({}),
        json!({ "aud": [CLIENT] }),
        json!({ "azp": CLIENT }),
        json!({ "aud": [CLIENT, "other-client"], "azp": CLIENT }),
        json!({ "aud": [CLIENT, "other-client"] }),
        json!({ "azp": null, "at_hash": null, "c_hash": "", "auth_time": null }),
        json!({ "azp": "", "at_hash": "", "auth_time": "", "email": null }),
        json!({ "sub": "a".repeat(255) }),
    ] {
        assert!(id(changes.clone(), expected()).await.is_ok(), "{changes}");
    }
}

// Security: A9.
#[tokio::test]
async fn e11_the_nonce_is_that_of_the_request() {
    let nonce = Nonce::new(NONCE).unwrap();
    for (found, reason) in [
        ("n-0S6_WzA2MJ", Reason::WrongNonce),
        ("n-0S6_WzA2M", Reason::WrongNonce),
        ("n-0S6_WzA2Mjj", Reason::WrongNonce),
        ("", Reason::MissingClaim("nonce")),
        ("-", Reason::MissingClaim("nonce")),
    ] {
        assert_eq!(
            id(json!({ "nonce": found }), expected().nonce(&nonce)).await.unwrap_err(),
            reason,
            "{found}"
        );
    }
    assert!(id(json!({}), expected().nonce(&nonce)).await.is_ok());
    // Nothing was sent: nothing is asked for, except where only a nonce ties the id_token to this login.
    assert!(id(json!({ "nonce": "-" }), expected()).await.is_ok());
    let on_redirect = id(json!({ "nonce": "-" }), expected().on_redirect()).await;
    assert_eq!(on_redirect.unwrap_err(), Reason::MissingClaim("nonce"));
}

#[tokio::test]
async fn e11_the_hashes_are_those_of_what_came_along() {
    // OpenID Connect Core, appendix A.4 and A.6: RS256, so SHA-256.
    let access_token = AccessToken::new("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y").unwrap();
    let code = AuthorizationCode::new("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk").unwrap();
    let header = json!({ "alg": "RS256", "kid": "RSA" }).to_string();
    let (at_hash, c_hash) = ("77QmUPtjPfzWtF2AnpK9RQ", "LDktKdoQak3Pk0cnXxCltA");
    for (changes, reason) in [
        (json!({ "at_hash": at_hash, "c_hash": c_hash }), None),
        (json!({ "at_hash": c_hash, "c_hash": c_hash }), Some(Reason::WrongTokenHash)),
        (json!({ "at_hash": at_hash, "c_hash": at_hash }), Some(Reason::WrongCodeHash)),
        (json!({ "at_hash": format!("{at_hash}="), "c_hash": c_hash }), Some(Reason::WrongTokenHash)),
        (json!({ "at_hash": "", "c_hash": c_hash }), Some(Reason::MissingClaim("at_hash"))),
        (json!({ "c_hash": c_hash }), Some(Reason::MissingClaim("at_hash"))),
        (json!({ "at_hash": at_hash }), Some(Reason::MissingClaim("c_hash"))),
    ] {
        let token = signed(Algorithm::Rs256, &header, &with(id_claims(), changes.clone()).to_string());
        let expected = expected().access_token(&access_token).code(&code);
        let on_redirect = verifier().id_token(&token, expected.on_redirect()).await;
        assert_eq!(on_redirect.err().map(|error| error.reason()), reason, "{changes}");
        // From the token endpoint either may be absent, and neither may be wrong.
        let direct = verifier().id_token(&token, expected).await.err().map(|error| error.reason());
        let wrong = reason.filter(|reason| !matches!(reason, Reason::MissingClaim(_)));
        assert_eq!(direct, wrong, "{changes}");
    }
}

#[tokio::test]
async fn e11_each_algorithm_hashes_with_its_own() {
    use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
    let access_token = AccessToken::new("mF_9.B5f-4.1JqM").unwrap();
    for (algorithm, hash) in [
        (Algorithm::Ps256, &SHA256),
        (Algorithm::Es256, &SHA256),
        (Algorithm::Rs384, &SHA384),
        (Algorithm::Es384, &SHA384),
        (Algorithm::Ps512, &SHA512),
        (Algorithm::EdDsa, &SHA512),
    ] {
        let digest = digest(hash, b"mF_9.B5f-4.1JqM");
        let at_hash = base64(&digest.as_ref()[..digest.as_ref().len() / 2]);
        let claims = with(id_claims(), json!({ "at_hash": at_hash })).to_string();
        let token = signed(algorithm, &json!({ "alg": algorithm.as_str() }).to_string(), &claims);
        let outcome = verifier().id_token(&token, expected().access_token(&access_token)).await;
        assert!(outcome.is_ok(), "{algorithm}");
    }
}

#[tokio::test]
async fn e11_an_old_login_is_not_a_new_one() {
    let hour = expected().max_age(Duration::from_secs(3600));
    for (auth_time, reason) in [
        (json!(NOW - 3660), None),
        (json!(NOW - 3661), Some(Reason::TooOld)),
        (json!(NOW + 60), None),
        (json!(NOW + 61), Some(Reason::TooOld)),
        (json!("-"), Some(Reason::MissingClaim("auth_time"))),
    ] {
        let outcome = id(json!({ "auth_time": auth_time }), hour).await;
        assert_eq!(outcome.err(), reason, "{auth_time}");
    }
    assert!(id(json!({ "auth_time": NOW }), expected().max_age(Duration::MAX)).await.is_ok());
}

#[tokio::test]
async fn e9_other_kinds_of_jwt_are_no_id_token() {
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", ""] {
        let header = with(id_header(), json!({ "typ": typ })).to_string();
        let token = signed(Algorithm::EdDsa, &header, &id_claims().to_string());
        let outcome = verifier().id_token(&token, expected()).await;
        assert_eq!(outcome.unwrap_err().reason(), Reason::WrongType, "{typ}");
    }
    let events = json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } });
    assert_eq!(id(events, expected()).await.unwrap_err(), Reason::WrongType);
    // An access token for the client itself.
    let claims = with(access_claims(), json!({ "aud": [CLIENT, AUDIENCE], "azp": CLIENT })).to_string();
    let token = signed(Algorithm::EdDsa, &access_header().to_string(), &claims);
    let outcome = verifier().id_token(&token, expected()).await;
    assert_eq!(outcome.unwrap_err().reason(), Reason::WrongType);
}

#[tokio::test]
async fn e11_through_the_browser_several_audiences_need_the_party_that_was_authorized() {
    let several = json!({ "aud": [CLIENT, "other-client"] });
    assert!(id(several.clone(), expected()).await.is_ok());
    let on_redirect = id(several, expected().on_redirect()).await;
    assert_eq!(on_redirect.unwrap_err(), Reason::WrongAuthorizedParty);
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// An `id_token` signed with a secret.
fn hs256(secret: &str, changes: serde_json::Value) -> String {
    use aws_lc_rs::hmac;
    let header = json!({ "alg": "HS256", "typ": "JWT" }).to_string();
    let message = format!("{}.{}", base64(header), base64(with(id_claims(), changes).to_string()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", base64(signature.as_ref()))
}

// Security: E7.
#[tokio::test]
async fn e7_an_id_token_signed_with_the_clients_secret_is_taken_only_where_that_was_chosen() {
    let token = hs256(SECRET, json!({}));
    let refused = verifier().id_token(&token, expected()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::AlgorithmRefused);

    let chosen = || builder().danger_id_token_hs256(ClientSecret::new(SECRET).unwrap()).build().unwrap();
    assert_eq!(chosen().id_token(&token, expected()).await.unwrap().subject(), "alice");
    for (token, reason) in [
        (hs256("another secret of the same length", json!({})), Reason::BadSignature),
        (hs256("", json!({})), Reason::BadSignature),
        (hs256(SECRET, json!({ "aud": "other-client" })), Reason::WrongAudience),
        // What has a public key is not what was chosen.
        (
            signed(Algorithm::EdDsa, &id_header().to_string(), &id_claims().to_string()),
            Reason::AlgorithmRefused,
        ),
    ] {
        assert_eq!(chosen().id_token(&token, expected()).await.unwrap_err().reason(), reason);
    }
    // An access token is never signed so.
    let access = hs256(SECRET, json!({ "aud": AUDIENCE }));
    assert_eq!(chosen().access_token(&access).await.unwrap_err().reason(), Reason::AlgorithmRefused);
    assert!(builder().algorithms([Algorithm::Hs256]).build().is_err());
}
