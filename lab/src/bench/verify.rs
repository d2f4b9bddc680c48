//! W8: an access token verified with keys that are at hand, beside the JOSE crate's own verification on a decoded key.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow, ensure};
use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use butlr_auth_core::Error;
use butlr_auth_verify::{KeySet, KeySource, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::figure::Report;
use super::measure::Samples;

const ISSUER: &str = "https://as.example.com";
const AUDIENCE: &str = "https://api.example.com";
const BATCH: u32 = 50;
const ROUNDS: usize = 200;

pub(super) fn run(report: &mut Report) -> Result<()> {
    report.begin("W8", "a JWT access token verified, the keys at hand");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    for algorithm in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        measured(report, &runtime, algorithm)?;
    }
    Ok(())
}

fn measured(report: &mut Report, runtime: &Runtime, algorithm: Algorithm) -> Result<()> {
    let (token, jwk) = token(algorithm)?;
    let key: Jwk = serde_json::from_value(jwk.clone())?;
    let key = DecodingKey::from_jwk(&key)?;
    let mut validation = Validation::new(algorithm);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    let source = Published(json!({ "keys": [jwk] }));
    let verifier = Verifier::builder(ISSUER).audience(AUDIENCE).key_source(source).build()?;
    let name = format!("{algorithm:?}");
    let mut jose = Samples::in_batches(format!("{name}: jsonwebtoken::decode"), BATCH);
    let mut ours = Samples::in_batches(format!("{name}: Verifier::access_token"), BATCH);
    for round in 0..=ROUNDS {
        jose.time(|| {
            for _ in 0..BATCH {
                black_box(jsonwebtoken::decode::<Map<String, Value>>(&token, &key, &validation))?;
            }
            Ok::<_, jsonwebtoken::errors::Error>(())
        })?;
        ours.time(|| {
            runtime.block_on(async {
                for _ in 0..BATCH {
                    black_box(verifier.access_token(&token).await)?;
                }
                Ok::<_, butlr_auth_verify::VerifyError>(())
            })
        })?;
        if round == 0 {
            jose.clear();
            ours.clear();
        }
    }
    report.note(&jose);
    report.note(&ours);
    report.at_most(&format!("{name}: verified / jsonwebtoken's own decode"), ours.ratio(&jose), 1.1);
    Ok(())
}

/// Keys that are read once, as those of an issuer are.
#[derive(Debug)]
struct Published(Value);

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<(KeySet, Duration), Error> {
        Ok((KeySet::from_json(self.0.to_string().as_bytes())?, Duration::from_secs(3600)))
    }
}

/// An access token as RFC 9068 has it, and the public key that signed it.
fn token(algorithm: Algorithm) -> Result<(String, Value)> {
    #[expect(clippy::disallowed_methods, reason = "the JOSE crate compares with the system's clock")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    let header = json!({ "alg": format!("{algorithm:?}"), "typ": "at+jwt", "kid": "bench" });
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "bench", "jti": "t-1", "iat": now,
        "exp": now + 3600, "scope": "rooms:read rooms:write",
    });
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let message =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let (signature, mut jwk) = sign(algorithm, message.as_bytes())?;
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".to_owned(), "bench".into());
    }
    Ok((format!("{message}.{}", encode(&signature)), jwk))
}

fn sign(algorithm: Algorithm, message: &[u8]) -> Result<(Vec<u8>, Value)> {
    let random = SystemRandom::new();
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    match algorithm {
        Algorithm::RS256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
            let public = pair.public_key();
            let modulus = encode(public.modulus().big_endian_without_leading_zero());
            let exponent = encode(public.exponent().big_endian_without_leading_zero());
            Ok((signature, json!({ "kty": "RSA", "n": modulus, "e": exponent })))
        }
        Algorithm::ES256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
            let signature = pair.sign(&random, message)?.as_ref().to_vec();
            let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
            ensure!(point.len() == 64, "a point has two halves");
            let (x, y) = point.split_at(32);
            Ok((signature, json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })))
        }
        Algorithm::EdDSA => {
            let pair = Ed25519KeyPair::generate()?;
            let signature = pair.sign(message).as_ref().to_vec();
            let x = encode(pair.public_key().as_ref());
            Ok((signature, json!({ "kty": "OKP", "crv": "Ed25519", "x": x })))
        }
        _ => Err(anyhow!("no key is made for {algorithm:?}")),
    }
}
