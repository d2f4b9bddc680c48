//! A resource server: it answers whoever brings a good access token with the right scope.
//!
//! ```console
//! $ cargo run -p butlr-auth --example resource_server --features axum
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use axum::Router;
use axum::routing::get;
use butlr_auth::verify::{VerifiedAccessToken, Verifier, VerifyError};
use butlr_auth::{ClientSecret, Grant, HttpTokenEndpoint, TokenEndpoint};
use butlr_auth_testkit::AuthorizationServer;

/// The handler: without a good token it is not called.
async fn spaces(token: VerifiedAccessToken) -> Result<String, VerifyError> {
    token.require_scope("read:spaces")?;
    Ok(format!("the spaces of {}", token.subject().unwrap_or("nobody")))
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    // An authorization server that the example brings along.
    let server = AuthorizationServer::start().await?;

    // The resource server.
    let verifier = Verifier::builder(server.issuer()).audience(server.audience()).build()?;
    let app = Router::new().route("/spaces", get(spaces)).with_state(verifier);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/spaces", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, app).await });

    // A client of both.
    let secret = ClientSecret::new(server.client().secret.clone())?;
    let endpoint = HttpTokenEndpoint::discover(server.issuer()).await?;
    let endpoint = endpoint.client_secret(server.client().id.as_str(), secret).build()?;
    let token_for = async |scope: &str| {
        let grant = Grant::client_credentials().with_scope(scope.parse()?);
        Ok::<_, butlr_auth::Error>(endpoint.exchange(&grant).await?.access_token)
    };
    let http = reqwest::Client::builder().no_proxy().build()?;
    for (what, token, status) in [
        ("the right scope", Some(token_for("read:spaces").await?), 200),
        ("another scope", Some(token_for("read:sensors").await?), 403),
        ("no token", None, 401),
    ] {
        let request = http.get(&url);
        let request = match &token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        };
        let response = request.send().await?;
        if response.status() != status {
            return Err(format!("{what}: {}", response.status()).into());
        }
        let challenge = response.headers().get("www-authenticate");
        let challenge = challenge.and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned();
        println!("{what}: {} {challenge} {}", response.status(), response.text().await?);
    }
    Ok(())
}
