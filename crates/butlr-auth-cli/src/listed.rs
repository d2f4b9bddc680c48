//! Under which words each profile has a session: one small file for each record, without secrets. A profile whose words
//! were changed has another record, and from this list come the names of what changed and the way to the record before.

mod before;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use butlr_auth::cache::SessionKey;
use butlr_auth::core::{Fingerprint, Purpose};
use butlr_auth::{ErrorKind, Scope, SessionState};
use serde::{Deserialize, Serialize};

use crate::config::{EndpointsConfig, GrantName, Parameters, Preset, ProfileConfig, SecretConfig, StoreName};
use crate::context::Context;
use crate::failure::Failure;
use crate::file::{self, File};
use crate::profile::Profile;
use crate::store::Place;

pub(crate) use before::{left_behind, left_in_folder};
pub(crate) use why::{explain, for_another, why};

/// Some URLs and names.
const LIMIT: usize = 64 * 1024;

/// The folder, in that of the state.
const FOLDER: &str = "words";

/// A record, and the words that it is filed under.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Listed {
    schema: u32,
    pub(crate) profile: String,
    /// The configuration that says these words, or said them.
    configuration: PathBuf,
    key: SessionKey,
    purpose: Purpose,
    /// The words by name, and of what they say a fingerprint.
    words: BTreeMap<String, Fingerprint>,
    scope: Scope,
    store: StoreName,
    settings: Settings,
}

/// What it takes to end the session at its server.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Settings {
    preset: Preset,
    base_url: Option<String>,
    issuer: Option<String>,
    grant: GrantName,
    client_id: Option<String>,
    client_auth: Option<String>,
    client_secret: Option<SecretConfig>,
    username: Option<String>,
    endpoints: EndpointsConfig,
}

impl Listed {
    fn of(context: &Context, profile: &Profile) -> Result<Self, Failure> {
        let described = &profile.described;
        Ok(Self {
            schema: 1,
            profile: profile.name.clone(),
            configuration: context.config()?.path,
            key: profile.session_key(),
            purpose: profile.purpose,
            words: profile.words.clone(),
            scope: profile.scope.clone(),
            store: Place::of(context, profile)?.name,
            settings: Settings {
                preset: profile.preset,
                base_url: profile.base_url.as_ref().map(|(url, _)| url.as_str().to_owned()),
                issuer: described.issuer.clone(),
                grant: profile.grant,
                client_id: described.client_id.clone(),
                client_auth: described.client_auth.map(|method| method.as_str().to_owned()),
                // A command is not believed from here: what runs is what the configuration says.
                client_secret: (described.client_secret.clone())
                    .filter(|secret| !matches!(secret, SecretConfig::Command(_) | SecretConfig::NotRun(_))),
                username: described.username.clone(),
                endpoints: described.endpoints.clone(),
            },
        })
    }

    /// Lists the record of a profile.
    pub(crate) fn write(context: &Context, profile: &Profile) -> Result<(), Failure> {
        let path = path(context, &profile.session_key())?;
        let text = serde_json::to_vec(&Self::of(context, profile)?)
            .map_err(|error| Failure::unexpected(error.to_string()))?;
        if std::fs::read(&path).is_ok_and(|listed| listed == text) {
            return Ok(());
        }
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

    /// Takes the record of a profile, which has ended, out of the list.
    pub(crate) fn remove(context: &Context, profile: &Profile) {
        let removed = path(context, &profile.session_key()).map(std::fs::remove_file);
        if let Ok(Err(error)) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(%error, profile = profile.name, "it stays in the list of sessions");
        }
    }

