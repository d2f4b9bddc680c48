//! Where a profile's session is kept.

use std::sync::Arc;

use butlr_auth::{FileStore, TokenStore};

use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;

/// Opens the store of a profile.
pub(crate) fn open(context: &Context, _profile: &Profile) -> Result<Arc<dyn TokenStore>, Failure> {
    Ok(Arc::new(FileStore::open(context.sessions_folder()?)?))
}

/// Says where, for people, and without what opens it.
pub(crate) fn shown(context: &Context, _profile: &Profile) -> String {
    context.sessions_folder().map_or_else(|failure| failure.message, |folder| folder.display().to_string())
}
