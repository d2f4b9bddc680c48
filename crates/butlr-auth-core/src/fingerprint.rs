use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind};

/// The first 128 bits of a secret's SHA-256: enough to tell secrets apart, useless for recovering one.
///
/// Tokens are long and random, so that a fingerprint gives nothing away. It is what logs, events and rejections
/// name a token by.
///
/// ```
/// use butlr_auth_core::Fingerprint;
///
/// let fingerprint = Fingerprint::of(b"a token");
/// assert_eq!(fingerprint.to_string().parse::<Fingerprint>()?, fingerprint);
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Fingerprints `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(bytes).into();
        let mut first = [0; 16];
        first.copy_from_slice(digest.split_at(16).0);
        Self(first)
    }

    /// Its hexadecimal digits, in a place that the caller has: records and logs are full of them.
    fn write_to<'a>(&self, digits: &'a mut [u8; 32]) -> &'a str {
        let halves = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        for (digit, half) in digits.iter_mut().zip(halves) {
            *digit = if half < 10 { b'0' + half } else { b'a' + half - 10 };
        }
        str::from_utf8(digits).unwrap_or_default()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.write_to(&mut [0; 32]))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = || Error::new(ErrorKind::CorruptRecord, "a fingerprint is not 32 hexadecimal digits");
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| invalid())
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.write_to(&mut [0; 32]))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
