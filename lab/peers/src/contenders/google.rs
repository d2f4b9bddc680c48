use anyhow::{Context as _, Result};
use google_cloud_auth::credentials::{CacheableResource, Credentials, user_account};
use http::{Extensions, HeaderValue, header};

use crate::contender::Contender;
use crate::loopback::Loopback;

#[derive(Clone)]
pub(crate) struct Google(Credentials);

impl Contender for Google {
    const NAME: &'static str = "google-cloud-auth 1.18";
    const REMARK: &'static str = "a task per identity; a user's refresh token";

    async fn open(server: &Loopback) -> Result<Self> {
        let user = serde_json::json!({
            "type": "authorized_user", "client_id": "peers", "client_secret": "secret", "refresh_token": "refresh",
        });
        let builder = user_account::Builder::new(user).with_token_uri(format!("{}/token", server.base_url));
        Ok(Self(builder.build()?))
    }

    async fn header(&self) -> Result<HeaderValue> {
        match self.0.headers(Extensions::new()).await? {
            CacheableResource::New { mut data, .. } => {
                data.remove(header::AUTHORIZATION).context("there is an Authorization header")
            }
            CacheableResource::NotModified => anyhow::bail!("nothing was there before"),
        }
    }
}
