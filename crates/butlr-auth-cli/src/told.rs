//! What is told once a day, and not by every command.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use butlr_auth::Clock as _;
use butlr_auth::core::Fingerprint;

use crate::context::Context;
use crate::file;
use crate::profile::Profile;

const DAY: Duration = Duration::from_secs(86_400);

/// Whether it is time to tell this of the profile's session. What cannot be remembered is told each time.
pub(crate) fn is_due(context: &Context, profile: &Profile, what: &str) -> bool {
    let Some(path) = path(context, profile, what) else { return true };
    let told_at = path.symlink_metadata().and_then(|metadata| metadata.modified());
    let is_recent =
        told_at.is_ok_and(|at| context.clock.now().wall.duration_since(at).is_ok_and(|since| since < DAY));
    if !is_recent && let Some(folder) = path.parent() {
        let remembered = std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .and_then(|()| file::replace(&path, b"", 0o600));
        if let Err(error) = remembered {
            tracing::debug!(%error, "what was told could not be remembered");
        }
    }
    !is_recent
}

/// The file whose age says when it was told.
fn path(context: &Context, profile: &Profile, what: &str) -> Option<PathBuf> {
    let session = [what, &profile.session, &profile.origin().unwrap_or_default()].join("\n");
    let name = Fingerprint::of(session.as_bytes()).to_string();
    Some(context.state_folder().ok()?.join("told").join(name))
}
