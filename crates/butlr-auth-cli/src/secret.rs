//! Where secrets come from: never from arguments.

mod command;

use std::path::{Path, PathBuf};
use std::time::Duration;

use butlr_auth::ErrorKind;
use butlr_auth::core::secret_file::{Safe, Unsafe};
use zeroize::Zeroizing;

use crate::config::SecretConfig;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::file::File;
use crate::keyring;
use crate::shell;

/// No secret is longer: 64 KiB.
const LIMIT: usize = 64 * 1024;

/// Where a client's secret is to be found when a request needs it.
#[derive(Clone, Debug)]
pub(crate) enum SecretPlace {
    Nowhere,
    Variable(String),
    File(PathBuf),
    Command(Vec<String>),
    /// A command that the configuration names, which others may write: it is not run.
    NotRun(PathBuf),
    /// In the keyring, under this name.
    Keyring(String),
    /// Given for this one login.
    Given(Given),
}

/// A secret that was handed in, never shown.
#[derive(Clone)]
pub(crate) struct Given(pub(crate) Zeroizing<String>);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

impl SecretPlace {
    /// The place that the configuration names; `name` is what it is called in a keyring.
    pub(crate) fn of(config: SecretConfig, name: impl FnOnce() -> String) -> Self {
        match config {
            SecretConfig::Env(name) => Self::Variable(name),
            SecretConfig::File(path) => Self::File(path),
            SecretConfig::Command(words) => Self::Command(words),
            SecretConfig::NotRun(path) => Self::NotRun(path),
            SecretConfig::Keyring => Self::Keyring(name()),
        }
    }

    pub(crate) fn is_nowhere(&self) -> bool {
        matches!(self, Self::Nowhere)
    }

    /// Says where, for people.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Nowhere => "none".to_owned(),
            Self::Variable(name) => format!("environment variable {name}"),
            Self::File(path) => format!("file {}", path.display()),
            Self::Command(words) => format!("command {}", words.first().map_or("", String::as_str)),
            Self::NotRun(_) => "command, which is not run".to_owned(),
            Self::Keyring(name) => format!("keyring, {name}"),
            Self::Given(_) => "given at login".to_owned(),
        }
    }

    /// Fetches the secret, which is `what`; `None` if there is none. A command has this long.
    pub(crate) async fn fetch(
        &self,
        what: &str,
        environment: &Environment,
        within: Duration,
    ) -> Result<Option<Zeroizing<String>>, Failure> {
        match self {
            Self::Nowhere => Ok(None),
            Self::Given(given) => Ok(Some(given.0.clone())),
            Self::Variable(name) => match environment.text(name)? {
                Some(secret) => Ok(Some(Zeroizing::new(secret))),
                None => Err(Failure::new(
                    ErrorKind::LoginRequired,
                    format!("the {what} is configured to be in {name}, which is not set"),
                )
                .help(format!("set {name}"))),
            },
            Self::File(path) => from_file(path).map(Some),
            Self::Command(words) => command::fetch(what, words, within).await.map(Some),
            Self::NotRun(path) => Err(not_run(what, path)),
            Self::Keyring(name) => match keyring::read(name).await? {
                Some(secret) => Ok(Some(secret)),
                None => Err(Failure::new(ErrorKind::LoginRequired, format!("the keyring holds no {name}"))),
            },
        }
    }
}

/// Says why a command is not run, and what lets it be.
pub(crate) fn not_run(what: &str, path: &Path) -> Failure {
    let shown = path.display();
    Failure::configuration(format!(
        "the {what} comes from a command, and the group of {shown}, which names it, may write another one there"
    ))
    .help(format!("run `chmod g-w {}`", shell::word(&shown.to_string())))
}

/// Reads a secret from a file that is safe for one. One line end after it is dropped, as editors add it.
pub(crate) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    open_file(path)?.read()
}

/// A file that holds a secret, opened and found safe.
pub(crate) struct SecretFile<'a> {
    path: &'a Path,
    file: File,
    pub(crate) safe: Safe,
}

/// Opens a file by the one rule for secrets.
pub(crate) fn open_file(path: &Path) -> Result<SecretFile<'_>, Failure> {
    let shown = path.display();
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    let refused = |why: String, help: String| {
        // What a container mounts cannot be changed in it.
        let word = shell::word(&shown.to_string());
        Err(Failure::configuration(why).help(format!(
            "{help}; where that cannot be done, as in a container, mount it read-only, set BUTLR_CLIENT_SECRET, or configure `{{ command = [\"cat\", \"{shown}\"] }}`"
        ).replace("FILE", &word)))
    };
    match file.judge_as_secret().map_err(|error| unread(path, &error))? {
        Ok(safe) => Ok(SecretFile { path, file, safe }),
        Err(Unsafe::Writable) => refused(
            format!("others may write {shown}, which holds a secret"),
            "run `chmod 600 FILE`".to_owned(),
        ),
        Err(Unsafe::Readable) => refused(
            format!("others may use {shown}, which holds a secret"),
            "run `chmod 600 FILE`".to_owned(),
        ),
        Err(_) => refused(
            format!("{shown} belongs to another user (uid {})", file.owner()),
            format!(
                "make a copy of your own: `install -m 600 FILE COPY`, or run this as uid {}",
                file.owner()
            ),
        ),
    }
}

impl SecretFile<'_> {
    pub(crate) fn read(self) -> Result<Zeroizing<String>, Failure> {
        let Self { path, file, .. } = self;
        let secret = file.read(LIMIT).map_err(|error| unread(path, &error))?;
        trimmed(secret, &format!("the file {}", path.display()))
    }
}

fn unread(path: &Path, error: &std::io::Error) -> Failure {
    let failure = Failure::configuration(format!("could not read the secret in {}: {error}", path.display()));
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            failure.help("have its owner let this user or its group read it, or run this as its owner")
        }
        _ => failure,
    }
}

/// Reads a secret from the first line of stdin.
pub(crate) async fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    trimmed(crate::terminal::stdin_line().await?, "stdin")
}

fn trimmed(mut secret: Zeroizing<String>, origin: &str) -> Result<Zeroizing<String>, Failure> {
    if secret.ends_with('\n') {
        secret.pop();
        if secret.ends_with('\r') {
            secret.pop();
        }
    }
    if secret.is_empty() {
        return Err(Failure::configuration(format!("{origin} holds no secret")));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests;
