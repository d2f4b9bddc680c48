//! Which client is asking, [RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use super::Refused;
use crate::parameters::Parameters;
use crate::registry::Client;
use crate::state::State;

/// Finds the client and checks that it is the one it says: by `Authorization: Basic`, by id and
/// secret in the body, or, for a public client, by its id alone.
pub(crate) fn authenticate(state: &State, headers: &HeaderMap, body: &Parameters) -> Result<Client, Refused> {
    let basic = headers.get(AUTHORIZATION);
    let (id, secret) = match basic {
        Some(value) => {
            //= https://www.rfc-editor.org/rfc/rfc6749#section-2.3
            //# The client MUST NOT use more than one authentication method in each
            //# request.
            if body.get("client_secret").is_some() {
                return Err(Refused::invalid_request("the client authenticates in two ways at once"));
            }
            let (id, secret) = value
                .to_str()
                .ok()
                .and_then(basic_credentials)
                .ok_or_else(|| Refused::invalid_client(true))?;
            if body.get("client_id").is_some_and(|other| other != id) {
                return Err(Refused::invalid_request("client_id is not the client that authenticates"));
            }
            (id, secret)
        }
        None => {
            let id = body.get("client_id").ok_or_else(|| Refused::invalid_client(false))?;
            (id.to_owned(), body.get("client_secret").unwrap_or_default().to_owned())
        }
    };
    let client = state.registry().client(&id).filter(|client| client.secret == secret).cloned();
    client.ok_or_else(|| Refused::invalid_client(basic.is_some()))
}

//= https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
//# The client identifier is encoded using the
//# "application/x-www-form-urlencoded" encoding algorithm per
//# Appendix B, and the encoded value is used as the username; the client
//# password is encoded using the same algorithm and used as the
//# password.
fn basic_credentials(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

/// Decodes one value of a form. What is not encoded at all, such as a raw `&`, is refused.
fn form_decoded(value: &str) -> Option<String> {
    let encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"*-._+%~".contains(&byte);
    if !value.bytes().all(encoded) {
        return None;
    }
    form_urlencoded::parse(format!("v={value}").as_bytes()).next().map(|(_, value)| value.into_owned())
}
