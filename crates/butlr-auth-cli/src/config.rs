//! The configuration file: profiles without secrets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use butlr_auth::{BodyEncoding, ClientAuthenticationMethod};
use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Serialize};

use crate::cli::Global;
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::file::File;
use crate::time::parse_duration;

/// No configuration is longer: 1 MiB.
const LIMIT: usize = 1 << 20;

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default)]
    version: Option<u32>,
    #[serde(default)]
    pub(crate) default_profile: Option<String>,
    #[serde(default, rename = "profile")]
    pub(crate) profiles: BTreeMap<String, ProfileConfig>,
    /// Where it was read from.
    #[serde(skip)]
    pub(crate) path: PathBuf,
}

/// One identity at one server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileConfig {
    pub(crate) preset: Option<Preset>,
    pub(crate) base_url: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) grant: Option<GrantName>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretConfig>,
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) client_auth: Option<ClientAuthenticationMethod>,
    pub(crate) body: Option<BodyName>,
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) redirect_uri: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) assumed_lifetime: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) reuse_interval: Option<Duration>,
    #[serde(default)]
    pub(crate) endpoints: EndpointsConfig,
}

/// Where a server is spoken to, if neither preset nor discovery says it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointsConfig {
    pub(crate) token: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) revocation: Option<String>,
    pub(crate) refresh: Option<String>,
}

/// A server that this product knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preset {
    Butlr,
    Generic,
}

/// How a profile gets its first token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GrantName {
    AuthorizationCode,
    Implicit,
    Password,
    ClientCredentials,
}

/// The encoding of token requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyName {
    Form,
    Json,
}

impl From<BodyName> for BodyEncoding {
    fn from(name: BodyName) -> Self {
        match name {
            BodyName::Form => Self::Form,
            BodyName::Json => Self::Json,
        }
    }
}

impl GrantName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::Implicit => "implicit",
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

/// Where a client's secret is: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretConfig {
    Env(String),
    File(PathBuf),
    Command(Vec<String>),
    Keyring,
}

impl<'de> Deserialize<'de> for SecretConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Forms {
            env: Option<String>,
            file: Option<PathBuf>,
            command: Option<Vec<String>>,
            keyring: Option<bool>,
        }

        struct Place;

        impl<'de> Visitor<'de> for Place {
            type Value = SecretConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("one of { env = … }, { file = … }, { command = […] }")
            }

            // The default would show the text, which is a secret in the wrong place.
            fn visit_str<E: de::Error>(self, _secret: &str) -> Result<SecretConfig, E> {
                Err(E::custom(
                    "a secret does not belong here: say where it is, by { env = … }, { file = … } or { command = […] }",
                ))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SecretConfig, A::Error> {
                let forms = Forms::deserialize(MapAccessDeserializer::new(map))?;
                match forms {
                    Forms { env: Some(name), file: None, command: None, keyring: None } => {
                        Ok(SecretConfig::Env(name))
                    }
                    Forms { env: None, file: Some(path), command: None, keyring: None } => {
                        Ok(SecretConfig::File(path))
                    }
                    Forms { env: None, file: None, command: Some(words), keyring: None }
                        if !words.is_empty() =>
                    {
                        Ok(SecretConfig::Command(words))
                    }
                    Forms { env: None, file: None, command: None, keyring: Some(true) } => {
                        Ok(SecretConfig::Keyring)
                    }
                    _ => Err(de::Error::custom(
                        "name exactly one place: { env = … }, { file = … } or { command = […] }",
                    )),
                }
            }
        }

        deserializer.deserialize_any(Place)
    }
}

fn parsed<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ClientAuthenticationMethod>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(de::Error::custom)
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(de::Error::custom)
}

