//! The generic authorization server: RFC 6749 and its neighbours.

mod answer;
mod authorize;
mod client_authentication;
mod device;
mod device_codes;
mod metadata;
mod page;
mod pending;
mod pushed;
mod revocation;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use answer::{Answer, Refused, TokenAnswer, no_store};
pub(crate) use device_codes::DeviceCodes;
pub(crate) use pending::{AuthorizationRequest, Tickets};
pub(crate) use pushed::PushedRequests;
pub(crate) use token::{Exchange, refresh};

use crate::state::State;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/authorize", get(authorize::show).post(authorize::decide))
        .route("/token", post(token::exchange))
        .route("/revoke", post(revocation::revoke))
        .route("/introspect", post(revocation::introspect))
        .route("/par", post(pushed::push))
        .route("/device_authorization", post(device::authorize))
        .route("/device", get(device::show).post(device::decide))
        // Where Auth0 has them, and so Butlr's dashboard.
        .route("/oauth/token", post(token::exchange))
        .route("/oauth/revoke", post(revocation::revoke))
        .route("/jwks", get(metadata::jwks))
        .route("/.well-known/oauth-authorization-server", get(metadata::authorization_server))
        .route("/.well-known/openid-configuration", get(metadata::openid))
}
