//! What sessions tell a monitoring system, scraped over HTTP as Prometheus does it.
//!
//! ```console
//! $ cargo run -p butlr-auth --example metrics --features metrics
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::net::TcpListener;

use butlr_auth::{ClientSecret, Grant, HttpTokenEndpoint, Provider, Session};
use butlr_auth_testkit::{AuthorizationServer, Fault};
use metrics_exporter_prometheus::PrometheusBuilder;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    // Yours has a fixed port; this one is whichever is free.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    PrometheusBuilder::new().with_http_listener(address).install()?;
    butlr_auth::metrics::describe();

    let server = AuthorizationServer::start().await?;
    let provider = Provider::butlr_at(&server.base_url().parse()?); // Provider::butlr()
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret(server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?)
        .build()?;
    let open = || Session::builder(endpoint.clone()).grant(Grant::client_credentials()).open();

    open()?.token().await?;
    server.inject(Fault::status(503));
    if let Err(error) = open()?.token().await {
        println!("# one exchange failed: {error}");
    }

    let scraped = reqwest::get(format!("http://{address}/metrics")).await?.error_for_status()?.text().await?;
    print!("{scraped}");
    for outcome in ["granted", "server_failed"] {
        if !scraped.contains(&format!("outcome=\"{outcome}\"}} ")) {
            return Err(format!("no exchange is counted as {outcome}").into());
        }
    }
    Ok(())
}
