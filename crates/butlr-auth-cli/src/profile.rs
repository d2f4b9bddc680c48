//! Which identity a command acts as: the winner among flag, profile, environment and preset, and what it is made of.

mod choose;
mod configured;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use butlr_auth::cache::{Party, SessionKey};
use butlr_auth::core::{EndpointIdentity, Fingerprint, Metadata, Purpose};
use butlr_auth::{ClientId, EndpointUrl, GrantType, Provider, Scope};

use crate::config::{GrantName, NetworkConfig, Preset, ProfileConfig};
use crate::environment::{self, Environment};
use crate::failure::Failure;
use crate::listed;
use crate::secret::SecretPlace;
use crate::shell;
use crate::store::StoreChoice;

pub(crate) use choose::{Choice, choose, names};
pub(crate) use configured::of_config;

/// What sessions of Butlr's password grant are filed under, which knows no client. A program that shares such a
/// session names its endpoint's client so, too.
const NO_CLIENT: &str = "butlr";

/// The redirect URI unless one is configured: nothing listens there, and the person copies the address.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";

/// Who asks whom, and how: everything that a command needs to open a session.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    /// What it is called in messages and results.
    pub(crate) name: String,
    /// What its session is filed under.
    pub(crate) session: String,
    /// Why it was chosen.
    pub(crate) source: Source,
    pub(crate) preset: Preset,
    pub(crate) grant: GrantName,
    /// What is known of the server without asking it.
    pub(crate) provider: Provider,
    /// The server that says of itself what is not configured.
    pub(crate) issuer: Option<ByIssuer>,
    pub(crate) client_id: ClientId,
    pub(crate) secret: SecretPlace,
    /// Whether its `id_token`s are signed with that.
    pub(crate) id_token_hs256: bool,
    /// Whether a login revokes the session that it replaces.
    pub(crate) revoke_replaced: bool,
    pub(crate) username: Option<String>,
    /// What its tokens are asked for with, as far as the configuration says it: what keys have of it.
    pub(crate) purpose: Purpose,
    /// The same by name, and of what is said a fingerprint.
    pub(crate) words: BTreeMap<String, Fingerprint>,
    /// What it is made of.
    pub(crate) described: Arc<ProfileConfig>,
    /// Of a profile as it was under earlier words: those that have changed since.
    pub(crate) earlier: Option<Vec<String>>,
    pub(crate) scope: Scope,
    pub(crate) redirect_uri: String,
    /// Where the API is, and what said so.
    pub(crate) base_url: Option<(EndpointUrl, &'static str)>,
    /// Whether it is configured, and so bound to its own host whatever the environment says.
    pub(crate) ignores_base_url: bool,
    /// How its servers are reached.
    pub(crate) network: NetworkConfig,
    /// Where its session is to be kept.
    pub(crate) store: StoreChoice,
    /// What would have been used if this had not won.
    pub(crate) hidden: Vec<String>,
    /// The configuration that only the command line names, so that a command to repeat must name it, too.
    pub(crate) named_config: Option<PathBuf>,
}

/// A server that is known by its issuer alone, and what the configuration adds to what it says of itself.
#[derive(Clone, Debug)]
pub(crate) struct ByIssuer {
    pub(crate) issuer: String,
    described: Arc<ProfileConfig>,
}

/// What chose a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    CommandLine,
    EnvironmentClient,
    EnvironmentName,
    DefaultProfile,
    /// It is one of all that were asked for.
    Configuration,
    BuiltIn,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::CommandLine => "command line",
            Self::EnvironmentClient => "environment: BUTLR_CLIENT_ID",
            Self::EnvironmentName => "environment: BUTLR_PROFILE",
            Self::DefaultProfile => "configuration: default_profile",
            Self::Configuration => "configuration",
            Self::BuiltIn => "built in",
        }
    }
}

impl Profile {
    /// What it is called in messages, beside others of its name.
    pub(crate) fn shown_name(&self) -> String {
        match &self.earlier {
            None => self.name.clone(),
            Some(names) => format!("{} {}", self.name, listed::for_another(names)),
        }
    }

    /// The command that logs this profile in.
    pub(crate) fn login_command(&self) -> String {
        let config = self.named_config.as_ref();
        let config = config.map_or_else(String::new, |path| {
            format!("--config {} ", shell::word(&path.display().to_string()))
        });
        match self.source {
            Source::EnvironmentClient | Source::BuiltIn => format!("butlr-auth {config}login"),
            _ => format!("butlr-auth {config}login {}", shell::word(&self.name)),
        }
    }

    /// The origin that the profile's secrets are bound to.
    pub(crate) fn origin(&self) -> Option<String> {
        let issuer = self.issuer.as_ref().and_then(|by| by.issuer.parse::<EndpointUrl>().ok());
        issuer.map(|url| url.origin()).or_else(|| self.provider.origin())
    }

    /// What tells its server from others, those of the same host included.
    pub(crate) fn server(&self) -> String {
        let by = self.issuer.as_ref().map(|by| by.issuer.as_str());
        let token = GrantType::ALL.iter().find_map(|grant| self.provider.token_endpoint(*grant).ok());
        let described =
            by.or_else(|| self.provider.issuer()).or_else(|| token.map(|token| token.url.as_str()));
        let described = described.filter(|_| self.preset != Preset::Butlr).map(str::to_owned);
        described.or_else(|| self.origin()).unwrap_or_default()
    }

    /// The provider, with what its server says of itself.
    pub(crate) fn completed(&self, by: &ByIssuer, metadata: &Metadata) -> Result<Provider, Failure> {
        configured::completed(&self.name, &by.described, metadata)
    }

    /// Whether `BUTLR_BASE_URL` names another server than the profile's own, to which it stays.
    pub(crate) fn stays_with_its_own(&self, environment: &Environment) -> Result<bool, Failure> {
        let Some(named) = environment.text(environment::BASE_URL)? else { return Ok(false) };
        let named = named.parse::<EndpointUrl>().map(|url| url.origin()).unwrap_or(named);
        let api = self.base_url.as_ref().map(|(url, _)| url.origin());
        Ok(self.ignores_base_url && Some(named) != api.or_else(|| self.origin()))
    }

    /// The client that the server knows, if it knows one.
    pub(crate) fn shown_client(&self) -> Option<&ClientId> {
        Some(&self.client_id).filter(|id| id.as_str() != NO_CLIENT)
    }

    /// What its session is filed under, in every store.
    pub(crate) fn session_key(&self) -> SessionKey {
        let party = if self.is_the_clients_own() { Party::Client } else { Party::User };
        SessionKey::new(&self.identity(), party, self.session.as_str())
    }

    /// Who asks whom, by which words.
    pub(crate) fn identity(&self) -> EndpointIdentity {
        let mut identity = EndpointIdentity::new(&self.provider, self.client_id.clone());
        identity.purpose = self.purpose;
        identity
    }

    /// Whether the session asks again by itself, with the client's own secret.
    pub(crate) fn is_the_clients_own(&self) -> bool {
        self.grant == GrantName::ClientCredentials
    }
}

#[cfg(test)]
pub(crate) mod tests;
