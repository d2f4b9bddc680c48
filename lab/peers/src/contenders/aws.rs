use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::identity::http::Token;
use aws_smithy_runtime_api::client::identity::{
    Identity, IdentityFuture, ResolveCachedIdentity as _, ResolveIdentity, SharedIdentityCache,
    SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;
use http::HeaderValue;

use crate::contender::{Contender, bearer};
use crate::loopback::Loopback;

/// The identity cache of the AWS SDK around a resolver that asks a token endpoint.
#[derive(Clone)]
pub(crate) struct Aws(Arc<Parts>);

struct Parts {
    cache: SharedIdentityCache,
    resolver: SharedIdentityResolver,
    components: RuntimeComponents,
    config: ConfigBag,
}

#[derive(Debug)]
struct Resolver {
    client: reqwest::Client,
    url: String,
}

#[derive(serde::Deserialize)]
struct Answer {
    access_token: String,
    expires_in: u64,
}

impl Resolver {
    async fn ask(&self) -> Result<Identity, BoxError> {
        let request = self.client.post(&self.url).body("grant_type=client_credentials");
        let answer: Answer = request.send().await?.error_for_status()?.json().await?;
        let expiry = SystemTime::now() + Duration::from_secs(answer.expires_in);
        Ok(Identity::new(Token::new(answer.access_token, Some(expiry)), Some(expiry)))
    }
}

impl ResolveIdentity for Resolver {
    fn resolve_identity<'a>(&'a self, _: &'a RuntimeComponents, _: &'a ConfigBag) -> IdentityFuture<'a> {
        IdentityFuture::new(self.ask())
    }
}

impl Contender for Aws {
    const NAME: &'static str = "aws-smithy-runtime 1.16.2";
    const REMARK: &'static str = "its identity cache, around a bare request";

    async fn open(server: &Loopback) -> Result<Self> {
        let resolver = Resolver { client: reqwest::Client::new(), url: format!("{}/token", server.base_url) };
        let components = RuntimeComponentsBuilder::for_tests()
            .with_time_source(Some(SharedTimeSource::new(SystemTimeSource::new())))
            .with_sleep_impl(Some(SharedAsyncSleep::new(TokioSleep::new())))
            .build()?;
        Ok(Self(Arc::new(Parts {
            cache: IdentityCache::lazy().build(),
            resolver: SharedIdentityResolver::new(resolver),
            components,
            config: ConfigBag::base(),
        })))
    }

    async fn header(&self) -> Result<HeaderValue> {
        let Parts { cache, resolver, components, config } = &*self.0;
        let identity = cache.resolve_cached_identity(resolver.clone(), components, config).await;
        let identity = identity.map_err(|error| anyhow!("{error}"))?;
        let token = identity.data::<Token>().ok_or_else(|| anyhow!("the identity is no token"))?;
        bearer(token.token())
    }
}
