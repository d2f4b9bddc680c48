//! The resource server's gate: who calls, and what that token allows.

use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::Endpoint;
use crate::journal::{Event, EventKind};
use crate::random::fingerprint;
use crate::state::{AccessClaims, State};

/// A caller whose access token has been verified.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) AccessClaims);

/// Why a call is refused, [RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unauthorized {
    Missing,
    InvalidToken(&'static str),
    InsufficientScope(&'static str),
}

impl Caller {
    /// Verifies the bearer token of a request, and journals a refusal.
    pub(crate) fn authenticate(
        state: &State,
        headers: &HeaderMap,
        endpoint: Endpoint,
    ) -> Result<Self, Unauthorized> {
        let Some(token) = bearer(headers) else {
            record(state, endpoint, None, None, "missing");
            return Err(Unauthorized::Missing);
        };
        match state.authenticate(token) {
            Ok(claims) => Ok(Self(claims)),
            Err(refusal) => {
                record(state, endpoint, None, Some(token), refusal.name());
                Err(Unauthorized::InvalidToken(refusal.name()))
            }
        }
    }

    /// Checks that the token has a scope.
    pub(crate) fn needs(
        &self,
        state: &State,
        endpoint: Endpoint,
        scope: &'static str,
    ) -> Result<(), Unauthorized> {
        if self.0.scope.split(' ').any(|granted| granted == scope) {
            return Ok(());
        }
        record(state, endpoint, Some(&self.0.client_id), None, "insufficient_scope");
        Err(Unauthorized::InsufficientScope(scope))
    }
}

impl FromRequestParts<Arc<State>> for Caller {
    type Rejection = Unauthorized;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Unauthorized> {
        let endpoint = Endpoint::of(parts.uri.path()).unwrap_or(Endpoint::GraphQl);
        Self::authenticate(state, &parts.headers, endpoint)
    }
}

impl IntoResponse for Unauthorized {
    fn into_response(self) -> Response {
        //= https://www.rfc-editor.org/rfc/rfc6750#section-3.1
        //# If the request lacks any authentication information (e.g., the client
        //# was unaware that authentication is necessary or attempted using an
        //# unsupported authentication method), the resource server SHOULD NOT
        //# include an error code or other error information.
        let (status, challenge, message) = match self {
            Self::Missing => (
                StatusCode::UNAUTHORIZED,
                r#"Bearer realm="butlr""#.to_owned(),
                "the request carries no bearer token".to_owned(),
            ),
            Self::InvalidToken(why) => (
                StatusCode::UNAUTHORIZED,
                format!(
                    r#"Bearer realm="butlr", error="invalid_token", error_description="the access token is {why}""#
                ),
                format!("the access token is {why}"),
            ),
            Self::InsufficientScope(scope) => (
                StatusCode::FORBIDDEN,
                format!(r#"Bearer realm="butlr", error="insufficient_scope", scope="{scope}""#),
                format!("the access token lacks the scope {scope}"),
            ),
        };
        let code = if status == StatusCode::FORBIDDEN { "FORBIDDEN" } else { "UNAUTHORIZED" };
        let mut response = (status, Json(json!({ "error": code, "message": message }))).into_response();
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
}

fn record(state: &State, endpoint: Endpoint, client_id: Option<&str>, token: Option<&str>, outcome: &str) {
    state.journal.record(Event {
        kind: EventKind::ApiRefusal,
        endpoint: Some(endpoint),
        at: state.clock.now(),
        client_id: client_id.map(str::to_owned),
        access_token: token.map(fingerprint),
        outcome: outcome.to_owned(),
        ..Event::default()
    });
}
