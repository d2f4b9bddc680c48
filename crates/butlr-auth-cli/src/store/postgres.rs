//! Sessions in PostgreSQL.

use butlr_auth::cache::PostgresStore;
use butlr_auth::{ErrorKind, TokenStore as _};

use super::url;
use crate::config::stores::PostgresConfig;
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;

pub(super) async fn open(context: &Context, settings: &PostgresConfig) -> Result<PostgresStore, Failure> {
    let url = url::fetch(context, "postgres", settings.url.as_ref()).await?;
    let mut builder = PostgresStore::builder(&url);
    if let Some(table) = &settings.table {
        builder = builder.table(table);
    }
    if let Some(path) = &settings.certificate_authorities {
        builder = builder.certificate_authorities(url::certificates(path)?);
    }
    if settings.danger_allow_plaintext {
        builder = builder.danger_allow_plaintext();
    }
    Ok(builder.build()?)
}

/// Makes the table if there is none. Only then: who may use a table may not make one, as often as not.
pub(super) async fn prepare(
    context: &Context,
    profile: &Profile,
    settings: &PostgresConfig,
) -> Result<(), Failure> {
    let store = open(context, settings).await?;
    match store.load(&profile.session_key()).await {
        Err(error) if error.kind() == ErrorKind::Configuration => Ok(store.create_schema().await?),
        // Whatever else is wrong is said by whoever reads next.
        _ => Ok(()),
    }
}
