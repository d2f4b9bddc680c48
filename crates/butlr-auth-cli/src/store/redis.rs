//! Sessions in Redis.

use butlr_auth::cache::RedisStore;

use super::url;
use crate::config::stores::RedisConfig;
use crate::context::Context;
use crate::failure::Failure;

pub(super) async fn open(context: &Context, settings: &RedisConfig) -> Result<RedisStore, Failure> {
    let url = url::fetch(context, "redis", settings.url.as_ref()).await?;
    let mut builder = RedisStore::builder(&url).wait_for_replicas(settings.wait_for_replicas);
    if let Some(prefix) = &settings.key_prefix {
        builder = builder.key_prefix(prefix);
    }
    if settings.synced {
        builder = builder.synced();
    }
    if let Some(path) = &settings.certificate_authorities {
        builder = builder.certificate_authorities(url::certificates(path)?);
    }
    if settings.danger_allow_plaintext {
        builder = builder.danger_allow_plaintext();
    }
    Ok(builder.build()?)
}
