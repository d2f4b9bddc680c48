//! Access tokens as arguments of axum's handlers.

use axum_core::extract::{FromRef, FromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::{VerifiedAccessToken, Verifier, VerifyError};

impl<S> FromRequestParts<S> for VerifiedAccessToken
where
    S: Send + Sync,
    Verifier: FromRef<S>,
{
    type Rejection = VerifyError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, VerifyError> {
        Verifier::from_ref(state).authorize(&parts.headers).await
    }
}

impl IntoResponse for VerifyError {
    /// The answer of [RFC 6750 §3](https://www.rfc-editor.org/rfc/rfc6750#section-3), without a body.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status()).unwrap_or(StatusCode::UNAUTHORIZED);
        let mut response = status.into_response();
        let challenge = self.www_authenticate().and_then(|value| HeaderValue::try_from(value).ok());
        if let Some(challenge) = challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
