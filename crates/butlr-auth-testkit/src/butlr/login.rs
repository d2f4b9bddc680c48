//! Butlr's token endpoints: JSON in, JSON out, nothing but the documented members.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::LOGIN_CLIENT;
use crate::Endpoint;
use crate::grants::Authorization;
use crate::oauth::{Exchange, Refused, refresh as refresh_grant};
use crate::parameters::Parameters;
use crate::random::fingerprint;
use crate::registry::{API_SCOPES, IDENTITY_SCOPES};
use crate::settings::API_AUDIENCE;
use crate::state::State;

/// `POST /api/v2/login`: body exactly `{"username","password"}`.
pub(crate) async fn password(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut exchange = Exchange::new(&state, Endpoint::ButlrLogin, Some("password"));
    exchange.event.client_id = Some(LOGIN_CLIENT.to_owned());
    let answer = json(&headers, &body).and_then(|body| {
        let (Some(username), Some(password), true) =
            (body.get("username"), body.get("password"), body.are_exactly(&["username", "password"]))
        else {
            return Err(Refused::invalid_request(
                "the body must hold username and password, and nothing else",
            ));
        };
        let user = state.registry().user(username, password).cloned();
        let wrong = || {
            Refused::invalid_grant("the username or the password is wrong")
                .with_status(StatusCode::UNAUTHORIZED)
        };
        let user = user.ok_or_else(wrong)?;
        let scope = IDENTITY_SCOPES.iter().chain(&API_SCOPES).map(|scope| (*scope).to_owned()).collect();
        let authorization = Authorization {
            client_id: LOGIN_CLIENT.to_owned(),
            subject: user.subject,
            username: Some(user.username),
            scope,
            audience: vec![API_AUDIENCE.to_owned()],
            nonce: None,
            auth_time: exchange.event.at,
        };
        exchange.log_in(authorization, true)
    });
    exchange.finish(answer)
}

/// `POST /api/v2/clients/login`: body exactly
/// `{"client_id","client_secret","audience","grant_type"}`.
pub(crate) async fn client_credentials(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut exchange = Exchange::new(&state, Endpoint::ButlrClientLogin, Some("client_credentials"));
    let answer = json(&headers, &body).and_then(|body| {
        exchange.event.client_id = body.get("client_id").map(str::to_owned);
        if !body.are_exactly(&["client_id", "client_secret", "audience", "grant_type"]) {
            return Err(Refused::invalid_request(
                "the body must hold client_id, client_secret, audience and grant_type, and nothing else",
            ));
        }
        if body.get("grant_type") != Some("client_credentials") {
            return Err(Refused::new("unsupported_grant_type", "grant_type must be client_credentials"));
        }
        if body.get("audience") != Some(API_AUDIENCE) {
            return Err(Refused::new("invalid_target", "no such audience").with_status(StatusCode::FORBIDDEN));
        }
        let (id, secret) = (body.get("client_id").unwrap_or_default(), body.get("client_secret"));
        let known = state.registry().client(id).is_some_and(|client| Some(client.secret.as_str()) == secret);
        if !known {
            return Err(Refused::invalid_client(false));
        }
        let authorization = Authorization {
            client_id: id.to_owned(),
            subject: id.to_owned(),
            username: None,
            scope: API_SCOPES.map(str::to_owned).to_vec(),
            audience: vec![API_AUDIENCE.to_owned()],
            nonce: None,
            auth_time: exchange.event.at,
        };
        exchange.log_in(authorization, false)
    });
    exchange.finish(answer)
}

/// `POST /api/v2/refresh`: `{"grant_type":"refresh_token","refresh_token":…}` and no client. Butlr
/// documents no such endpoint; a client finds it only when it is told of it.
pub(crate) async fn refresh(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut exchange = Exchange::new(&state, Endpoint::ButlrRefresh, Some("refresh_token"));
    let answer = json(&headers, &body).and_then(|body| {
        exchange.event.presented = body.get("refresh_token").map(fingerprint);
        if !body.are_exactly(&["grant_type", "refresh_token"])
            || body.get("grant_type") != Some("refresh_token")
        {
            return Err(Refused::invalid_request(
                "the body must hold grant_type, which is refresh_token, and refresh_token",
            ));
        }
        refresh_grant(&mut exchange, None, &body)
    });
    exchange.finish(answer)
}

fn json(headers: &HeaderMap, body: &[u8]) -> Result<Parameters, Refused> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.split(';').next().unwrap_or_default().trim() != "application/json" {
        return Err(Refused::invalid_request("the content type must be application/json"));
    }
    Parameters::from_json(body).map_err(Refused::invalid_request)
}
