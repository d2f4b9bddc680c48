//! One line of a reqwest client: every request to the API has a token that is valid now.
//!
//! ```console
//! $ cargo run -p butlr-auth --example with_reqwest --features reqwest-middleware
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use butlr_auth::core::ManualClock;
use butlr_auth::http::AuthorizationHeader;
use butlr_auth::{Bearer, ClientSecret, Grant, HttpTokenEndpoint, Provider, Session};
use butlr_auth_testkit::AuthorizationServer;
use reqwest_middleware::ClientBuilder;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let server = AuthorizationServer::start().await?;
    let api = server.base_url(); // https://api.butlr.io

    let endpoint = HttpTokenEndpoint::builder(Provider::butlr_at(&api.parse()?)) // Provider::butlr()
        .client_secret(server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?)
        .build()?;
    // A clock that the example can turn forward. Yours is the system's: `Bearer::new(session)`.
    let clock = ManualClock::new();
    let session =
        Session::builder(endpoint).grant(Grant::client_credentials()).clock(clock.clone()).open()?;
    let bearer = Bearer::with_header(AuthorizationHeader::with_clock(session, clock.clone())).origin(api)?;

    let client = reqwest::Client::builder().no_proxy().build()?;
    let client = ClientBuilder::new(client).with(bearer).build();

    let sites = async || {
        let request = client.post(format!("{api}/api/v3/graphql")).header("content-type", "application/json");
        let response = request.body(r#"{"query":"{ sites { data { name } } }"}"#).send().await?;
        Ok::<_, Box<dyn Error>>(response.error_for_status()?.text().await?)
    };
    println!("{}", sites().await?);

    // The server stops to accept the token long before its time. Nobody notices.
    server.advance_time(Duration::from_secs(2000));
    clock.advance(Duration::from_secs(10));
    println!("{}", sites().await?);
    println!("token requests: {}", server.journal().token_requests());
    Ok(())
}