impl Config {
    /// Reads the configuration. None at the usual place is an empty one; none at a place that was named is an error.
    pub(crate) fn load(global: &Global, environment: &Environment) -> Result<Self, Failure> {
        let named = global.config.clone().or_else(|| environment.path(environment::CONFIG));
        let path = match &named {
            Some(path) => path.clone(),
            None => match environment.xdg("XDG_CONFIG_HOME", ".config") {
                Ok(folder) => folder.join("butlr-auth/config.toml"),
                // A service without a home has no configuration at the usual place, and may well need none.
                Err(_) => return Ok(Self::default()),
            },
        };
        match read(&path)? {
            Some(text) => Self::parse(&text, path),
            None if named.is_some() => {
                Err(Failure::configuration(format!("there is no configuration at {}", path.display()))
                    .mend("correct --config or BUTLR_AUTH_CONFIG"))
            }
            None => Ok(Self { path, ..Self::default() }),
        }
    }

    fn parse(text: &str, path: PathBuf) -> Result<Self, Failure> {
        let mut config: Self = toml::from_str(text).map_err(|error| malformed(text, &path, &error))?;
        if config.version.is_some_and(|version| version != 1) {
            let message = format!("{} is of a version that this program does not know", path.display());
            return Err(Failure::configuration(message).mend("write `version = 1`, or update butlr-auth"));
        }
        for (name, profile) in &config.profiles {
            if let Some(key) = profile.params.keys().find(|key| is_protocol(key)) {
                let message = format!("{}: profile `{name}` has `{key}` in `params`", path.display());
                return Err(Failure::configuration(message)
                    .mend("remove it: every request says that by itself, and once"));
            }
            if let Some(key) = profile.params.keys().find(|key| is_secret(key)) {
                let message = format!("{}: profile `{name}` has `{key}` in `params`", path.display());
                return Err(
                    Failure::configuration(message).mend("secrets do not belong there: see `client_secret`")
                );
            }
        }
        config.path = path;
        Ok(config)
    }

    /// The variables of the environment that hold a secret of any profile.
    pub(crate) fn secret_variables(&self) -> Vec<String> {
        let secrets = self.profiles.values().filter_map(|profile| profile.client_secret.as_ref());
        secrets
            .filter_map(|secret| match secret {
                SecretConfig::Env(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// Resolves a path of the configuration: `~/` is the home directory, and a relative path begins at the file.
    pub(crate) fn resolve(&self, path: &Path, environment: &Environment) -> PathBuf {
        if let (Ok(rest), Some(home)) = (path.strip_prefix("~"), environment.path("HOME")) {
            return home.join(rest);
        }
        self.path.parent().map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }
}

fn is_secret(parameter: &str) -> bool {
    ["client_secret", "password", "refresh_token", "code", "assertion", "client_assertion"]
        .contains(&parameter)
}

/// What a request says by itself. RFC 6749 allows no parameter twice, and a second `state` or
/// `code_challenge_method` would undo what the first one is for.
fn is_protocol(parameter: &str) -> bool {
    [
        "grant_type",
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "username",
    ]
    .contains(&parameter)
}

/// Reads the file if it is there and nobody else can have written it: it names commands that are run.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    let failed =
        |error: std::io::Error| Failure::configuration(format!("could not read {}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if file.mode() & 0o002 != 0 {
        return Err(Failure::configuration(format!("everybody may write {}", path.display()))
            .mend(format!("run `chmod o-w {}`", crate::shell::word(&path.display().to_string()))));
    }
    if !file.is_ours() {
        return Err(Failure::configuration(format!("{} belongs to another user", path.display())));
    }
    Ok(Some(std::mem::take(&mut *file.read(LIMIT).map_err(failed)?)))
}

/// Says where and what is wrong, without quoting the line: it may hold a misplaced secret.
fn malformed(text: &str, path: &Path, error: &toml::de::Error) -> Failure {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or_else(String::new, |before| format!(" line {}", before.matches('\n').count() + 1));
    let message = error.message().trim_end();
    let failure = Failure::configuration(format!("{}{line}: {message}", path.display()));
    match suggestion(message) {
        Some(meant) => failure.mend(format!("did you mean `{meant}`?")),
        None => failure,
    }
}

/// serde names the unknown word first and then, in backticks too, each word that it knows.
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    let mut words = message.split('`').skip(1).step_by(2);
    let unknown = words.next()?;
    words
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(alike, _)| *alike > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests;
