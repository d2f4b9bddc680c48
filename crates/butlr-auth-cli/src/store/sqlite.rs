//! Sessions in an SQLite database.

use std::path::Path;

use butlr_auth::ErrorKind;
use butlr_auth::cache::SqliteStore;

use super::DATABASE;
use crate::context::Context;
use crate::failure::Failure;

pub(super) async fn open(context: &Context, path: Option<&Path>) -> Result<SqliteStore, Failure> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => context.state_folder()?.join(DATABASE),
    };
    // Another process may be making it.
    let opened = tokio::task::spawn_blocking(|| SqliteStore::open(path)).await;
    Ok(opened.map_err(|_| Failure::new(ErrorKind::Storage, "the database could not be opened"))??)
}
