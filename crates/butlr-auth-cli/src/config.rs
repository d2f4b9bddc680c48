//! The configuration file: profiles without secrets.

mod edit;
mod malformed;
mod network;
mod parameters;
mod profile;
mod secret;
mod source;
pub(crate) mod stores;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::Global;
use crate::environment::{self, Environment};
use crate::failure::Failure;

pub(crate) use edit::Edited;
use malformed::malformed;
pub(crate) use network::{CertificateConfig, NetworkConfig, ProxyConfig};
pub(crate) use parameters::Parameters;
pub(crate) use profile::{BodyName, EndpointsConfig, GrantName, Preset, ProfileConfig};
pub(crate) use secret::SecretConfig;
pub(crate) use stores::{StoreName, StoresConfig, UrlConfig};

/// No configuration is longer: 1 MiB.
const LIMIT: usize = 1 << 20;

/// What every form of the file says of itself.
#[derive(Deserialize)]
struct Form {
    version: Option<u32>,
}

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default, rename = "version")]
    _version: Option<u32>,
    #[serde(default)]
    pub(crate) default_profile: Option<String>,
    /// Where sessions are kept, unless a profile says it.
    #[serde(default)]
    pub(crate) store: Option<StoreName>,
    #[serde(default)]
    stores: StoresConfig,
    #[serde(default, rename = "profile")]
    pub(crate) profiles: BTreeMap<String, ProfileConfig>,
    /// Where it was read from.
    #[serde(skip)]
    pub(crate) path: PathBuf,
}

impl Config {
    /// Reads the configuration. None at the usual place is an empty one; none at a place that was named is an error.
    pub(crate) fn load(global: &Global, environment: &Environment) -> Result<Self, Failure> {
        let Some(path) = Self::place(global, environment) else {
            // A service without a home has no configuration at the usual place, and may well need none.
            return Ok(Self::default());
        };
        let named = global.config.is_some() || environment.is_set(environment::CONFIG);
        tracing::trace!(path = %path.display(), "read the configuration");
        if !named && source::is_out_of_reach(&path) {
            // A service with the home of somebody else: what is there is not for it.
            tracing::debug!(path = %path.display(), "this user may not look there");
            return Ok(Self::default());
        }
        match source::read(&path)? {
            Some(source) => {
                let config = Self::parse(&source.text, path)?;
                Ok(if source.may_name_commands { config } else { config.without_commands() })
            }
            None if named => {
                Err(Failure::configuration(format!("there is no configuration at {}", path.display()))
                    .help("correct --config or BUTLR_AUTH_CONFIG"))
            }
            None => Ok(Self { path, ..Self::default() }),
        }
    }

    /// Where it is, whether it is there or not; `None` without a home.
    fn place(global: &Global, environment: &Environment) -> Option<PathBuf> {
        match global.config.clone().or_else(|| environment.path(environment::CONFIG)) {
            Some(path) => Some(path),
            None => {
                let folder = environment.xdg("XDG_CONFIG_HOME", ".config").ok();
                folder.map(|folder| folder.join("butlr-auth/config.toml"))
            }
        }
    }

    pub(crate) fn parse(text: &str, path: PathBuf) -> Result<Self, Failure> {
        // First, because a newer form may have keys that are unknown here.
        let version = toml::from_str(text).ok().and_then(|Form { version }| version);
        if let Some(version) = version.filter(|version| *version != 1) {
            let message = format!("{} is of a version that this program does not know", path.display());
            let help = if version > 1 { "update this program" } else { "write `version = 1`" };
            return Err(Failure::configuration(message).help(help));
        }
        let mut config: Self = toml::from_str(text).map_err(|error| malformed(text, &path, &error))?;
        for (name, profile) in &config.profiles {
            let tables =
                [("params", &profile.params), ("authorization_params", &profile.authorization_params)];
            for (table, parameters) in tables {
                let refused = |key: &str, help: &str| {
                    let message = format!("{}: profile `{name}` has `{key}` in `{table}`", path.display());
                    Err(Failure::configuration(message).help(help))
                };
                if let Some(key) = parameters.names().find(|key| is_protocol(key)) {
                    return refused(key, "remove it: every request says that by itself, and once");
                }
                if let Some(key) = parameters.names().find(|key| is_secret(key)) {
                    return refused(key, "secrets do not belong there: see `client_secret`");
                }
            }
        }
        config.path = path;
        Ok(config)
    }

    /// The same, but that no command in it is run: others may have written it.
    fn without_commands(mut self) -> Self {
        let of_profiles = self.profiles.values_mut().filter_map(|profile| profile.client_secret.as_mut());
        for secret in of_profiles.chain(self.stores.secrets_mut()) {
            *secret = secret.clone().without_commands(&self.path);
        }
        for profile in self.profiles.values_mut() {
            if let Some(ProxyConfig::Secret(secret)) = &mut profile.proxy {
                *secret = secret.clone().without_commands(&self.path);
            }
        }
        self
    }

    /// The variables of the environment that hold a secret of any profile or store.
    pub(crate) fn secret_variables(&self) -> Vec<String> {
        let of_clients = self.profiles.values().filter_map(|profile| profile.client_secret.as_ref());
        let of_proxies = self.profiles.values().filter_map(|profile| match &profile.proxy {
            Some(ProxyConfig::Secret(secret)) => Some(secret),
            _ => None,
        });
        of_clients
            .chain(of_proxies)
            .chain(self.stores.secrets())
            .filter_map(|secret| match secret {
                SecretConfig::Env(name) => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    /// The settings of stores, every path resolved.
    pub(crate) fn stores(&self, environment: &Environment) -> StoresConfig {
        self.stores.clone().resolved(|path| self.resolve(path, environment))
    }

    /// How a profile's servers are reached, every path resolved.
    pub(crate) fn network(&self, described: &ProfileConfig, environment: &Environment) -> NetworkConfig {
        let configured = NetworkConfig {
            ca_file: described.ca_file.clone(),
            proxy: described.proxy.clone(),
            client_certificate: described.client_certificate.clone(),
        };
        configured.resolved(|path| self.resolve(path, environment))
    }

    /// Where a secret is, its path resolved.
    pub(crate) fn secret(&self, secret: &SecretConfig, environment: &Environment) -> SecretConfig {
        secret.clone().resolved(|path| self.resolve(path, environment))
    }

    /// Resolves a path of the configuration: `~/` is the home directory, and a relative path begins at the file.
    fn resolve(&self, path: &Path, environment: &Environment) -> PathBuf {
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

#[cfg(test)]
mod tests;
