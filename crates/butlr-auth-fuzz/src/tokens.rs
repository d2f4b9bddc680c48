//! Key sets, and tokens that they verify.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use butlr_auth_core::ManualClock;
use butlr_auth_verify::{Algorithm, ExpectedIdToken, KeySet, Verifier, VerifyError};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde_json::{Map, Value, json};

use crate::{CANARY, check_silent};

const ISSUER: &str = "https://as.example.com";
const AUDIENCE: &str = "https://api.example.com";
const CLIENT: &str = "my-client";

/// What the clock of the verifier reads.
const NOW: f64 = 1_767_268_800.0;
const LEEWAY: f64 = 60.0;

/// The issuer's key: always the same one.
static KEY: LazyLock<Ed25519KeyPair> = LazyLock::new(|| {
    let Ok(key) = Ed25519KeyPair::from_seed_unchecked(&[7; 32]) else { panic!("32 bytes are a key") };
    key
});

/// A good token of the issuer, and its public key as a document.
static GOOD: LazyLock<(String, String)> = LazyLock::new(|| {
    let header = json!({ "alg": "EdDSA", "typ": "at+jwt" }).to_string();
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": CLIENT, "jti": "1", "iat": NOW, "exp": NOW + 600.0
    });
    let x = URL_SAFE_NO_PAD.encode(KEY.public_key());
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "a", "x": x }] });
    (signed(header.as_bytes(), claims.to_string().as_bytes()), keys.to_string())
});

/// Whatever a document holds, it is bounded, and its keys verify a token only if another reader of key sets finds one in
/// it that does.
pub(crate) fn key_set(input: &[u8]) {
    let keys = match KeySet::from_json(input) {
        Ok(keys) => keys,
        Err(error) => return check_silent(&format!("{error} {error:?}")),
    };
    assert!(keys.len() <= 64);
    let is_verified = now(verifier(keys).access_token(&GOOD.0)).is_ok();
    let document: Value = serde_json::from_slice(input).unwrap_or_default();
    let others = document.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut others = others.iter().filter_map(public_half);
    let is_found = others.any(|jwk| is_good_elsewhere(&GOOD.0, &jwk));
    assert!(!is_verified || is_found, "nobody else finds the key");
}

/// A token is accepted only if its signature is good to another verifier, and its header and claims are what they have
/// to be.
///
/// The input is a token; or two lines, a header and a payload, which the issuer signs whatever they are.
pub(crate) fn jwt(input: &[u8]) {
    let token = token(input);
    let Ok(keys) = KeySet::from_json(GOOD.1.as_bytes()) else { panic!("the document is good") };
    let verifier = verifier(keys);
    match now(verifier.access_token(&token)) {
        Ok(_) => {
            let (header, claims) = judged(&token);
            let typ = header.get("typ").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
            assert!(matches!(typ.as_str(), "at+jwt" | "application/at+jwt"), "{typ}");
            assert!(is_for(&claims, AUDIENCE));
            for claim in ["sub", "client_id", "jti"] {
                assert!(claims.get(claim).and_then(Value::as_str).is_some_and(|text| !text.is_empty()));
            }
            assert!(!claims.contains_key("cnf"));
        }
        Err(error) => check_answer(&error),
    }
    match now(verifier.id_token(&token, ExpectedIdToken::by_client(CLIENT))) {
        Ok(_) => {
            let (header, claims) = judged(&token);
            let typ = header.get("typ").and_then(Value::as_str).unwrap_or("JWT").to_ascii_lowercase();
            assert!(matches!(typ.as_str(), "jwt" | "application/jwt"), "{typ}");
            assert!(is_for(&claims, CLIENT) && !claims.contains_key("events"));
            assert!(claims.get("azp").is_none_or(|party| party == CLIENT));
        }
        Err(error) => check_answer(&error),
    }
}

fn verifier(keys: KeySet) -> Verifier {
    let verifier = Verifier::builder(ISSUER).audience(AUDIENCE).keys(keys).clock(ManualClock::new()).build();
    let Ok(verifier) = verifier else { panic!("the settings are good") };
    verifier
}

/// With keys at hand nothing is waited for.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => panic!("it waits"),
    }
}

fn token(input: &[u8]) -> String {
    match input.iter().position(|byte| *byte == b'\n') {
        Some(end) => signed(input.get(..end).unwrap_or_default(), input.get(end + 1..).unwrap_or_default()),
        None => String::from_utf8_lossy(input).into_owned(),
    }
}

fn signed(header: &[u8], payload: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(KEY.sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// What makes a key, as another reader reads it: that one refuses some keys for members that nobody has to look at.
fn public_half(jwk: &Value) -> Option<Jwk> {
    let member = |name| Some((name, jwk.get(name)?));
    let members: HashMap<_, _> = ["kty", "crv", "x"].into_iter().filter_map(member).collect();
    serde_json::from_value(json!(members)).ok()
}

/// Whether another library takes the signature for a good one, whatever is signed.
fn is_good_elsewhere(token: &str, jwk: &Jwk) -> bool {
    let algorithm = Algorithm::EdDsa.as_str().parse().unwrap_or_default();
    let Some((message, signature)) = token.rsplit_once('.') else { return false };
    DecodingKey::from_jwk(jwk).is_ok_and(|key| {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).unwrap_or(false)
    })
}

/// Judges what both kinds of token have in common, by another reader: header and claims.
fn judged(token: &str) -> (Map<String, Value>, Map<String, Value>) {
    let keys: JwkSet = serde_json::from_str(&GOOD.1).unwrap_or(JwkSet { keys: Vec::new() });
    assert!(
        keys.keys.iter().any(|jwk| is_good_elsewhere(token, jwk)),
        "the signature is good to nobody else"
    );
    let mut parts = token.split('.').map(|part| {
        let part = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice::<Map<String, Value>>(&part).unwrap_or_default()
    });
    let (header, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assert!(["crit", "b64", "zip", "enc"].iter().all(|name| !header.contains_key(*name)));
    assert!(claims.get("iss").is_some_and(|issuer| issuer == ISSUER));
    let time = |claim| claims.get(claim).map(|time: &Value| time.as_f64().unwrap_or(f64::NAN));
    assert!(time("exp").is_some_and(|end| end.trunc() + LEEWAY > NOW));
    for claim in ["nbf", "iat"] {
        assert!(time(claim).is_none_or(|begin| begin.trunc() <= NOW + LEEWAY), "{claim}");
    }
    (header, claims)
}

fn is_for(claims: &Map<String, Value>, name: &str) -> bool {
    match claims.get("aud") {
        Some(Value::Array(names)) => {
            names.iter().all(Value::is_string) && names.iter().any(|one| one == name)
        }
        Some(one) => one == name,
        None => false,
    }
}

/// An answer is one line of visible characters, and shows nothing of the token.
fn check_answer(error: &VerifyError) {
    let challenge = error.www_authenticate().unwrap_or_default();
    assert!(challenge.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{challenge}");
    assert!(!challenge.contains(CANARY));
    check_silent(&format!("{error} {error:?}"));
    assert_eq!((error.status(), error.code()), (401, Some("invalid_token")));
}

#[cfg(test)]
mod tests;
