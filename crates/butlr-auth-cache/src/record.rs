use std::fmt;

use butlr_auth_core::{
    AccessToken, Error, ErrorCode, ErrorKind, ErrorResponse, Fingerprint, IdToken, RefreshToken, Scope,
    UnverifiedClaims, text,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::protocol::{Ledger, State};
use crate::small_map::SmallMap;
use crate::{Entry, Id};

/// What is stored of a session: the ledger that the protocol decides by, and the secrets that it names.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The origin that the secrets were made for.
    pub(crate) origin: String,
    pub(crate) ledger: Ledger,
    /// The scope that the login's session asks for: a refresh for any other one says so.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub(crate) asked: Scope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Subject>,
    /// What the last failure or refusal was, in words, as long as the ledger remembers one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<Box<Reason>>,
    /// Who has the ledger's lease, for people, where the store has no lock that says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<Box<str>>,
    #[serde(default, with = "exposed_option", skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<IdToken>,
    #[serde(default, with = "exposed_map")]
    pub(crate) refresh_tokens: SmallMap<Fingerprint, RefreshToken>,
    #[serde(default, with = "exposed_map")]
    pub(crate) access_tokens: SmallMap<Fingerprint, AccessToken>,
}

/// Who logged in, as the login's `id_token` said it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Subject {
    pub(crate) iss: String,
    pub(crate) sub: String,
}

/// A failure as other processes tell it: its message, which is redacted already, cut to a few lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    pub(crate) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<String>,
}

impl Reason {
    /// No text is longer: 512 characters.
    const LONGEST: usize = 512;

    pub(crate) fn of(error: &Error) -> Self {
        let mut told = error.to_string();
        if let Some(snippet) = error.snippet().filter(|snippet| !told.contains(*snippet)) {
            told = format!("{told}: {snippet}");
        }
        let code = error.error_response().map(|response| response.error.as_str().to_owned());
        Self { text: text::escape(&told, Self::LONGEST), status: error.status(), code }
    }

    /// Adds to an error what the server had answered.
    pub(crate) fn explain(&self, error: Error) -> Error {
        let error = match self.status {
            Some(status) => error.with_status(status),
            None => error,
        };
        match &self.code {
            Some(code) => error.with_error_response(ErrorResponse::new(ErrorCode::new(code), None)),
            None => error,
        }
    }
}

impl Subject {
    pub(crate) fn of(id_token: &IdToken) -> Option<Self> {
        let claims = UnverifiedClaims::decode(id_token.expose())?;
        Some(Self { iss: claims.text("iss")?.to_owned(), sub: claims.text("sub")?.to_owned() })
    }
}

impl Record {
    pub(crate) fn new(origin: impl Into<String>, ledger: Ledger) -> Self {
        Self {
            origin: origin.into(),
            ledger,
            asked: Scope::empty(),
            subject: None,
            reason: None,
            holder: None,
            id_token: None,
            refresh_tokens: SmallMap::default(),
            access_tokens: SmallMap::default(),
        }
    }

    /// The same secrets under another ledger, without those that it no longer names.
    pub(crate) fn with_ledger(&self, ledger: Ledger) -> Self {
        let mut record = self.clone();
        record
            .refresh_tokens
            .retain(|fingerprint, _| ledger.fingerprints().any(|named| named == *fingerprint));
        record
            .access_tokens
            .retain(|fingerprint, _| ledger.fingerprints().any(|named| named == *fingerprint));
        if ledger.failure.is_none() && matches!(ledger.state, State::Active | State::LoggedOut) {
            record.reason = None;
        }
        if ledger.lease.is_none() {
            record.holder = None;
        }
        record.ledger = ledger;
        record
    }

    pub(crate) fn encode(&self, write_id: Id) -> Result<Entry, Error> {
        let unfit = |_| Error::new(ErrorKind::Storage, "a session record could not be encoded as JSON");
        // Room for exactly all of it: a buffer that grows leaves copies behind, and a large one takes long to wipe.
        let mut length = Length(0);
        serde_json::to_writer(&mut length, self).map_err(unfit)?;
        let mut json = Zeroizing::new(Vec::with_capacity(length.0));
        serde_json::to_writer(&mut *json, self).map_err(unfit)?;
        let text = String::from_utf8(std::mem::take(&mut *json))
            .map_err(|_| Error::new(ErrorKind::Storage, "a session record could not be encoded as text"))?;
        Ok(Entry::new(write_id, text))
    }

    pub(crate) fn decode(entry: &Entry) -> Result<Self, Error> {
        // The parser's own message may quote what it read.
        serde_json::from_str(entry.record())
            .map_err(|_| Error::new(ErrorKind::CorruptRecord, "a session record has members of another kind"))
    }
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}

/// The one place where secrets are written out: the store's own form.
mod exposed_map {
    use butlr_auth_core::{Fingerprint, Secret, SecretKind};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::small_map::SmallMap;

    type Secrets<K> = SmallMap<Fingerprint, Secret<K>>;

    pub(super) fn serialize<K: SecretKind, S: Serializer>(
        secrets: &Secrets<K>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(secrets.iter().map(|(fingerprint, secret)| (fingerprint, secret.expose())))
    }

    pub(super) fn deserialize<'de, K: SecretKind, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Secrets<K>, D::Error> {
        let texts = SmallMap::<Fingerprint, String>::deserialize(deserializer)?;
        texts
            .into_iter()
            .map(|(fingerprint, text)| Ok((fingerprint, Secret::new(text).map_err(D::Error::custom)?)))
            .collect()
    }
}

mod exposed_option {
    use butlr_auth_core::{Secret, SecretKind};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<K: SecretKind, S: Serializer>(
        secret: &Option<Secret<K>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => serializer.serialize_some(secret.expose()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, K: SecretKind, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Secret<K>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Secret::new(text).map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests;
