//! The keys that sign tokens, made anew at every start, and the set of public ones.

use std::io;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::random;

/// How tokens are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256: cheap for both sides, the default.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA with SHA-256: what most of today's servers do; its key takes a moment to make.
    Rs256,
}

impl SigningAlgorithm {
    pub(crate) fn jose(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

/// One key pair and its public half as a JWK.
struct SigningKey {
    id: String,
    algorithm: Algorithm,
    private: EncodingKey,
    public: DecodingKey,
    jwk: Value,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Every key of the server. The last one signs; the others still verify.
#[derive(Debug)]
pub(crate) struct KeyRing {
    algorithm: SigningAlgorithm,
    current: SigningKey,
    previous: Vec<SigningKey>,
}

impl KeyRing {
    pub(crate) fn generate(algorithm: SigningAlgorithm) -> io::Result<Self> {
        Ok(Self { algorithm, current: SigningKey::generate(algorithm)?, previous: Vec::new() })
    }

    /// Signs with a new key from now on; tokens of the old ones stay good.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        let next = SigningKey::generate(self.algorithm)?;
        self.previous.push(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    /// Signs claims as a JWT of this `typ`.
    pub(crate) fn sign(&self, typ: &str, claims: &impl Serialize) -> io::Result<String> {
        let mut header = Header::new(self.current.algorithm);
        header.typ = Some(typ.to_owned());
        header.kid = Some(self.current.id.clone());
        jsonwebtoken::encode(&header, claims, &self.current.private).map_err(io::Error::other)
    }

    /// Verifies the signature and `typ` of a JWT and gives its claims. Times are the caller's to
    /// judge, because only the caller knows the server's clock.
    pub(crate) fn verify<T: DeserializeOwned>(&self, typ: &str, token: &str) -> Option<T> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if !header.typ.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(typ)) {
            return None;
        }
        let key = self.keys().find(|key| Some(&key.id) == header.kid.as_ref())?;
        let mut validation = Validation::new(key.algorithm);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode(token, &key.public, &validation).ok().map(|data| data.claims)
    }

    /// The public keys, [RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5).
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": self.keys().map(|key| key.jwk.clone()).collect::<Vec<_>>() })
    }

    /// The `at_hash` of an access token: the left half of its hash, by the algorithm that signs.
    pub(crate) fn half_hash(&self, access_token: &str) -> String {
        let digest = match self.algorithm {
            SigningAlgorithm::EdDsa => Sha512::digest(access_token).to_vec(),
            SigningAlgorithm::Es256 | SigningAlgorithm::Rs256 => Sha256::digest(access_token).to_vec(),
        };
        URL_SAFE_NO_PAD.encode(digest.get(..digest.len() / 2).unwrap_or_default())
    }

    pub(crate) fn algorithm_name(&self) -> &'static str {
        match self.algorithm {
            SigningAlgorithm::Es256 => "ES256",
            SigningAlgorithm::EdDsa => "EdDSA",
            SigningAlgorithm::Rs256 => "RS256",
        }
    }

    fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        std::iter::once(&self.current).chain(self.previous.iter().rev())
    }
}

/// Signs claims with a secret that is shared with one client.
pub(crate) fn sign_shared(secret: &str, claims: &impl Serialize) -> io::Result<String> {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).map_err(io::Error::other)
}

impl SigningKey {
    fn generate(algorithm: SigningAlgorithm) -> io::Result<Self> {
        let failed = |_| io::Error::other("no signing key could be made");
        let random = SystemRandom::new();
        let private = match algorithm {
            SigningAlgorithm::Es256 => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .map_err(failed)?;
                EncodingKey::from_ec_der(document.as_ref())
            }
            SigningAlgorithm::EdDsa => {
                let document = Ed25519KeyPair::generate_pkcs8v1(&random).map_err(failed)?;
                EncodingKey::from_ed_der(document.as_ref())
            }
            SigningAlgorithm::Rs256 => {
                let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let pkcs8: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
                // The signer wants the key of RFC 8017 alone, which a PKCS #8 envelope of a
                // 2048-bit key holds after a header of 26 bytes, always the same ones.
                EncodingKey::from_rsa_der(pkcs8.as_ref().get(26..).unwrap_or_default())
            }
        };
        let id = random::token(12);
        let mut jwk = Jwk::from_encoding_key(&private, algorithm.jose()).map_err(io::Error::other)?;
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        let public = DecodingKey::from_jwk(&jwk).map_err(io::Error::other)?;
        let jwk = serde_json::to_value(&jwk)?;
        Ok(Self { id, algorithm: algorithm.jose(), private, public, jwk })
    }
}
