use std::fmt;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm as Jose;

/// How a token may be signed: with a private key whose public half the issuer publishes
/// ([RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1)).
///
/// There is no `none` among them, and HMAC only for the `id_token`s of a client that
/// [chose it](crate::VerifierBuilder::danger_id_token_hs256): with it, whoever can verify a token can also make one.
///
/// ```
/// use butlr_auth_verify::Algorithm;
///
/// assert_eq!(Algorithm::from_name("ES256"), Some(Algorithm::Es256));
/// assert_eq!(Algorithm::from_name("none"), None);
/// assert_eq!(Algorithm::from_name("HS256"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSA, PKCS #1 v1.5, SHA-256: what most servers sign with.
    Rs256,
    /// RSA, PKCS #1 v1.5, SHA-384.
    Rs384,
    /// RSA, PKCS #1 v1.5, SHA-512.
    Rs512,
    /// RSA-PSS, SHA-256.
    Ps256,
    /// RSA-PSS, SHA-384.
    Ps384,
    /// RSA-PSS, SHA-512.
    Ps512,
    /// ECDSA on P-256, SHA-256.
    Es256,
    /// ECDSA on P-384, SHA-384.
    Es384,
    /// Ed25519. `Ed25519`, its name in [RFC 9864](https://www.rfc-editor.org/rfc/rfc9864), is read as well.
    EdDsa,
    /// HMAC, SHA-256, with the client's secret: never for access tokens, and never unless it was chosen.
    Hs256,
}

/// What a key must be for an algorithm to use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
    /// No public key: what is shared with one client.
    Shared,
}

impl Algorithm {
    /// Every algorithm with a public key.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// Reads the `alg` of a header, byte for byte.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "Ed25519" {
            return Some(Self::EdDsa);
        }
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    /// Returns the name that `alg` has in a header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }

    pub(crate) fn family(self) -> Family {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::Rsa,
            Self::Es256 => Family::P256,
            Self::Es384 => Family::P384,
            Self::EdDsa => Family::Ed25519,
            Self::Hs256 => Family::Shared,
        }
    }

    pub(crate) fn jose(self) -> Jose {
        match self {
            Self::Rs256 => Jose::RS256,
            Self::Rs384 => Jose::RS384,
            Self::Rs512 => Jose::RS512,
            Self::Ps256 => Jose::PS256,
            Self::Ps384 => Jose::PS384,
            Self::Ps512 => Jose::PS512,
            Self::Es256 => Jose::ES256,
            Self::Es384 => Jose::ES384,
            Self::EdDsa => Jose::EdDSA,
            Self::Hs256 => Jose::HS256,
        }
    }

    /// The left half of the hash of a token, by the hash of the algorithm that signed the `id_token`: `at_hash`,
    /// `c_hash`. Ed25519 hashes with SHA-512.
    //= https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken
    //# Its value is the base64url encoding of the left-most half of the hash of the octets of the ASCII
    //# representation of the access_token value, where the hash algorithm used is the hash algorithm used in the
    //# alg Header Parameter of the ID Token's JOSE Header.
    pub(crate) fn half_hash(self, token: &str) -> String {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Hs256 => &SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &SHA384,
            Self::Rs512 | Self::Ps512 | Self::EdDsa => &SHA512,
        };
        let digest = digest::digest(hash, token.as_bytes());
        let digest = digest.as_ref();
        URL_SAFE_NO_PAD.encode(digest.get(..digest.len() / 2).unwrap_or_default())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
