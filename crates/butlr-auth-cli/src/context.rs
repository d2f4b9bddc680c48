//! What every command works with.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use butlr_auth::{Error, Event, Grant, RefreshPolicy, Session, SystemClock, Token};

use crate::cli::Global;
use crate::config::{Config, ProfileConfig};
use crate::endpoint::ProfileEndpoint;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::listed::Listed;
use crate::output::Output;
use crate::ownership;
use crate::patience::Patience;
use crate::profile::{self, Choice, Profile};
use crate::servers::Servers;
use crate::store;

/// What a session needs to say what kept it, before the command's time is over.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Arguments, environment, configuration and streams of one run.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) environment: Arc<Environment>,
    pub(crate) output: Output,
    pub(crate) clock: SystemClock,
    pub(crate) patience: Patience,
    /// Every session that this run opened: what they have under way is finished before it ends.
    sessions: RefCell<Vec<Opened>>,
    told_of_memory: Cell<bool>,
}

/// A session that was opened.
#[derive(Clone, Debug)]
struct Opened {
    session: Session,
    profile: Profile,
    /// Whether it has got a token from the server.
    renewed: Arc<AtomicBool>,
}

impl Context {
    pub(crate) fn new(global: Global, environment: Environment, output: Output) -> Result<Self, Failure> {
        Ok(Self {
            patience: Patience::new(&global, &output),
            global,
            environment: Arc::new(environment),
            output,
            clock: SystemClock::new(),
            sessions: RefCell::default(),
            told_of_memory: Cell::new(false),
        })
    }

    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::load(&self.global, &self.environment)
    }

    /// The profile that this command acts as.
    pub(crate) fn profile(&self) -> Result<Profile, Failure> {
        self.choose(Choice { named: self.global.profile.as_deref(), ..Choice::default() })
    }

    pub(crate) fn choose(&self, choice: Choice<'_>) -> Result<Profile, Failure> {
        let profile = profile::choose(choice, &self.global, &self.config()?, &self.environment)?;
        tracing::debug!(
            profile = profile.name,
            because_of = profile.source.as_str(),
            grant = profile.grant.as_str(),
            server = profile.origin(),
            "chose a profile"
        );
        Ok(profile)
    }

    /// The profile that these settings would make, wherever they are from.
    pub(crate) fn described(&self, name: &str, described: &ProfileConfig) -> Result<Profile, Failure> {
        // What the command line says of a URL is for the profile that it acts as.
        let global = Global { base_url: None, ..self.global.clone() };
        profile::of_config(name, described, &global, &self.config()?, &self.environment)
    }

    /// Every session that this run has opened, and whose it is.
    pub(crate) fn opened(&self) -> Vec<(Session, Profile)> {
        let opened = self.sessions.borrow();
        opened.iter().map(|opened| (opened.session.clone(), opened.profile.clone())).collect()
    }

    /// Merges a profile given as an argument with one given by `-p`.
    pub(crate) fn named<'a>(&'a self, argument: Option<&'a str>) -> Result<Option<&'a str>, Failure> {
        match (argument, self.global.profile.as_deref()) {
            (Some(one), Some(other)) if one != other => {
                Err(Failure::usage(format!("two profiles are named, `{one}` and `{other}`")))
            }
            (one, other) => Ok(one.or(other)),
        }
    }

    /// Opens the profile's session. Nothing of it is read and no server is asked yet.
    pub(crate) async fn open(&self, profile: &Profile) -> Result<Session, Failure> {
        let endpoint = self.endpoint(profile);
        let mut policy = RefreshPolicy::default();
        // Whoever waits for another process does so until the deadline, and then learns what it waited for.
        policy.chain = self.patience.left().saturating_sub(LAST_WORD);
        let (output, name) = (self.output.clone(), profile.name.clone());
        let (is_own, revokes) = (profile.is_the_clients_own(), profile.revoke_replaced);
        let renewed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&renewed);
        let builder = Session::builder(endpoint)
            .store(store::open(self, profile).await?)
            .name(profile.session.clone())
            .scope(profile.scope.clone())
            .clock(self.clock.clone())
            .policy(policy)
            .revoke_replaced(revokes)
            .on_event(move |event| {
                if event == Event::Refreshed {
                    seen.store(true, Ordering::Relaxed);
                }
                match event {
                    Event::ReplacedLives | Event::ReplacedRevoked => {
                        tell_of_replaced(&output, revokes, event)
                    }
                    _ => tell(&output, &name, is_own, event),
                }
            });
        let builder =
            if profile.is_the_clients_own() { builder.grant(Grant::client_credentials()) } else { builder };
        let session = builder.open()?;
        self.sessions.borrow_mut().push(Opened {
            session: session.clone(),
            profile: profile.clone(),
            renewed,
        });
        Ok(session)
    }

    /// The profile's token endpoint. Nobody is asked yet.
    pub(crate) fn endpoint(&self, profile: &Profile) -> ProfileEndpoint {
        let servers = Servers::new(self.state_folder().ok());
        ProfileEndpoint::new(profile.clone(), Arc::clone(&self.environment), servers, self.patience.clone())
    }

    /// A token of a profile's session, within the time of the command.
    pub(crate) async fn token(
        &self,
        profile: &Profile,
        session: &Session,
        ask: impl AsyncFnMut() -> Result<Token, Error>,
    ) -> Result<Token, Failure> {
        Ok(self.patience.token(session, profile.is_the_clients_own(), ask).await?)
    }

    /// The variables whose values no other program is given.
    pub(crate) fn secret_variables(&self) -> Result<Vec<String>, Failure> {
        let mut names = vec![environment::CLIENT_SECRET.to_owned(), environment::PASSWORD.to_owned()];
        names.extend(self.config()?.secret_variables());
        Ok(names)
    }

    /// Where sessions are kept, and what is remembered of them.
    pub(crate) fn state_folder(&self) -> Result<PathBuf, Failure> {
        let folder = match self.environment.path(environment::STATE_DIR) {
            Some(state) => state,
            None => self.environment.xdg("XDG_STATE_HOME", ".local/state")?.join("butlr-auth"),
        };
        ownership::check(&folder)?;
        Ok(folder)
    }

    /// Whether the environment names any place for them.
    pub(crate) fn has_a_place_for_state(&self) -> bool {
        self.environment.is_set(environment::STATE_DIR)
            || self.environment.xdg("XDG_STATE_HOME", ".local/state").is_ok()
    }

    /// Says, once, that a client's own session is kept nowhere.
    pub(crate) fn tell_of_memory(&self, why: &Failure) {
        if !self.told_of_memory.replace(true) {
            self.output.warning(&format!(
                "{why}: the token is not kept, and each command asks for a new one; set BUTLR_AUTH_STATE_DIR to a folder that this user can write, or see `butlr-auth doctor`"
            ));
        }
    }

    /// Waits until no session has anything under way.
    pub(crate) async fn shutdown(&self) {
        let sessions = self.sessions.borrow().clone();
        for Opened { session, profile, renewed } in sessions {
            session.shutdown().await;
            // A person's session is listed by its login. A client's needs none, and goes on if it cannot be listed.
            if profile.is_the_clients_own()
                && renewed.swap(false, Ordering::Relaxed)
                && let Err(failure) = Listed::write(self, &profile)
            {
                tracing::debug!(%failure, profile = profile.name, "the session is not listed");
            }
        }
    }
}

