//! The parts of this crate that read what strangers send, laid open for fuzzing. Not part of the public interface.

use butlr_auth_core::{
    BodyEncoding, ClientAuthentication, ClientAuthenticationMethod, Dialect, Error, Leniency, TokenResponse,
};
use http::{HeaderMap, StatusCode};
use std::time::Duration;
use zeroize::Zeroizing;

use crate::transport::{Answer, Errand};
use crate::{answer, bearer, body, form, retry_after};

/// What a token endpoint's answer to a request that carried these secrets means.
///
/// # Errors
/// As an exchange.
pub fn token(
    status: StatusCode,
    headers: HeaderMap,
    body: &[u8],
    secrets: &[&str],
    leniency: &Leniency,
) -> Result<TokenResponse, Error> {
    let body = Zeroizing::new(body.to_vec());
    let answer = Answer { status, headers, body, broken: None };
    let url = "https://as.example.com/token".parse()?;
    let errand = Errand::new(&url, "the refresh_token grant", secrets.to_vec());
    answer::token(&answer, &errand, leniency).map_err(|refused| refused.error)
}

/// How long a server asks to be left alone.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry_after::retry_after(headers)
}

/// Whether a resource server refuses a token by such an answer (`Ok(true)`), or asks for more scope.
///
/// # Errors
/// As a request with a bearer.
pub fn refusal(status: StatusCode, headers: &HeaderMap, token: &str) -> Result<bool, Error> {
    bearer::refusal(status, headers, token)
}

/// The body and the `Authorization` header of a request with these parameters.
#[must_use]
pub fn request(
    client: &ClientAuthentication,
    method: ClientAuthenticationMethod,
    parameters: &[(&str, &str)],
    json: bool,
) -> (Vec<u8>, Option<String>) {
    let request = form::request(client, method, parameters);
    let authorization = request.headers().get(http::header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (dialect, encoding) =
        if json { (Dialect::json(), BodyEncoding::Json) } else { (Dialect::form(), BodyEncoding::Form) };
    (body::Body::new(request.body(), &dialect).encode(encoding).to_vec(), authorization)
}
