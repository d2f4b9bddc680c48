//! A service that calls an API on behalf of its own: one session for all requests that come in.
//!
//! ```console
//! $ cargo run -p butlr-auth --example axum_service --features reqwest-middleware
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, serve};
use butlr_auth::{Bearer, ClientSecret, Grant, HttpTokenEndpoint, Provider, Session};
use butlr_auth_testkit::AuthorizationServer;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::net::TcpListener;

/// What every handler has at hand. Clones share the session.
#[derive(Clone)]
struct Api {
    client: ClientWithMiddleware,
    base_url: String,
}

async fn rooms(State(api): State<Api>) -> Result<String, (StatusCode, String)> {
    let unavailable = |error: &dyn Error| (StatusCode::BAD_GATEWAY, error.to_string());
    let request = api.client.post(format!("{}/api/v3/graphql", api.base_url));
    let request = request.header("content-type", "application/json");
    let response = request.body(r#"{"query":"{ rooms { data { name } } }"}"#).send().await;
    // An error of the token says what helps, and never what the token is.
    response.map_err(|error| unavailable(&error))?.text().await.map_err(|error| unavailable(&error))
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let server = AuthorizationServer::start().await?;
    let base_url = server.base_url().to_owned(); // https://api.butlr.io

    let endpoint = HttpTokenEndpoint::builder(Provider::butlr_at(&base_url.parse()?)) // Provider::butlr()
        .client_secret(server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?)
        .build()?;
    let session = Session::builder(endpoint).grant(Grant::client_credentials()).open()?;
    let bearer = Bearer::new(session.clone()).origin(&base_url)?.graphql();
    let client = ClientBuilder::new(reqwest::Client::builder().no_proxy().build()?).with(bearer).build();

    let router = Router::new().route("/rooms", get(rooms)).with_state(Api { client, base_url });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/rooms", listener.local_addr()?);
    let service = tokio::spawn(async move { serve(listener, router).await });

    // Ten visitors at once.
    let visitors: Vec<_> = (0..10).map(|_| tokio::spawn(reqwest::get(url.clone()))).collect();
    for visitor in visitors {
        let response = visitor.await??.error_for_status()?;
        println!("{} bytes", response.text().await?.len());
    }
    println!("token requests: {}", server.journal().token_requests());

    service.abort();
    session.shutdown().await; // nothing is under way any more
    Ok(())
}