    /// Every record that is listed. One that cannot be believed is told of, and left out.
    pub(crate) fn all(context: &Context) -> Vec<Self> {
        let Ok(folder) = context.state_folder().map(|folder| folder.join(FOLDER)) else { return Vec::new() };
        let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        let mut paths: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|is| is == "json")).collect();
        paths.sort();
        let read = |path: PathBuf| match read(&path) {
            Ok(listed) => Some(listed),
            Err(why) => {
                context.output.warning(&format!("{} is not believed: {why}", path.display()));
                None
            }
        };
        paths.into_iter().filter_map(read).collect()
    }

    /// The records of earlier words: those that none of these profiles is filed under now.
    pub(crate) fn earlier(context: &Context, profiles: &[Profile]) -> Vec<Self> {
        let keys: Vec<SessionKey> = profiles.iter().map(Profile::session_key).collect();
        Self::all(context).into_iter().filter(|listed| !keys.contains(&listed.key)).collect()
    }

    /// Whether another configuration, which is still there, says these words.
    pub(crate) fn is_of_another(&self, configuration: &Path) -> bool {
        self.configuration != configuration && self.configuration.exists()
    }

    /// The profile as it was then. What is said of the network, of stores and of commands is what is said now.
    pub(crate) fn as_it_was(&self, context: &Context) -> Result<Profile, Failure> {
        let now = context.config()?.profiles.get(&self.profile).cloned().unwrap_or_default();
        let Settings {
            preset,
            base_url,
            issuer,
            grant,
            client_id,
            client_auth,
            client_secret,
            username,
            endpoints,
        } = self.settings.clone();
        let same_client = now.client_id == client_id && now.issuer == issuer;
        let client_secret = client_secret.or_else(|| now.client_secret.clone().filter(|_| same_client));
        let described = ProfileConfig {
            preset: Some(preset),
            base_url,
            issuer,
            grant: Some(grant),
            client_id,
            client_auth: client_auth.map(|method| method.parse()).transpose()?,
            client_secret,
            username,
            endpoints,
            body: None,
            params: Parameters::default(),
            scopes: Vec::new(),
            ..now
        };
        let mut profile = context.described(&self.profile, &described)?;
        profile.session.clone_from(&self.key.name);
        profile.purpose = self.purpose;
        profile.words.clone_from(&self.words);
        profile.scope = self.scope.clone();
        profile.store = profile.store.listed(self.store);
        if profile.session_key() != self.key {
            let message = format!("the list of sessions of profile `{}` does not fit together", self.profile);
            return Err(Failure::new(ErrorKind::Storage, message));
        }
        Ok(profile)
    }

    /// Opens the record of then, if there is a session in it.
    pub(crate) async fn if_alive(&self, context: &Context, now: Option<&Profile>) -> Option<Profile> {
        let opened = async {
            let mut profile = self.as_it_was(context)?;
            profile.earlier = Some(now.map_or_else(Vec::new, |now| self.differing(now)));
            let status = context.open(&profile).await?.status().await?;
            Ok::<_, Failure>((profile, status))
        };
        match opened.await {
            Ok((profile, status)) => {
                let is_there = !matches!(status.state, SessionState::NeedsLogin(_))
                    && (status.token.is_some() || !profile.is_the_clients_own());
                is_there.then_some(profile)
            }
            Err(failure) => {
                tracing::debug!(%failure, profile = self.profile, "a session of earlier words cannot be read");
                None
            }
        }
    }

    /// The names of the words that are others now.
    fn differing(&self, now: &Profile) -> Vec<String> {
        let mut names = Vec::new();
        if self.key.client_id != now.client_id {
            names.push("client id".to_owned());
        }
        if self.key.party != now.session_key().party {
            names.push("grant".to_owned());
        }
        if self.settings.preset != now.preset {
            names.push("preset".to_owned());
        }
        let all: BTreeSet<_> = self.words.keys().chain(now.words.keys()).collect();
        let changed = all.into_iter().filter(|name| self.words.get(*name) != now.words.get(*name));
        names.extend(changed.cloned());
        names
    }
}

fn path(context: &Context, key: &SessionKey) -> Result<PathBuf, Failure> {
    Ok(context.state_folder()?.join(FOLDER).join(format!("{}.json", key.digest())))
}

fn read(path: &Path) -> Result<Listed, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    if !file.is_ours() || file.mode() & 0o022 != 0 {
        return Err("others may write it".to_owned());
    }
    let text = file.read(LIMIT).map_err(|error| error.to_string())?;
    let listed: Listed = serde_json::from_str(&text).map_err(|_| "it is damaged".to_owned())?;
    if listed.schema != 1 {
        return Err("another version wrote it".to_owned());
    }
    Ok(listed)
}
