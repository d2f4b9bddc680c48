use std::fmt;

use butlr_auth_core::{Delivery, Error, ErrorKind};
use serde_json::Value;

use crate::jws::Jws;
use crate::key::Key;
use crate::{Reason, json};

/// Of a set, this many keys are read: 1,024. Most servers publish two or three, some one for each tenant or client.
const MOST_KEYS: usize = 1024;

/// With this many keys a signature is tried at most: 64.
const MOST_TRIED: usize = 64;

/// The public keys of an issuer: a JWK set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), read.
///
/// Keys that cannot check a signature are passed over, because a server may publish others beside them: another use,
/// an unknown curve, RSA of fewer than 2048 or more than 8192 bits, a point beside its curve, shared keys, and keys
/// whose private half stands there. At most 1,024 keys are read, and a signature is tried with 64 of them at most.
///
/// ```
/// use butlr_auth_verify::KeySet;
///
/// let keys = KeySet::from_json(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"oct","k":"c2VjcmV0"}]}"#)?;
/// assert_eq!(keys.len(), 1);
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a document.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] if it is no JWK set, or a member stands twice in one of its objects.
    pub fn from_json(document: &[u8]) -> Result<Self, Error> {
        let invalid = |why: &str| {
            Error::new(ErrorKind::InvalidResponse, format!("the key set {why}"))
                .with_delivery(Delivery::Answered)
        };
        let members = json::object(document).ok_or_else(|| invalid("is not a JSON object, read strictly"))?;
        let keys =
            members.get("keys").and_then(Value::as_array).ok_or_else(|| invalid("has no list of keys"))?;
        //= https://www.rfc-editor.org/rfc/rfc7517#section-5
        //# Implementations SHOULD ignore JWKs within a JWK Set that use "kty" (key type) values that are not
        //# understood by them, that are missing required members, or for which values are out of the supported
        //# ranges.
        Ok(Self(keys.iter().filter_map(Key::from_jwk).take(MOST_KEYS).collect()))
    }

    /// Returns how many keys a signature can be checked with.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Checks the signature of a token. [`Reason::UnknownKey`] says that another set may know better.
    ///
    /// A `kid` names its key; several keys of that name are tried in turn, and then those that have no name. Without a
    /// `kid` every key is tried that fits the algorithm.
    pub(crate) fn check(&self, jws: &Jws<'_>) -> Result<(), Reason> {
        let fits = |key: &&Key| key.fits(jws.algorithm);
        let named = self.0.iter().filter(|key| jws.key_id.is_none() || key.id == jws.key_id).filter(fits);
        let nameless = self.0.iter().filter(|key| jws.key_id.is_some() && key.id.is_none()).filter(fits);
        let known = named.clone().next().is_some();
        let mut candidates = named.chain(nameless).take(MOST_TRIED);
        if candidates.any(|key| key.has_signed(jws.algorithm, jws.message, &jws.signature)) {
            Ok(())
        } else if known && jws.key_id.is_some() {
            Err(Reason::BadSignature)
        } else {
            Err(Reason::UnknownKey)
        }
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|key| key.id.as_deref().unwrap_or("-"));
        f.debug_list().entries(ids).finish()
    }
}
