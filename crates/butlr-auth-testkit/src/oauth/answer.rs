//! What a token endpoint answers: a token, or why not.

use axum::Json;
use axum::http::header::{CACHE_CONTROL, PRAGMA, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

pub(crate) type Answer = Result<TokenAnswer, Refused>;

/// A successful token response,
/// [RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1).
#[derive(Serialize)]
pub(crate) struct TokenAnswer {
    pub(crate) access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id_token: Option<String>,
    pub(crate) scope: String,
    /// In seconds.
    pub(crate) expires_in: u64,
    pub(crate) token_type: &'static str,
}

impl IntoResponse for TokenAnswer {
    fn into_response(self) -> Response {
        no_store(Json(self).into_response())
    }
}

/// An error response, [RFC 6749 §5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2).
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) description: &'static str,
    challenge: bool,
}

impl Refused {
    pub(crate) fn new(code: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, description, challenge: false }
    }

    pub(crate) fn invalid_request(description: &'static str) -> Self {
        Self::new("invalid_request", description)
    }

    pub(crate) fn invalid_grant(description: &'static str) -> Self {
        Self::new("invalid_grant", description)
    }

    /// 401, and with `challenge` the header that answers a failed `Authorization`.
    pub(crate) fn invalid_client(challenge: bool) -> Self {
        let description = "the client is unknown, or its authentication failed";
        Self { status: StatusCode::UNAUTHORIZED, code: "invalid_client", description, challenge }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

impl From<std::io::Error> for Refused {
    fn from(_: std::io::Error) -> Self {
        Self::new("server_error", "the token could not be signed")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.description });
        let mut response = no_store((self.status, Json(body)).into_response());
        if self.challenge {
            let value = HeaderValue::from_static(r#"Basic realm="butlr-auth-testkit", charset="UTF-8""#);
            response.headers_mut().insert(WWW_AUTHENTICATE, value);
        }
        response
    }
}

//= https://www.rfc-editor.org/rfc/rfc6749#section-5.1
//# The authorization server MUST include the HTTP "Cache-Control"
//# response header field [RFC2616] with a value of "no-store" in any
//# response containing tokens, credentials, or other sensitive
//# information, as well as the "Pragma" response header field [RFC2616]
//# with a value of "no-cache".
pub(crate) fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
