//! `/revoke` (RFC 7009) and `/introspect` (RFC 7662).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::client_authentication::authenticate;
use super::{Refused, no_store};
use crate::Endpoint;
use crate::journal::{Event, EventKind};
use crate::parameters::Parameters;
use crate::random::fingerprint;
use crate::registry::Client;
use crate::state::State;

pub(crate) async fn revoke(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    match token_and_client(&state, &headers, &body) {
        Ok((token, client)) => {
            revoke_token(&state, &token, &client);
            //= https://www.rfc-editor.org/rfc/rfc7009#section-2.2
            //# The authorization server responds with HTTP status code 200 if the
            //# token has been revoked successfully or if the client submitted an
            //# invalid token.
            no_store(StatusCode::OK.into_response())
        }
        Err(refused) => refused.into_response(),
    }
}

fn revoke_token(state: &State, token: &str, client: &Client) {
    let mut event = Event {
        kind: EventKind::Revocation,
        endpoint: Some(Endpoint::Revoke),
        at: state.clock.now(),
        client_id: Some(client.id.clone()),
        outcome: "unknown_token".to_owned(),
        ..Event::default()
    };
    let mut grants = state.grants();
    if let Some(place) = grants.place(token).filter(|place| place.authorization.client_id == client.id) {
        //= https://www.rfc-editor.org/rfc/rfc7009#section-2.1
        //# If the particular
        //# token is a refresh token and the authorization server supports the
        //# revocation of access tokens, then the authorization server SHOULD
        //# also invalidate all access tokens based on the same authorization
        //# grant
        grants.revoke_family(place.family);
        event.presented = Some(fingerprint(token));
        event.family = Some(place.family);
        event.generation = Some(place.generation);
        event.outcome = "revoked".to_owned();
    } else {
        drop(grants);
        if let Ok(claims) = state.read_access_token(token)
            && claims.client_id == client.id
        {
            state.grants().revoke_access_token(&claims.jti);
            event.access_token = Some(fingerprint(token));
            event.outcome = "revoked".to_owned();
        }
    }
    state.journal.record(event);
}

pub(crate) async fn introspect(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match token_and_client(&state, &headers, &body) {
        //= https://www.rfc-editor.org/rfc/rfc7662#section-2.1
        //# To prevent token scanning attacks, the endpoint MUST also require
        //# some form of authorization to access this endpoint
        Ok((_, client)) if client.is_public() => Refused::invalid_client(false).into_response(),
        Ok((token, _)) => no_store(Json(introspection(&state, &token)).into_response()),
        Err(refused) => refused.into_response(),
    }
}

fn introspection(state: &State, token: &str) -> Value {
    let now = state.clock.now();
    let grants = state.grants();
    if let Some(place) = grants.place(token) {
        if !grants.is_live(token, now, &state.settings) {
            return json!({ "active": false });
        }
        let granted = &place.authorization;
        return json!({
            "active": true,
            "client_id": granted.client_id,
            "username": granted.username,
            "sub": granted.subject,
            "scope": granted.scope.join(" "),
            "iss": state.base_url,
        });
    }
    drop(grants);
    match state.read_access_token(token) {
        Ok(claims) => {
            let mut answer = json!({ "active": true, "token_type": "Bearer" });
            if let (Some(answer), Ok(Value::Object(claims))) =
                (answer.as_object_mut(), serde_json::to_value(claims))
            {
                answer.extend(claims);
            }
            answer
        }
        Err(_) => json!({ "active": false }),
    }
}

fn token_and_client(state: &State, headers: &HeaderMap, body: &Bytes) -> Result<(String, Client), Refused> {
    let parameters = Parameters::from_body(headers, body).map_err(Refused::invalid_request)?;
    let client = authenticate(state, headers, &parameters)?;
    let token = parameters.get("token").ok_or_else(|| Refused::invalid_request("token is missing"))?;
    Ok((token.to_owned(), client))
}
