//! A small Butlr API: its logins, its minted clients and the data behind them.

mod assets;
mod bearer;
mod clients;
mod estate;
mod graphql;
mod login;
mod reporting;
mod series;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

pub(crate) use estate::Estate;
pub(crate) use graphql::{ApiSchema, schema};

use crate::state::State;

/// The client that Butlr's password logins run under: they name none of their own.
pub(crate) const LOGIN_CLIENT: &str = "butlr-login";

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/api/v2/login", post(login::password))
        .route("/api/v2/clients/login", post(login::client_credentials))
        .route("/api/v2/refresh", post(login::refresh))
        .route("/api/v1/client", get(clients::list).post(clients::create))
        .route("/api/v1/client/{id}", get(clients::show).delete(clients::delete))
        .route("/api/v3/graphql", post(graphql::answer))
        .route("/api/v3/reporting", post(reporting::report))
        .route("/api/v4/reporting/stats", post(reporting::statistics))
}
