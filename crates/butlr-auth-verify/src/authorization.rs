//! The request's side: the one token in its `Authorization` header, and the answer if it is no good.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::{Reason, VerifyError};

/// Finds the token of a request.
//= https://www.rfc-editor.org/rfc/rfc6750#section-2.1
//# b64token    = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
//# credentials = "Bearer" 1*SP b64token
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, VerifyError> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Reason::NoToken)?;
    if values.next().is_some() {
        return Err(Reason::InvalidRequest.into());
    }
    let value = value.to_str().map_err(|_| Reason::InvalidRequest)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        // Another scheme is no token of ours: the answer says which one is.
        return Err(Reason::NoToken.into());
    }
    let token = token.trim_start_matches(' ');
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if token.is_empty() || !token.bytes().all(is_token) {
        return Err(Reason::InvalidRequest.into());
    }
    Ok(token)
}

#[cfg(test)]
mod tests;
