//! A provider of one's own: an authorization server is data.
//!
//! ```console
//! $ cargo run -p butlr-auth --example custom_provider
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use butlr_auth::{
    ClientAuthenticationMethod, ClientSecret, Dialect, Grant, GrantType, HttpTokenEndpoint, Provider, Session,
};
use butlr_auth_testkit::AuthorizationServer;

/// A server that takes forms, wants the client in the header and an audience with every request; for client
/// credentials it has an older endpoint that takes JSON.
fn provider(base_url: &str) -> Result<Provider, butlr_auth::Error> {
    let at = |path: &str| format!("{base_url}{path}").parse();
    let forms = Dialect::form()
        .with_client_authentication(ClientAuthenticationMethod::ClientSecretBasic)
        .with_parameter("audience", "https://butlrauth/");
    let json = Dialect::json()
        .with_client_authentication(ClientAuthenticationMethod::ClientSecretPost)
        .with_parameter("audience", "https://butlrauth/");
    Ok(Provider::new("example", at("/token")?, forms)
        .with_grant_endpoint(GrantType::ClientCredentials, at("/api/v2/clients/login")?, json)
        .with_revocation_endpoint(at("/revoke")?)
        .with_assumed_lifetime(Duration::from_secs(900)))
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let server = AuthorizationServer::start().await?;
    let client = server.client();
    let endpoint = HttpTokenEndpoint::builder(provider(server.base_url())?)
        .client_secret(client.id.clone(), ClientSecret::new(client.secret.clone())?)
        .build()?;

    let session = Session::builder(endpoint.clone()).grant(Grant::client_credentials()).open()?;
    println!("the client's own token: {}", session.token().await?.fingerprint());

    let person = Session::builder(endpoint).name("ada").open()?;
    let password = butlr_auth::Password::new(server.user().password.clone())?;
    person.login(&Grant::password(server.user().username.clone(), password)).await?;
    println!(
        "a person's: {}, renewed: {}",
        person.token().await?.fingerprint(),
        person.renew().await?.fingerprint()
    );

    if let Some(error) = person.logout().await?.not_revoked {
        return Err(error.into());
    }
    println!("token requests: {}", server.journal().token_requests());
    Ok(())
}
