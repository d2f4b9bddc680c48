//! `/par`: authorization requests taken beforehand, [RFC 9126](https://www.rfc-editor.org/rfc/rfc9126).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::client_authentication::authenticate;
use super::pending::AuthorizationRequest;
use super::{Refused, authorize, no_store};
use crate::parameters::Parameters;
use crate::random;
use crate::state::State;

/// How long a pushed request waits for its person's browser, in seconds.
const LIFETIME: u64 = 60;

/// The requests that wait, each good for one use by its own client.
#[derive(Debug, Default)]
pub(crate) struct PushedRequests(Mutex<HashMap<String, (AuthorizationRequest, u64)>>);

impl PushedRequests {
    fn keep(&self, request: AuthorizationRequest, now: u64) -> String {
        let request_uri = format!("urn:ietf:params:oauth:request_uri:{}", random::token(24));
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (_, at)| is_good(*at, now));
        waiting.insert(request_uri.clone(), (request, now));
        request_uri
    }

    //= https://www.rfc-editor.org/rfc/rfc9126#section-4
    //# Since parts of the authorization request content, e.g., the "code_challenge" parameter value, are unique to a
    //# certain authorization request, the client MUST only use a "request_uri" value once.
    pub(crate) fn take(&self, request_uri: &str, client_id: &str, now: u64) -> Option<AuthorizationRequest> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (request, _) = waiting.get(request_uri)?;
        if request.client_id != client_id {
            return None;
        }
        waiting.remove(request_uri).filter(|(_, at)| is_good(*at, now)).map(|(request, _)| request)
    }
}

fn is_good(at: u64, now: u64) -> bool {
    now.saturating_sub(at) < LIFETIME * 1000
}

pub(crate) async fn push(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    match request(&state, &headers, &body) {
        Ok(request) => {
            let request_uri = state.pushed.keep(request, state.clock.now());
            let answer = json!({ "request_uri": request_uri, "expires_in": LIFETIME });
            no_store((StatusCode::CREATED, Json(answer)).into_response())
        }
        Err(refused) => refused.into_response(),
    }
}

fn request(state: &State, headers: &HeaderMap, body: &[u8]) -> Result<AuthorizationRequest, Refused> {
    let parameters = Parameters::from_body(headers, body).map_err(Refused::invalid_request)?;
    let client = authenticate(state, headers, &parameters)?;
    if parameters.get("client_id").is_none() {
        return Err(Refused::invalid_request("client_id is missing"));
    }
    //= https://www.rfc-editor.org/rfc/rfc9126#section-2.1
    //# The "request_uri" authorization request parameter is one exception, and it MUST NOT be provided.
    if parameters.get("request_uri").is_some() {
        return Err(Refused::invalid_request("request_uri has no place in a pushed request"));
    }
    let redirect_uri = authorize::redirect_uri(&client, parameters.get("redirect_uri"))
        .ok_or_else(|| Refused::invalid_request("redirect_uri is not registered"))?;
    let denied = |denied: authorize::Denied| Refused::new(denied.code, denied.description);
    authorize::check(state, &client, redirect_uri.to_owned(), &parameters).map_err(denied)
}
