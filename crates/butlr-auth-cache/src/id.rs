use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::hex;

/// 128 random bits: enough that no two are ever the same.
///
/// A write is named by one (it *is* the record's version), and so is a login and the owner of a lease.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 16]);

impl Id {
    /// Draws a new id.
    ///
    /// # Panics
    /// If the operating system gives no randomness: there is no safe way on without it.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = [0; 16];
        fill(&mut bytes);
        Self(bytes)
    }

    /// Makes the id that `number` spells, for a store that keeps ids in a form of its own.
    #[must_use]
    pub fn from_u128(number: u128) -> Self {
        Self(number.to_be_bytes())
    }

    /// Returns the id as a number.
    #[must_use]
    pub fn to_u128(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

/// Draws a number from `0..bound`, for jitter; its slight bias does not matter there.
pub(crate) fn draw(bound: u64) -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_be_bytes(bytes).checked_rem(bound).unwrap_or_default()
}

#[expect(clippy::expect_used, reason = "without randomness there is no safe way on")]
pub(crate) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl std::str::FromStr for Id {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self::from_u128)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(&self.0))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
