//! The generic authorization server: RFC 6749 and its neighbours.

mod answer;
mod authorize;
mod client_authentication;
mod metadata;
mod pending;
mod revocation;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use answer::{Answer, Refused, TokenAnswer, no_store};
pub(crate) use pending::PendingRequests;
pub(crate) use token::{Exchange, refresh};

use crate::state::State;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/authorize", get(authorize::show).post(authorize::decide))
        .route("/token", post(token::exchange))
        .route("/revoke", post(revocation::revoke))
        .route("/introspect", post(revocation::introspect))
        // Where Auth0 has them, and so Butlr's dashboard.
        .route("/oauth/token", post(token::exchange))
        .route("/oauth/revoke", post(revocation::revoke))
        .route("/jwks", get(metadata::jwks))
        .route("/.well-known/oauth-authorization-server", get(metadata::authorization_server))
        .route("/.well-known/openid-configuration", get(metadata::openid))
}
