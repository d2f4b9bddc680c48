use std::fmt;

use butlr_auth_core::{ClientId, EndpointIdentity, Fingerprint, Scope};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// On whose behalf a session's tokens act. It decides whether there is a refresh token to lose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Party {
    /// The client itself: it asks again with its own secret whenever it likes.
    Client,
    /// A resource owner: the session lives by its refresh token, which may be good for one use.
    User,
}

/// What a session is filed under: one per family of refresh tokens.
///
/// All exclusion is per key, because one refresh token serves every scope and audience of a login.
///
/// ```
/// use butlr_auth_cache::{Party, SessionKey};
/// # use butlr_auth_core::{ClientId, EndpointIdentity, Provider};
///
/// let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli"));
/// let key = SessionKey::new(&identity, Party::User, "default");
/// assert_eq!(key.digest().len(), 64);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SessionKey {
    /// The provider's id.
    pub provider_id: String,
    /// The client.
    pub client_id: ClientId,
    /// On whose behalf.
    pub party: Party,
    /// The session's local name; the command line uses the profile's.
    pub name: String,
    /// The key that tokens are bound to, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_key: Option<Fingerprint>,
}

impl SessionKey {
    /// Makes the key of the session `name` at an endpoint.
    #[must_use]
    pub fn new(identity: &EndpointIdentity, party: Party, name: impl Into<String>) -> Self {
        Self {
            provider_id: identity.provider_id.clone(),
            client_id: identity.client_id.clone(),
            party,
            name: name.into(),
            sender_key: identity.sender_key,
        }
    }

    /// Returns the SHA-256 of the key as 64 hexadecimal digits: what files and rows are named by.
    ///
    /// Each part is preceded by its length, so that no two keys have the same digest whatever is in their parts.
    #[must_use]
    pub fn digest(&self) -> String {
        let party = match self.party {
            Party::Client => "client",
            Party::User => "user",
        };
        let sender_key = self.sender_key.map(|key| key.to_string()).unwrap_or_default();
        hex(&digest_parts(&[&self.provider_id, self.client_id.as_str(), party, &self.name, &sender_key]))
    }
}

/// Which of a session's access tokens: one per requested scope.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenKey(Fingerprint);

impl TokenKey {
    pub(crate) fn of(scope: &Scope) -> Self {
        Self(Fingerprint::of(&digest_parts(&[&scope.to_string()])))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({})", self.0)
    }
}

fn digest_parts(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' + half - 10 });
    let mut digits = String::with_capacity(bytes.len() * 2);
    digits.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    digits
}

#[cfg(test)]
mod tests;
