//! `/_test/…`: what the methods of the server do, for other processes. Open only when asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Endpoint;
use crate::fault::Fault;
use crate::state::State;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/_test/faults", post(inject).delete(clear))
        .route("/_test/journal", get(journal))
        .route("/_test/clock", post(advance))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

async fn inject(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = refusal(&headers) {
        return refusal;
    }
    match serde_json::from_slice::<Fault>(&body) {
        Ok(fault) => {
            state.faults.inject(fault);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(problem) => (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    }
}

async fn clear(Extract(state): Extract<Arc<State>>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&headers) {
        return refusal;
    }
    state.faults.clear();
    StatusCode::NO_CONTENT.into_response()
}

async fn advance(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = refusal(&headers) {
        return refusal;
    }
    match serde_json::from_slice::<Advance>(&body) {
        Ok(advance) => {
            state.clock.advance(Duration::from_millis(advance.advance_ms));
            Json(json!({ "now_ms": state.clock.now() })).into_response()
        }
        Err(problem) => (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    }
}

async fn journal(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    let journal = state.journal.snapshot();
    let requests: Map<String, Value> = Endpoint::ALL
        .into_iter()
        .filter_map(|endpoint| {
            Some((
                serde_json::to_value(endpoint).ok()?.as_str()?.to_owned(),
                journal.requests(endpoint).into(),
            ))
        })
        .collect();
    Json(
        json!({ "events": journal.events(), "requests": requests, "token_requests": journal.token_requests() }),
    )
}

/// A page in a browser must not steer the server: it cannot send JSON elsewhere without asking
/// first, and what it sends carries its origin.
fn refusal(headers: &HeaderMap) -> Option<Response> {
    let json =
        headers.get(CONTENT_TYPE).is_none_or(|value| value.as_bytes().starts_with(b"application/json"));
    (headers.contains_key(ORIGIN) || !json).then(|| StatusCode::FORBIDDEN.into_response())
}
