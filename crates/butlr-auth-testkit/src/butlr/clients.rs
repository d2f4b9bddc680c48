//! `/api/v1/client`: minting client credentials.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::bearer::Caller;
use crate::oauth::no_store;
use crate::registry::Client;
use crate::state::State;

#[derive(Deserialize)]
struct Wish {
    name: String,
    #[serde(default)]
    description: String,
}

pub(crate) async fn create(Extract(state): Extract<Arc<State>>, _: Caller, body: Bytes) -> Response {
    let wish = serde_json::from_slice::<Wish>(&body).ok().filter(|wish| !wish.name.trim().is_empty());
    let Some(wish) = wish else {
        return error(
            StatusCode::BAD_REQUEST,
            "INVALID_REQUEST",
            "name is required, and description may be given",
        );
    };
    let client = Client::mint(wish.name, wish.description);
    let answer = json!({
        "name": client.name,
        "description": client.description,
        "client_id": client.id,
        "client_secret": client.secret,
    });
    state.registry_mut().clients.push(client);
    no_store((StatusCode::CREATED, Json(answer)).into_response())
}

pub(crate) async fn list(Extract(state): Extract<Arc<State>>, _: Caller) -> Json<Value> {
    let registry = state.registry();
    Json(registry.clients.iter().filter(|client| client.minted).map(shown).collect())
}

pub(crate) async fn show(Extract(state): Extract<Arc<State>>, Path(id): Path<String>, _: Caller) -> Response {
    match state.registry().client(&id).filter(|client| client.minted) {
        Some(client) => Json(shown(client)).into_response(),
        None => not_found(),
    }
}

pub(crate) async fn delete(
    Extract(state): Extract<Arc<State>>,
    Path(id): Path<String>,
    _: Caller,
) -> Response {
    let mut registry = state.registry_mut();
    let before = registry.clients.len();
    registry.clients.retain(|client| !(client.minted && client.id == id));
    if registry.clients.len() == before {
        return not_found();
    }
    drop(registry);
    state.grants().revoke_client(&id);
    StatusCode::NO_CONTENT.into_response()
}

/// A client as it is shown after its making: without its secret, which is seen once, ever. Butlr's
/// documentation calls it `id` in lists and `client_id` at its making; both are here.
fn shown(client: &Client) -> Value {
    json!({ "id": client.id, "name": client.name, "description": client.description, "client_id": client.id })
}

fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "CLIENT_NOT_FOUND", "there is no such client")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}
