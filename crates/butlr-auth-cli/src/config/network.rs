//! How a profile's servers are reached.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::SecretConfig;

/// What a profile says of the network, every path resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct NetworkConfig {
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) proxy: Option<ProxyConfig>,
    pub(crate) client_certificate: Option<CertificateConfig>,
}

/// A certificate of the client's own, and the file of its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateConfig {
    pub(crate) file: PathBuf,
    pub(crate) key: PathBuf,
}

/// The proxy that is used instead of the environment's.
#[derive(Clone, Debug)]
pub(crate) enum ProxyConfig {
    /// None, whatever the environment says.
    None,
    Plain(String),
    /// With a password in it, and so elsewhere.
    Secret(SecretConfig),
}

impl NetworkConfig {
    pub(super) fn resolved(mut self, resolve: impl Fn(&Path) -> PathBuf) -> Self {
        let pair = self.client_certificate.as_mut();
        let of_pair = pair.into_iter().flat_map(|pair| [&mut pair.file, &mut pair.key]);
        for path in self.ca_file.iter_mut().chain(of_pair) {
            *path = resolve(path);
        }
        if let Some(ProxyConfig::Secret(secret)) = &mut self.proxy {
            *secret = secret.clone().resolved(&resolve);
        }
        self
    }
}

impl<'de> Deserialize<'de> for ProxyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Named;

        impl<'de> Visitor<'de> for Named {
            type Value = ProxyConfig;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(
                    "the URL of a proxy without a password, \"none\", or one of { env = … }, { file = … }, { command = […] }",
                )
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ProxyConfig, E> {
                if text == "none" {
                    return Ok(ProxyConfig::None);
                }
                if text.contains('@') {
                    return Err(E::custom(
                        "a password does not belong here: say where the proxy's URL is, by { env = … }, { file = … } or { command = […] }",
                    ));
                }
                Ok(ProxyConfig::Plain(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ProxyConfig, A::Error> {
                match SecretConfig::deserialize(MapAccessDeserializer::new(map))? {
                    SecretConfig::Keyring => Err(de::Error::custom(
                        "a URL is in no keyring: say where it is, by { env = … }, { file = … } or { command = […] }",
                    )),
                    secret => Ok(ProxyConfig::Secret(secret)),
                }
            }
        }

        deserializer.deserialize_any(Named)
    }
}
