//! Where a secret is, as the file names it.

use std::path::{Path, PathBuf};

use serde::de::{self, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::ser::{self, SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

/// Where a client's secret is: never the secret itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SecretConfig {
    Env(String),
    File(PathBuf),
    Command(Vec<String>),
    /// A command in this file, which others may write.
    NotRun(PathBuf),
    Keyring,
}

impl SecretConfig {
    pub(super) fn resolved(self, resolve: impl Fn(&Path) -> PathBuf) -> Self {
        match self {
            Self::File(path) => Self::File(resolve(&path)),
            other => other,
        }
    }

    /// The same, but for a command, which is not run from this file.
    pub(super) fn without_commands(self, file: &Path) -> Self {
        match self {
            Self::Command(_) => Self::NotRun(file.to_owned()),
            other => other,
        }
    }
}

impl Serialize for SecretConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut place = serializer.serialize_map(Some(1))?;
        match self {
            Self::Env(name) => place.serialize_entry("env", name)?,
            Self::File(path) => place.serialize_entry("file", path)?,
            Self::Command(words) => place.serialize_entry("command", words)?,
            Self::Keyring => place.serialize_entry("keyring", &true)?,
            Self::NotRun(_) => {
                return Err(ser::Error::custom("a command that is not run is not written down"));
            }
        }
        place.end()
    }
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
                f.write_str("one of { env = … }, { file = … }, { command = […] }, { keyring = true }")
            }

            // The default would show the text, which is a secret in the wrong place.
            fn visit_str<E: de::Error>(self, _secret: &str) -> Result<SecretConfig, E> {
                Err(E::custom(
                    "a secret does not belong here: say where it is, by { env = … }, { file = … }, { command = […] } or { keyring = true }",
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
                        "name exactly one place: { env = … }, { file = … }, { command = […] } or { keyring = true }",
                    )),
                }
            }
        }

        deserializer.deserialize_any(Place)
    }
}