/// Tells what became of the session that a login replaced.
fn tell_of_replaced(output: &Output, revokes: bool, event: Event) {
    match event {
        Event::ReplacedRevoked => output.note("the session before was revoked at the server"),
        _ if revokes => output.warning(
            "the session before could not be revoked: the server honours its tokens until they expire",
        ),
        _ => output.note(
            "the session before lives on at the server until it expires; `revoke_replaced = true` in the profile has a \
             login revoke it",
        ),
    }
}

/// Tells a person what was survived and may need them later.
fn tell(output: &Output, profile: &str, is_own: bool, event: Event) {
    match event {
        Event::StaleServed => output.warning(&format!(
            "renewing the token of `{profile}` failed; this one still works until it expires"
        )),
        Event::NotPersisted if is_own => output.warning(&format!(
            "the token of `{profile}` could not be stored, and the next command asks for a new one; set BUTLR_AUTH_STATE_DIR to a folder that this user can write"
        )),
        Event::NotPersisted => output.warning(&format!(
            "the new token of `{profile}` could not be stored: the next command may have to log in again"
        )),
        Event::RefreshRefusedEarly => output.warning(&format!(
            "the server refused the refresh token of `{profile}` before its time: it may have been revoked or stolen"
        )),
        _ => {}
    }
}
