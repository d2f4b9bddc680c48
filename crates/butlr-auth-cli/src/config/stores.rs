//! Where sessions are kept, and the settings of each place.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use url::Url;

use super::SecretConfig;

/// A place for sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoreName {
    /// Decided at login, once: keyring if there is one, else file
    #[default]
    Auto,
    /// Files that only you can read
    File,
    /// Files encrypted with a key in the keyring of this machine
    Keyring,
    /// An SQLite database
    Sqlite,
    /// Redis, for several hosts
    Redis,
    /// PostgreSQL, for several hosts
    Postgres,
}

impl StoreName {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::File => "file",
            Self::Keyring => "keyring",
            Self::Sqlite => "sqlite",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
        }
    }
}

/// What the places need to know.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StoresConfig {
    pub(crate) sqlite: SqliteConfig,
    pub(crate) redis: RedisConfig,
    pub(crate) postgres: PostgresConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SqliteConfig {
    pub(crate) path: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RedisConfig {
    pub(crate) url: Option<UrlConfig>,
    pub(crate) key_prefix: Option<String>,
    pub(crate) synced: bool,
    pub(crate) wait_for_replicas: u32,
    pub(crate) certificate_authorities: Option<PathBuf>,
    pub(crate) danger_allow_plaintext: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PostgresConfig {
    pub(crate) url: Option<UrlConfig>,
    pub(crate) table: Option<String>,
    pub(crate) certificate_authorities: Option<PathBuf>,
    pub(crate) danger_allow_plaintext: bool,
}

impl StoresConfig {
    pub(super) fn resolved(mut self, resolve: impl Fn(&Path) -> PathBuf) -> Self {
        let Self { sqlite, redis, postgres } = &mut self;
        let paths =
            [&mut sqlite.path, &mut redis.certificate_authorities, &mut postgres.certificate_authorities];
        for path in paths.into_iter().flatten() {
            *path = resolve(path);
        }
        for url in [&mut redis.url, &mut postgres.url].into_iter().flatten() {
            if let UrlConfig::Secret(secret) = url {
                *secret = secret.clone().resolved(&resolve);
            }
        }
        self
    }

    /// The addresses that are secrets, to be changed.
    pub(super) fn secrets_mut(&mut self) -> impl Iterator<Item = &mut SecretConfig> {
        [&mut self.redis.url, &mut self.postgres.url].into_iter().filter_map(|url| match url {
            Some(UrlConfig::Secret(secret)) => Some(secret),
            _ => None,
        })
    }

    /// The addresses that are secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretConfig> {
        [&self.redis.url, &self.postgres.url].into_iter().filter_map(|url| match url {
            Some(UrlConfig::Secret(secret)) => Some(secret),
            _ => None,
        })
    }
}

/// The address of a database: as it is, or with a password in it and so elsewhere.
#[derive(Clone, Debug)]
pub(crate) enum UrlConfig {
    Plain(Url),
    Secret(SecretConfig),
}

impl<'de> Deserialize<'de> for UrlConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Place;

        impl<'de> Visitor<'de> for Place {
            type Value = UrlConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "a URL without a password, or one of { env = … }, { file = … }, { command = […] }",
                )
            }

            // No message repeats it: what cannot be read as a URL may well hold a password.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<UrlConfig, E> {
                let url: Url = text.parse().map_err(|_| E::custom("this is no URL"))?;
                if url.password().is_some() || url.query_pairs().any(|(name, _)| name.starts_with("pass")) {
                    return Err(E::custom(
                        "a password does not belong here: say where the URL is, by { env = … }, { file = … } or { command = […] }",
                    ));
                }
                Ok(UrlConfig::Plain(url))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UrlConfig, A::Error> {
                match SecretConfig::deserialize(MapAccessDeserializer::new(map))? {
                    SecretConfig::Keyring => Err(de::Error::custom(
                        "a URL is in no keyring: say where it is, by { env = … }, { file = … } or { command = […] }",
                    )),
                    secret => Ok(UrlConfig::Secret(secret)),
                }
            }
        }

        deserializer.deserialize_any(Place)
    }
}
