//! One profile, as the file has it.

use std::path::PathBuf;
use std::time::Duration;

use butlr_auth::{BodyEncoding, ClientAuthenticationMethod};
use clap::ValueEnum;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};

use super::{CertificateConfig, Parameters, ProxyConfig, SecretConfig, StoreName};
use crate::time::parse_duration;

/// One identity at one server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProfileConfig {
    pub(crate) preset: Option<Preset>,
    pub(crate) base_url: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) grant: Option<GrantName>,
    pub(crate) store: Option<StoreName>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<SecretConfig>,
    #[serde(default, deserialize_with = "parsed")]
    pub(crate) client_auth: Option<ClientAuthenticationMethod>,
    pub(crate) body: Option<BodyName>,
    /// Types of tokens that are sent as bearer tokens.
    #[serde(default)]
    pub(crate) bearer_types: Vec<String>,
    /// Whether `id_token`s are signed with the client's secret.
    #[serde(default)]
    pub(crate) id_token_hs256: bool,
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) params: Parameters,
    #[serde(default)]
    pub(crate) authorization_params: Parameters,
    /// Whether the session's scope is sent with a refresh.
    #[serde(default)]
    pub(crate) refresh_scope: bool,
    /// `false`: authorization requests are not pushed, whatever the server announces. `true`: they must be.
    pub(crate) pushed_authorization: Option<bool>,
    pub(crate) redirect_uri: Option<String>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) assumed_lifetime: Option<Duration>,
    /// Whether a login revokes the session that it replaces.
    #[serde(default)]
    pub(crate) revoke_replaced: bool,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) reuse_interval: Option<Duration>,
    /// More authorities to trust, in PEM.
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) proxy: Option<ProxyConfig>,
    pub(crate) client_certificate: Option<CertificateConfig>,
    #[serde(default)]
    pub(crate) endpoints: EndpointsConfig,
}

impl ProfileConfig {
    /// The same for other resources (RFC 8707) than the configured ones.
    pub(crate) fn for_resources(&self, resources: &[String]) -> Self {
        let mut described = self.clone();
        described.params.set("resource", resources);
        described
    }
}

/// Where a server is spoken to, if neither preset nor discovery says it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointsConfig {
    pub(crate) token: Option<String>,
    pub(crate) authorization: Option<String>,
    pub(crate) revocation: Option<String>,
    pub(crate) refresh: Option<String>,
    pub(crate) device_authorization: Option<String>,
    pub(crate) jwks: Option<String>,
    pub(crate) introspection: Option<String>,
    pub(crate) pushed_authorization: Option<String>,
}

/// A server that this product knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Preset {
    /// Butlr: everything is known
    Butlr,
    /// Any other server
    Generic,
}

/// How a profile gets its first token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum GrantName {
    AuthorizationCode,
    DeviceCode,
    Implicit,
    Password,
    ClientCredentials,
}

/// The encoding of token requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
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
            Self::DeviceCode => "device_code",
            Self::Implicit => "implicit",
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
        }
    }
}

fn parsed<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ClientAuthenticationMethod>, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.parse().map(Some).map_err(|_| de::Error::custom("use one of `basic`, `body`, `none`"))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).map(Some).map_err(de::Error::custom)
}
