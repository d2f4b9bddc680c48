//! One public key of a set.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::crypto::aws_lc;
use serde_json::{Map, Value};

use crate::Algorithm;
use crate::algorithm::Family;

/// The shortest and the longest modulus of an RSA key, in bits.
//= https://www.rfc-editor.org/rfc/rfc7518#section-3.3
//# A key of size 2048 bits or larger MUST be used with these algorithms.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The members of a JWK that only a private key, or a shared one, has.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key that signatures can be checked with.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) id: Option<String>,
    algorithm: Option<Algorithm>,
    family: Family,
    public: DecodingKey,
}

impl Key {
    /// Reads one JWK ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517#section-4)); `None` if no signature can be
    /// checked with it.
    pub(crate) fn from_jwk(jwk: &Value) -> Option<Self> {
        let jwk = jwk.as_object()?;
        // Whoever could read the document could sign with such a key.
        if PRIVATE.iter().any(|name| member(jwk, name).is_some()) || !is_for_verifying(jwk) {
            return None;
        }
        let id = optional_text(jwk, "kid")?.map(str::to_owned);
        let (family, public) = match text(jwk, "kty")? {
            "RSA" => (Family::Rsa, rsa(jwk)?),
            "EC" => match text(jwk, "crv")? {
                "P-256" => (Family::P256, elliptic(jwk, 32, &ECDSA_P256_SHA256_FIXED)?),
                "P-384" => (Family::P384, elliptic(jwk, 48, &ECDSA_P384_SHA384_FIXED)?),
                _ => return None,
            },
            "OKP" if text(jwk, "crv")? == "Ed25519" => {
                let point = bytes(jwk, "x")?;
                ParsedPublicKey::new(&ED25519, &point).ok()?;
                (Family::Ed25519, DecodingKey::from_ed_der(&point))
            }
            _ => return None,
        };
        let algorithm = match optional_text(jwk, "alg")? {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).filter(|alg| alg.family() == family)?),
        };
        Some(Self { id, algorithm, family, public })
    }

    /// Whether this key may check a signature of this algorithm.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.family == algorithm.family() && self.algorithm.is_none_or(|only| only == algorithm)
    }

    /// Whether `signature` over `message` is this key's.
    pub(crate) fn has_signed(&self, algorithm: Algorithm, message: &[u8], signature: &Vec<u8>) -> bool {
        // The provider by its name: which one is the default depends on what else a program is built from.
        let verifier = (aws_lc::DEFAULT_PROVIDER.verifier_factory)(&algorithm.jose(), &self.public);
        self.fits(algorithm) && verifier.is_ok_and(|verifier| verifier.verify(message, signature).is_ok())
    }
}

//= https://www.rfc-editor.org/rfc/rfc7517#section-4.3
//# The "key_ops" (key operations) parameter identifies the operation(s) for which the key is intended to be used.
fn is_for_verifying(jwk: &Map<String, Value>) -> bool {
    let signs = member(jwk, "use").is_none_or(|usage| usage == "sig");
    let verifies = match member(jwk, "key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => false,
    };
    signs && verifies
}

fn rsa(jwk: &Map<String, Value>) -> Option<DecodingKey> {
    let (modulus, exponent) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
    // Some servers write the zero that keeps a DER integer positive.
    let modulus = modulus.get(modulus.iter().position(|byte| *byte != 0)?..)?;
    let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
    let is_odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let exponent = exponent.get(exponent.iter().position(|byte| *byte != 0)?..)?;
    // 1 signs nothing, and a long exponent only costs time.
    let sound = exponent.len() <= 4 && exponent != [1] && is_odd(exponent) && is_odd(modulus);
    (RSA_BITS.contains(&bits) && sound).then(|| DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn elliptic(
    jwk: &Map<String, Value>,
    length: usize,
    curve: &'static dyn VerificationAlgorithm,
) -> Option<DecodingKey> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != length || y.len() != length {
        return None;
    }
    let point = [&[4][..], &x, &y].concat();
    // This is where a point beside the curve ends.
    ParsedPublicKey::new(curve, &point).ok()?;
    Some(DecodingKey::from_ec_der(&point))
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    jwk.get(name)?.as_str()
}

/// A member that may be absent: `None` if it is there and no text.
fn optional_text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<Option<&'a str>> {
    match member(jwk, name) {
        None => Some(None),
        Some(value) => value.as_str().map(Some),
    }
}

/// A member, unless it is `null` or the empty string: servers write their keys with every member that there is.
fn member<'a>(jwk: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    jwk.get(name).filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text(jwk, name)?).ok()
}
