//! An issuer of the tests' own: it signs whatever it is given, well-formed or not.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use butlr_auth_core::ManualClock;
use butlr_auth_verify::{
    Algorithm, ExpectedIdToken, KeySet, Reason, VerifiedAccessToken, VerifiedIdToken, Verifier,
    VerifierBuilder,
};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://as.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
pub(crate) const CLIENT: &str = "my-client";

/// What a [`ManualClock`] reads.
pub(crate) const NOW: u64 = 1_767_268_800;

struct Keys {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
    p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
    p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
    ed25519: Ed25519KeyPair::generate().unwrap(),
});

pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The modulus and the exponent of the RSA key.
pub(crate) fn rsa_components() -> (Vec<u8>, Vec<u8>) {
    let public = KEYS.rsa.public_key();
    (
        public.modulus().big_endian_without_leading_zero().to_vec(),
        public.exponent().big_endian_without_leading_zero().to_vec(),
    )
}

/// The public key of an algorithm as a JWK, named after the kind of key.
pub(crate) fn jwk(algorithm: Algorithm) -> Value {
    let elliptic = |curve: &str, point: &[u8]| {
        let (x, y) = point[1..].split_at(point.len() / 2);
        json!({ "kty": "EC", "crv": curve, "kid": curve, "x": base64(x), "y": base64(y) })
    };
    match algorithm {
        Algorithm::Es256 => elliptic("P-256", KEYS.p256.public_key().as_ref()),
        Algorithm::Es384 => elliptic("P-384", KEYS.p384.public_key().as_ref()),
        Algorithm::EdDsa => {
            let x = base64(KEYS.ed25519.public_key());
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "Ed25519", "x": x })
        }
        _ => {
            let (modulus, exponent) = rsa_components();
            json!({ "kty": "RSA", "kid": "RSA", "n": base64(modulus), "e": base64(exponent) })
        }
    }
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

/// The public keys of every kind.
pub(crate) fn every_key() -> KeySet {
    let kinds = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384, Algorithm::EdDsa];
    key_set(&kinds.map(jwk))
}

/// The signature of a message.
pub(crate) fn signature(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let scheme: &'static dyn aws_lc_rs::signature::RsaEncoding = match algorithm {
        Algorithm::Es256 => return KEYS.p256.sign(&random, message).unwrap().as_ref().to_vec(),
        Algorithm::Es384 => return KEYS.p384.sign(&random, message).unwrap().as_ref().to_vec(),
        Algorithm::EdDsa => return KEYS.ed25519.sign(message).as_ref().to_vec(),
        Algorithm::Rs384 => &RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &RSA_PSS_SHA256,
        Algorithm::Ps384 => &RSA_PSS_SHA384,
        Algorithm::Ps512 => &RSA_PSS_SHA512,
        _ => &RSA_PKCS1_SHA256,
    };
    let mut signature = vec![0; KEYS.rsa.public_modulus_len()];
    KEYS.rsa.sign(scheme, &random, message, &mut signature).unwrap();
    signature
}

/// Signs two texts, whatever they are.
pub(crate) fn signed(algorithm: Algorithm, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", base64(header), base64(payload));
    let signature = signature(algorithm, message.as_bytes());
    format!("{message}.{}", base64(signature))
}

/// The header of a good access token.
pub(crate) fn access_header() -> Value {
    json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": "Ed25519" })
}

/// The claims of a good access token.
pub(crate) fn access_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": CLIENT, "jti": "t-1", "iat": NOW,
        "exp": NOW + 600, "scope": "rooms:read rooms:write"
    })
}

/// The header of a good `id_token`.
pub(crate) fn id_header() -> Value {
    json!({ "alg": "EdDSA", "typ": "JWT", "kid": "Ed25519" })
}

/// The claims of a good `id_token`.
pub(crate) fn id_claims() -> Value {
    json!({ "iss": ISSUER, "aud": CLIENT, "sub": "alice", "iat": NOW, "exp": NOW + 600, "nonce": "n-0S6_WzA2Mj" })
}

/// A JSON object with some members set, or taken out where the value is the text `-`.
pub(crate) fn with(object: Value, changes: Value) -> Value {
    let (Value::Object(mut members), Value::Object(changes)) = (object, changes) else { panic!("objects") };
    for (name, value) in changes {
        if value == "-" {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    Value::Object(members)
}

pub(crate) fn builder() -> VerifierBuilder {
    Verifier::builder(ISSUER).audience(AUDIENCE).keys(every_key()).clock(ManualClock::new())
}

pub(crate) fn verifier() -> Verifier {
    builder().build().unwrap()
}

/// The outcome of an access token with this header and these claims.
pub(crate) async fn access(header: Value, claims: Value) -> Result<VerifiedAccessToken, Reason> {
    access_text(&signed(Algorithm::EdDsa, &header.to_string(), &claims.to_string())).await
}

pub(crate) async fn access_text(token: &str) -> Result<VerifiedAccessToken, Reason> {
    verifier().access_token(token).await.map_err(|error| error.reason())
}

/// The outcome of an `id_token` with these changes to its claims.
pub(crate) async fn id(changes: Value, expected: ExpectedIdToken<'_>) -> Result<VerifiedIdToken, Reason> {
    let claims = with(id_claims(), changes).to_string();
    let token = signed(Algorithm::EdDsa, &id_header().to_string(), &claims);
    verifier().id_token(&token, expected).await.map_err(|error| error.reason())
}
