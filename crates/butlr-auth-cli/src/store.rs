//! Where a profile's session is kept: the last login decided it, or the configuration does.

mod decision;
#[cfg(all(feature = "keyring", not(target_vendor = "apple")))]
mod keyring;
#[cfg(feature = "postgres")]
mod postgres;
mod recorded;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod url;

use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use butlr_auth::cache::SessionKey;
use butlr_auth::{ErrorKind, FileStore, MemoryStore, TokenStore};

pub(crate) use self::decision::Decision;
use self::recorded::Recorded;
use crate::config::{Config, StoreName, StoresConfig, UrlConfig};
use crate::context::Context;
use crate::environment::{self, Environment};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::secret::SecretPlace;

/// What is said of the place, and what each place needs to know.
#[derive(Clone, Debug)]
pub(crate) struct StoreChoice {
    configured: StoreName,
    said_by: &'static str,
    settings: StoresConfig,
    /// What the login that runs now has decided.
    decided: Option<StoreName>,
    /// Where the list of sessions has it.
    listed: Option<StoreName>,
}

impl StoreChoice {
    pub(crate) fn new(of_profile: Option<StoreName>, config: &Config, environment: &Environment) -> Self {
        let (configured, said_by) = match (of_profile, config.store) {
            (Some(name), _) => (name, "configuration: store of the profile"),
            (None, Some(name)) => (name, "configuration: store"),
            (None, None) => (StoreName::Auto, "default"),
        };
        Self { configured, said_by, settings: config.stores(environment), decided: None, listed: None }
    }
}

impl StoreChoice {
    /// The choice that was made for a session before.
    pub(crate) fn listed(&self, store: StoreName) -> Self {
        Self { listed: Some(store), ..self.clone() }
    }
}

/// What the last login decided of the session that is filed under `key`.
pub(crate) fn recorded_under(context: &Context, key: &SessionKey) -> Option<StoreName> {
    Recorded::read_under(context, key).map(|recorded| recorded.store)
}

/// Where a session is, and why there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Never [`StoreName::Auto`].
    pub(crate) name: StoreName,
    pub(crate) said_by: &'static str,
}

impl Place {
    /// What the last login was asked for wins, then what is configured, then what the last login decided by itself.
    /// Nothing is probed here: a session that is in one place is not looked for in another.
    pub(crate) fn of(context: &Context, profile: &Profile) -> Result<Self, Failure> {
        let choice = &profile.store;
        if let Some(name) = choice.decided {
            return Ok(Self { name, said_by: "this login" });
        }
        if let Some(name) = choice.listed {
            return Ok(Self { name, said_by: "its login" });
        }
        let recorded = Recorded::read(context, profile)?;
        Ok(match (recorded, choice.configured) {
            (Some(Recorded { store, asked: true, .. }), _) => Self { name: store, said_by: "login --store" },
            (_, name) if name != StoreName::Auto => Self { name, said_by: choice.said_by },
            (Some(Recorded { store, .. }), _) => Self { name: store, said_by: "decided at login" },
            (None, _) => Self { name: StoreName::File, said_by: choice.said_by },
        })
    }

    /// Whether there can be a session, told without making the place.
    fn may_hold_sessions(self, context: &Context) -> bool {
        let is_there = |name: &str| context.state_folder().is_ok_and(|folder| folder.join(name).exists());
        match self.name {
            StoreName::Auto | StoreName::File => is_there(SESSIONS),
            StoreName::Keyring => is_there(ENCRYPTED),
            _ => true,
        }
    }

    /// Says where, for people, and without what opens it.
    pub(crate) fn shown(self, context: &Context, profile: &Profile) -> String {
        let settings = &profile.store.settings;
        let in_state = |name: &str| {
            let folder = context.state_folder();
            folder.map_or_else(|failure| failure.message, |folder| folder.join(name).display().to_string())
        };
        match self.name {
            StoreName::Auto | StoreName::File => in_state(SESSIONS),
            StoreName::Keyring => format!("{}, its key in the keyring", in_state(ENCRYPTED)),
            StoreName::Sqlite => match &settings.sqlite.path {
                Some(path) => path.display().to_string(),
                None => in_state(DATABASE),
            },
            StoreName::Redis => server("redis", settings.redis.url.as_ref()),
            StoreName::Postgres => server("postgres", settings.postgres.url.as_ref()),
        }
    }
}

/// The folder of plain files, in that of the state.
const SESSIONS: &str = "sessions";

/// The folder of encrypted files, in that of the state.
const ENCRYPTED: &str = "encrypted";

/// The database, in the folder of the state.
const DATABASE: &str = "sessions.sqlite3";

fn server(kind: &str, url: Option<&UrlConfig>) -> String {
    match url {
        None => format!("{kind}, without a URL"),
        Some(UrlConfig::Plain(url)) => format!("{kind} at {}", url.host_str().unwrap_or_else(|| url.path())),
        Some(UrlConfig::Secret(secret)) => {
            format!("{kind}, its URL in {}", SecretPlace::of(secret.clone(), String::new).shown())
        }
    }
}

