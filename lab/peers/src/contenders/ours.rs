use anyhow::Result;
use butlr_auth_cache::Session;
use butlr_auth_core::{ClientSecret, Dialect, Grant, Provider};
use butlr_auth_http::{AuthorizationHeader, HttpTokenEndpoint};
use http::HeaderValue;

use crate::contender::Contender;
use crate::loopback::Loopback;

#[derive(Clone)]
pub(crate) struct Ours(AuthorizationHeader);

impl Contender for Ours {
    const NAME: &'static str = "butlr-auth";

    async fn open(server: &Loopback) -> Result<Self> {
        let url = format!("{}/token", server.base_url).parse()?;
        let provider = Provider::new("peers", url, Dialect::form());
        let secret = ClientSecret::new("secret")?;
        let endpoint = HttpTokenEndpoint::builder(provider).client_secret("peers", secret).build()?;
        let session = Session::builder(endpoint).grant(Grant::client_credentials()).open()?;
        Ok(Self(AuthorizationHeader::new(session)))
    }

    async fn header(&self) -> Result<HeaderValue> {
        Ok(self.0.get().await?)
    }
}
