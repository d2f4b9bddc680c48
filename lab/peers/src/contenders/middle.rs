use ::middle::{Authorizer, BasicClientCredentialAuthorizer};
use anyhow::Result;
use http::HeaderValue;

use crate::contender::Contender;
use crate::loopback::Loopback;

#[derive(Clone)]
pub(crate) struct Middle(BasicClientCredentialAuthorizer);

impl Contender for Middle {
    const NAME: &'static str = "middle 0.5.0";
    const REMARK: &'static str =
        "a task per identity; asks when it is made; nobody waits, also not for a token";
    const EAGER: bool = true;

    async fn open(server: &Loopback) -> Result<Self> {
        let url = format!("{}/token", server.base_url).parse()?;
        let builder = BasicClientCredentialAuthorizer::basic_builder("peers", "secret", url);
        Ok(Self(builder.build().await?))
    }

    async fn header(&self) -> Result<HeaderValue> {
        Ok(HeaderValue::clone(&*self.0.authorization_header()?))
    }
}
