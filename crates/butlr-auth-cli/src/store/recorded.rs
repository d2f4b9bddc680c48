//! Where the last login has put a session, if that is not what the configuration says: one small file per session.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use butlr_auth::ErrorKind;
use butlr_auth::cache::SessionKey;
use serde::{Deserialize, Serialize};

use crate::config::StoreName;
use crate::context::Context;
use crate::failure::Failure;
use crate::file::{self, File};
use crate::profile::Profile;

/// A few words.
const LIMIT: usize = 4096;

/// Which form of the file this version writes.
const SCHEMA: u32 = 1;

/// What every form of the file says first.
#[derive(Deserialize)]
struct Format {
    schema: u32,
}

/// What is remembered.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Recorded {
    schema: u32,
    pub(super) store: StoreName,
    /// Whether the login was asked for this place, and did not choose it by itself.
    pub(super) asked: bool,
}

impl Recorded {
    pub(super) fn new(store: StoreName, asked: bool) -> Self {
        Self { schema: SCHEMA, store, asked }
    }

    /// Reads what is remembered of a profile's session. What cannot be read is an error: another place may hold an
    /// older session, or be one that the person did not want.
    pub(super) fn read(context: &Context, profile: &Profile) -> Result<Option<Self>, Failure> {
        let path = match path(context, profile) {
            // Without a home nothing can have been remembered; with somebody else's, nothing that is this client's.
            Err(_) if profile.is_the_clients_own() || !context.has_a_place_for_state() => return Ok(None),
            path => path?,
        };
        let storage = |why: String| {
            Failure::new(ErrorKind::Storage, format!("{}: {why}", path.display()))
                .help(format!("run `{}`", profile.login_command()))
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            // Where it may not even look, this user has not put anything.
            Err(_) if profile.is_the_clients_own() && !path.exists() => return Ok(None),
            Err(error) => return Err(storage(error.to_string())),
        };
        if !file.is_ours() || file.mode() & 0o022 != 0 {
            let message = format!("others may write {}, which says where a session is", path.display());
            return Err(Failure::configuration(message)
                .help(format!("run `chmod 600 {}`", crate::shell::word(&path.display().to_string()))));
        }
        let text = file.read(LIMIT).map_err(|error| storage(error.to_string()))?;
        let damaged = || storage("it is damaged".to_owned());
        let Format { schema } = serde_json::from_str(&text).map_err(|_| damaged())?;
        if schema > SCHEMA {
            let message = format!("{}: a newer version wrote it", path.display());
            return Err(Failure::new(ErrorKind::Storage, message).help("update this program"));
        }
        let recorded: Self = serde_json::from_str(&text).map_err(|_| damaged())?;
        if recorded.schema != SCHEMA || recorded.store == StoreName::Auto {
            return Err(damaged());
        }
        Ok(Some(recorded))
    }

    /// What is remembered of the session that is filed under `key`, if it can be believed.
    pub(super) fn read_under(context: &Context, key: &SessionKey) -> Option<Self> {
        let file = File::open(&path_under(context, key).ok()?).ok()?;
        if !file.is_ours() || file.mode() & 0o022 != 0 {
            return None;
        }
        let recorded: Self = serde_json::from_str(&file.read(LIMIT).ok()?).ok()?;
        Some(recorded).filter(|recorded| recorded.store != StoreName::Auto)
    }

    /// Remembers.
    pub(super) fn write(self, context: &Context, profile: &Profile) -> Result<(), Failure> {
        let path = path(context, profile)?;
        let text = serde_json::to_vec(&self).map_err(|error| Failure::unexpected(error.to_string()))?;
        let folder = path.parent().unwrap_or(&path);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .and_then(|()| file::replace(&path, &text, 0o600))
            .map_err(|error| {
                Failure::new(ErrorKind::Storage, format!("could not write {}: {error}", path.display()))
            })
    }

    /// Forgets, if there is anything to forget.
    pub(super) fn remove(context: &Context, profile: &Profile) -> Result<(), Failure> {
        let path = match path(context, profile) {
            Err(_) if profile.is_the_clients_own() || !context.has_a_place_for_state() => return Ok(()),
            path => path?,
        };
        match std::fs::remove_file(&path) {
            // A file system that is read-only refuses before it looks whether the file is there.
            Err(error) if error.kind() != std::io::ErrorKind::NotFound && path.exists() => {
                Err(Failure::new(ErrorKind::Storage, format!("could not remove {}: {error}", path.display())))
            }
            _ => Ok(()),
        }
    }
}

fn path(context: &Context, profile: &Profile) -> Result<PathBuf, Failure> {
    path_under(context, &profile.session_key())
}

fn path_under(context: &Context, key: &SessionKey) -> Result<PathBuf, Failure> {
    Ok(context.state_folder()?.join("stores").join(format!("{}.json", key.digest())))
}
