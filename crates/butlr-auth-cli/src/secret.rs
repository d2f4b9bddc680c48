//! Where secrets come from: never from arguments.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use butlr_auth::ErrorKind;
use zeroize::Zeroizing;

use crate::config::SecretConfig;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::file::File;
use crate::keyring;

/// No secret is longer: 64 KiB.
const LIMIT: usize = 64 * 1024;

/// A command that fetches a secret may ask its user to unlock something.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);

/// Where a client's secret is to be found when a request needs it.
#[derive(Clone, Debug)]
pub(crate) enum SecretPlace {
    Nowhere,
    Variable(String),
    File(PathBuf),
    Command(Vec<String>),
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
            Self::Keyring(name) => format!("keyring, {name}"),
            Self::Given(_) => "given at login".to_owned(),
        }
    }

    /// Fetches the secret, which is `what`; `None` if there is none.
    pub(crate) async fn fetch(
        &self,
        what: &str,
        environment: &Environment,
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
                .mend(format!("set {name}"))),
            },
            Self::File(path) => from_file(path).map(Some),
            Self::Command(words) => from_command(what, words).await.map(Some),
            Self::Keyring(name) => match keyring::read(name).await? {
                Some(secret) => Ok(Some(secret)),
                None => Err(Failure::new(ErrorKind::LoginRequired, format!("the keyring holds no {name}"))),
            },
        }
    }
}

/// Reads a secret from a file that nobody else can read. One line end after it is dropped, as editors add it.
pub(crate) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        Failure::configuration(format!("could not read the secret in {shown}: {error}"))
    };
    let file = File::open(path).map_err(failed)?;
    if file.mode() & 0o077 != 0 {
        return Err(Failure::configuration(format!("others may use {shown}, which holds a secret"))
            .mend(format!("run `chmod 600 {}`", crate::shell::word(&shown.to_string()))));
    }
    if !file.is_ours() {
        return Err(Failure::configuration(format!("{shown} belongs to another user")));
    }
    let secret = file.read(LIMIT).map_err(failed)?;
    trimmed(secret, &format!("the file {shown}"))
}

/// Reads a secret from the first line of stdin.
pub(crate) async fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    trimmed(crate::terminal::stdin_line().await?, "stdin")
}

/// Runs a command, without a shell, and takes what it prints. It may ask its user on the terminal.
async fn from_command(what: &str, words: &[String]) -> Result<Zeroizing<String>, Failure> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Failure::configuration("the command is empty"))?;
    let command = tokio::process::Command::new(program)
        .args(arguments)
        // It fetches one secret and has no business with these.
        .env_remove(environment::CLIENT_SECRET)
        .env_remove(environment::PASSWORD)
        .stdin(Stdio::inherit())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn();
    let failed = |why: String| {
        Failure::configuration(format!("the command `{program}` that fetches the {what} {why}"))
            .mend("run it by hand to see what is wrong")
    };
    let not_run = |error: std::io::Error| failed(format!("could not be run: {error}"));
    let ended = command.map_err(not_run)?.wait_with_output();
    let output = tokio::time::timeout(COMMAND_DEADLINE, ended)
        .await
        .map_err(|_| failed(format!("did not end within {} s", COMMAND_DEADLINE.as_secs())))?
        .map_err(not_run)?;
    let printed = Zeroizing::new(output.stdout);
    if !output.status.success() {
        return Err(failed(format!("failed: {}", output.status)));
    }
    let secret =
        std::str::from_utf8(&printed).map_err(|_| failed("printed something else than text".to_owned()))?;
    trimmed(Zeroizing::new(secret.to_owned()), &format!("the output of `{program}`"))
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
