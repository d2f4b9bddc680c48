//! One request of each kind, by the clients that are under test.

use std::time::Duration;

use butlr_auth_core::{
    AccessToken, ClientSecret, Dialect, Error, Grant, Provider, RefreshToken, Revocation, Scope, Secret,
    TokenEndpoint as _,
};
use butlr_auth_http::{Discovery, HttpTokenEndpoint, JwksEndpoint};
use butlr_auth_testkit::hostile::{Sent, Surface};
use butlr_auth_verify::KeySet;

pub(super) async fn ask(
    surface: Surface,
    url: &str,
    sent: Sent<'_>,
    deadline: Duration,
) -> Result<(), Error> {
    if surface == Surface::Discovery {
        return Discovery::builder(url).timeout(deadline).build()?.metadata().await.map(drop);
    }
    let at = |path: &str| format!("{url}{path}").parse();
    if surface == Surface::Jwks {
        let document = JwksEndpoint::at(at("/jwks")?).timeout(deadline).read().await?;
        return KeySet::from_json(&document.body).map(drop);
    }
    let provider = Provider::new("hostile", at("/token")?, Dialect::form())
        .with_device_authorization_endpoint(at("/device")?)
        .with_introspection_endpoint(at("/introspect")?)
        .with_revocation_endpoint(at("/revoke")?);
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret(sent.client_id, ClientSecret::new(sent.client_secret)?)
        .timeout(deadline)
        .connect_timeout(deadline)
        .build()?;
    match surface {
        Surface::Device => endpoint.authorize_device(Scope::default()).await.map(drop),
        Surface::Introspection => endpoint.introspect(&AccessToken::new(sent.token)?).await.map(drop),
        Surface::Revocation => {
            endpoint.revoke(Revocation::RefreshToken(&RefreshToken::new(sent.token)?)).await
        }
        _ => endpoint.exchange(&Grant::refresh_token(Secret::new(sent.token)?)).await.map(drop),
    }
}