/// Opens the store of a profile, or one in memory for a client whose own session has nowhere to be: it loses a request
/// by that, and nothing else.
pub(crate) async fn open(context: &Context, profile: &Profile) -> Result<Arc<dyn TokenStore>, Failure> {
    match open_place(context, profile).await {
        Err(failure) if profile.is_the_clients_own() && is_nowhere(context, profile, &failure) => {
            context.tell_of_memory(&failure);
            Ok(Arc::new(MemoryStore::new()))
        }
        opened => opened,
    }
}

/// Whether a store failed because this user can write nothing there.
fn is_nowhere(context: &Context, profile: &Profile, failure: &Failure) -> bool {
    let is_in_files = Place::of(context, profile)
        .is_ok_and(|place| matches!(place.name, StoreName::Auto | StoreName::File));
    // It could not be made, or is somebody else's.
    let is_ours = |folder: PathBuf| {
        let owner = folder.join(SESSIONS).metadata().map(|metadata| metadata.uid());
        owner.is_ok_and(|owner| owner == rustix::process::geteuid().as_raw())
    };
    failure.exit == Exit::Storage || is_in_files && !context.state_folder().is_ok_and(is_ours)
}

/// Makes sure that a session can be written before a person is asked for anything. What a database allows shows when it
/// is asked.
async fn check_writable(context: &Context, profile: &Profile) -> Result<(), Failure> {
    let folder = match Place::of(context, profile)?.name {
        StoreName::Auto | StoreName::File => context.state_folder()?.join(SESSIONS),
        StoreName::Keyring => context.state_folder()?.join(ENCRYPTED),
        _ => return Ok(()),
    };
    // This makes the folder, or says why there can be none.
    open_place(context, profile).await?;
    let written = tempfile::tempfile_in(&folder).and_then(|mut file| {
        file.write_all(&[0; 4096])?;
        file.sync_data()
    });
    written.map_err(|error| {
        let message = format!("no session can be kept in {}: {error}", folder.display());
        Failure::new(ErrorKind::Storage, message).help_write(&error, environment::STATE_DIR)
    })
}

async fn open_place(context: &Context, profile: &Profile) -> Result<Arc<dyn TokenStore>, Failure> {
    let settings = &profile.store.settings;
    let place = Place::of(context, profile)?;
    tracing::debug!(
        session = profile.session,
        store = place.name.as_str(),
        because_of = place.said_by,
        "open a session"
    );
    Ok(match place.name {
        StoreName::Auto | StoreName::File => {
            Arc::new(FileStore::open(context.state_folder()?.join(SESSIONS))?)
        }
        #[cfg(all(feature = "keyring", not(target_vendor = "apple")))]
        StoreName::Keyring => {
            let opened = keyring::open(context, profile.store.decided.is_some()).await;
            Arc::new(opened.map_err(|failure| {
                failure.help(format!(
                    "or keep the session elsewhere: `{} --store file`",
                    profile.login_command()
                ))
            })?)
        }
        #[cfg(feature = "sqlite")]
        StoreName::Sqlite => Arc::new(sqlite::open(context, settings.sqlite.path.as_deref()).await?),
        #[cfg(feature = "redis")]
        StoreName::Redis => Arc::new(redis::open(context, &settings.redis).await?),
        #[cfg(feature = "postgres")]
        StoreName::Postgres => Arc::new(postgres::open(context, &settings.postgres).await?),
        #[cfg(not(all(
            feature = "keyring",
            feature = "postgres",
            feature = "redis",
            feature = "sqlite",
            not(target_vendor = "apple")
        )))]
        name => {
            let _ = settings;
            let name = name.as_str();
            let message = format!("this build of butlr-auth keeps no sessions in {name}");
            return Err(Failure::configuration(message).help(format!(
                "choose another store, or build it with `cargo install butlr-auth-cli --features {name}`"
            )));
        }
    })
}

/// The policy by which a server drops sessions, if the profile's is in one that does. What cannot be asked is not said:
/// whoever reads next says what is wrong.
pub(crate) async fn eviction(context: &Context, profile: &Profile) -> Option<String> {
    #[cfg(feature = "redis")]
    if Place::of(context, profile).is_ok_and(|place| place.name == StoreName::Redis) {
        let store = redis::open(context, &profile.store.settings.redis).await.ok()?;
        return store.eviction().await.ok().flatten();
    }
    let _ = (context, profile);
    None
}

/// Says what becomes of sessions there, and what helps.
pub(crate) fn evicts(policy: &str) -> String {
    format!(
        "this redis drops sessions when its memory is full (maxmemory-policy {policy}), and then nobody has logged in: set `maxmemory-policy noeviction` or one of the `volatile-` policies"
    )
}

/// Makes what a store needs before the first session is in it.
async fn prepare(context: &Context, profile: &Profile) -> Result<(), Failure> {
    match Place::of(context, profile)?.name {
        #[cfg(feature = "postgres")]
        StoreName::Postgres => postgres::prepare(context, profile, &profile.store.settings.postgres).await,
        _ => {
            if let Some(policy) = eviction(context, profile).await {
                context.output.warning(&evicts(&policy));
            }
            Ok(())
        }
    }
}
