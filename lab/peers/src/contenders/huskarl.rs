use std::sync::Arc;

use ::huskarl::authorizer::HttpAuthorizer;
use ::huskarl::cache::{GrantTokenSource, InMemoryRefreshTokenStore, InMemoryTokenCache};
use ::huskarl::core::client_auth::ClientSecret;
use ::huskarl::core::secrets::{ProvidedSecret, SecretString};
use ::huskarl::grant::client_credentials::{ClientCredentialsGrant, ClientCredentialsGrantParameters};
use anyhow::{Context as _, Result};
use http::{HeaderValue, Method, Uri, header};
use huskarl_reqwest::ReqwestClient;

use crate::contender::Contender;
use crate::loopback::Loopback;

#[derive(Clone)]
pub(crate) struct Huskarl(Arc<HttpAuthorizer>);

impl Contender for Huskarl {
    const NAME: &'static str = "huskarl 0.11.10";

    async fn open(server: &Loopback) -> Result<Self> {
        let secret = ProvidedSecret::new(SecretString::new("secret"));
        let endpoint = format!("{}/token", server.base_url).parse()?;
        let grant = ClientCredentialsGrant::builder()
            .client_id("peers")
            .client_auth(ClientSecret::new(secret))
            .http_client(ReqwestClient::builder().build().await?)
            .token_endpoint(endpoint)
            .build();
        let source = GrantTokenSource::builder()
            .grant(grant)
            .grant_parameters(ClientCredentialsGrantParameters::builder().build())
            .refresh_store(InMemoryRefreshTokenStore::default())
            .build();
        let cache = InMemoryTokenCache::builder().source(source).build();
        Ok(Self(Arc::new(HttpAuthorizer::builder().cache(cache).build())))
    }

    async fn header(&self) -> Result<HeaderValue> {
        let resource = Uri::from_static("https://api.example.com/resource");
        let mut headers = self.0.get_headers(&Method::GET, &resource).await?;
        headers.remove(header::AUTHORIZATION).context("there is an Authorization header")
    }
}
