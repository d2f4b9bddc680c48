//! The compact form of a signed JWT, taken apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::{Algorithm, Reason, VerifyError, json};

/// A token longer than this is not looked at: 64 KiB. No server takes a header of that length.
pub(crate) const LONGEST_TOKEN: usize = 64 * 1024;

/// A JWT whose header was read. Nothing of it is trusted yet.
pub(crate) struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Option<String>,
    pub(crate) typ: Option<String>,
    /// What is signed: the first two parts, with the dot.
    pub(crate) message: &'a [u8],
    pub(crate) signature: Vec<u8>,
    payload: &'a str,
}

impl<'a> Jws<'a> {
    /// Takes a token apart and reads its header. The algorithm must be `allowed`.
    pub(crate) fn parse(token: &'a str, allowed: &[Algorithm]) -> Result<Self, VerifyError> {
        // Before anything is split: a token is a stranger's.
        if token.len() > LONGEST_TOKEN {
            return Err(Reason::TooLong.into());
        }
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Reason::Malformed.into());
        };
        match parts.count() {
            0 => {}
            //= https://www.rfc-editor.org/rfc/rfc7516#section-9
            //# JWSs have three segments separated by two period ('.') characters. JWEs have five segments separated
            //# by four period ('.') characters.
            2 => return Err(Reason::Encrypted.into()),
            _ => return Err(Reason::Malformed.into()),
        }
        let members = json::object(&decode(header)?).ok_or(Reason::Malformed)?;
        let text = |name| match members.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(_) => Err(VerifyError::from(Reason::Malformed)),
        };
        if members.contains_key("enc") {
            return Err(Reason::Encrypted.into());
        }
        //= https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11
        //# If any of the listed extension Header Parameters are not understood and supported by the recipient, then
        //# the JWS is invalid.
        if ["crit", "b64", "zip"].iter().any(|name| members.contains_key(*name)) {
            return Err(Reason::UnknownExtension.into());
        }
        //= https://www.rfc-editor.org/rfc/rfc8725#section-3.1
        //# Libraries MUST enable the caller to specify a supported set of algorithms and MUST NOT use any other
        //# algorithms when performing cryptographic operations.
        let algorithm = text("alg")?.ok_or(Reason::Malformed)?;
        let shared = allowed.contains(&Algorithm::Hs256) && algorithm == Algorithm::Hs256.as_str();
        let algorithm = shared
            .then_some(Algorithm::Hs256)
            .or_else(|| Algorithm::from_name(algorithm))
            .filter(|algorithm| allowed.contains(algorithm))
            .ok_or(Reason::AlgorithmRefused)?;
        Ok(Self {
            algorithm,
            key_id: text("kid")?.map(str::to_owned),
            typ: text("typ")?.map(str::to_owned),
            message: token.as_bytes().get(..header.len() + 1 + payload.len()).unwrap_or_default(),
            signature: decode(signature)?,
            payload,
        })
    }

    /// Reads the claims. Call it when the signature is known to be good.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, VerifyError> {
        json::object(&decode(self.payload)?).ok_or_else(|| Reason::Malformed.into())
    }

    /// Whether `typ` is this media type, with or without `application/` and in any case.
    //= https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9
    //# To keep messages compact in common situations, it is RECOMMENDED that producers omit an "application/" prefix
    //# of a media type value in a "typ" Header Parameter when no other '/' appears in the media type value.
    pub(crate) fn is_typed(&self, media_type: &str) -> bool {
        self.typ.as_deref().is_some_and(|typ| {
            let short = match typ.get(.."application/".len()) {
                Some(prefix) if prefix.eq_ignore_ascii_case("application/") => &typ["application/".len()..],
                _ => typ,
            };
            short.eq_ignore_ascii_case(media_type)
        })
    }
}

/// Base64url without padding, and without bits that mean nothing.
//= https://www.rfc-editor.org/rfc/rfc7515#section-2
//# Base64 encoding using the URL- and filename-safe character set defined in Section 5 of RFC 4648 [RFC4648], with all
//# trailing '=' characters omitted (as permitted by Section 3.2) and without the inclusion of any line breaks,
//# whitespace, or other additional characters.
fn decode(part: &str) -> Result<Vec<u8>, VerifyError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Reason::Malformed.into())
}
