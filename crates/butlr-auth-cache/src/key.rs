use std::fmt;

use butlr_auth_core::{ClientId, EndpointIdentity, Fingerprint, Purpose, Scope};
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
/// All exclusion is per key, because one refresh token serves every scope and resource of a login. Other words are
/// another session: neither reads, replaces nor revokes the other's.
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
    /// By what words its tokens are asked for: see [`Purpose`](butlr_auth_core::Purpose). Only keys of the format before
    /// this one have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Fingerprint>,
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
            purpose: Some(match party {
                Party::Client => identity.purpose.client,
                Party::User => identity.purpose.person,
            }),
        }
    }

    /// Returns what the format before this one, which did not know what tokens are for, would file this session under.
    ///
    /// Nothing of such a record is used. It is for telling people that it is still there.
    #[must_use]
    pub fn without_purpose(&self) -> Self {
        Self { purpose: None, ..self.clone() }
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
        // A place for the kind of key that tokens are bound to, of which there is only one so far: none.
        let binding = "";
        let mut parts = vec![&*self.provider_id, self.client_id.as_str(), party, &self.name, binding];
        let purpose = self.purpose.map(|purpose| purpose.to_string());
        parts.extend(purpose.as_deref());
        hex(&digest_parts(&parts))
    }
}

/// Which of a session's access tokens: one per requested scope, and per resource or, of a client's own, per any
/// parameter ([RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenKey(Fingerprint);

impl TokenKey {
    pub(crate) fn new(purpose: &Purpose, party: Party, scope: &Scope) -> Self {
        let asked = match party {
            Party::Client => purpose.parameters,
            Party::User => purpose.resources,
        };
        Self(Fingerprint::of(&digest_parts(&[&scope.to_string(), &asked.to_string()])))
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
