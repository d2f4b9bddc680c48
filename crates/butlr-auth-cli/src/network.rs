//! How a profile's servers are reached, and what helps where they are not.

use std::path::Path;
use std::time::Duration;

use butlr_auth::{Network, NetworkFault};

use crate::config::{NetworkConfig, ProxyConfig};
use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::File;
use crate::secret::{self, SecretPlace};

/// No bundle of certificates is longer: 1 MiB.
const LIMIT: usize = 1 << 20;

/// Reads what the configuration names, and says how servers are reached.
pub(crate) async fn open(
    configured: &NetworkConfig,
    environment: &Environment,
    within: Duration,
) -> Result<Network, Failure> {
    let mut network = Network::new();
    if let Some(path) = &configured.ca_file {
        let fits = network.certificate_authorities(&text(path)?);
        network = fits.map_err(|error| of_key("ca_file", &error.to_string()))?;
    }
    if let Some(pair) = &configured.client_certificate {
        let key = secret::from_file(&pair.key)?;
        let fits = network.client_certificate(&text(&pair.file)?, &key);
        network = fits.map_err(|error| of_key("client_certificate", &error.to_string()))?;
    }
    let proxy = match &configured.proxy {
        None => return Ok(network),
        Some(ProxyConfig::None) => return Ok(network.no_proxy()),
        Some(ProxyConfig::Plain(url)) => url.clone().into(),
        Some(ProxyConfig::Secret(secret)) => {
            let place = SecretPlace::of(secret.clone(), String::new);
            let fetched =
                place.fetch("proxy's URL", environment, within).await.map_err(|failure| Failure {
                    // No login brings it.
                    exit: Exit::Configuration,
                    kind: "configuration",
                    ..failure
                })?;
            fetched.unwrap_or_default()
        }
    };
    network.proxy(&proxy).map_err(|error| of_key("proxy", &error.to_string()))
}

/// Says what helps against what the network says; `None` if only waiting does.
pub(crate) fn help(fault: &NetworkFault) -> Option<&'static str> {
    Some(match fault {
        NetworkFault::UntrustedCertificate => {
            "name the certificate of the authority (CA) that signed it: `ca_file` in the profile, or SSL_CERT_FILE; behind a proxy that looks into TLS that is the proxy's own"
        }
        NetworkFault::AuthorityAsServer => {
            "have this CA sign a certificate for the server, or make one that is no CA's (`openssl req -x509 -addext basicConstraints=critical,CA:FALSE`); then name it by `ca_file` or SSL_CERT_FILE"
        }
        NetworkFault::WrongName(_) => {
            "use the name that the certificate is for, or see whether something else answers there: a proxy, or a name server that leads elsewhere"
        }
        NetworkFault::ExpiredCertificate | NetworkFault::CertificateNotYetValid => {
            "set this machine's clock if it is wrong; else the server needs another certificate. No setting, `ca_file` and SSL_CERT_FILE neither, makes this one good"
        }
        NetworkFault::UnfitCertificate(_) => {
            "the server needs another certificate; one of a private authority is trusted by `ca_file` or SSL_CERT_FILE"
        }
        NetworkFault::ClientCertificate(_) => {
            "set `client_certificate = { file = …, key = … }` in the profile to one that this server accepts"
        }
        NetworkFault::NoCommonTls(_) => "the server must speak TLS 1.2 or 1.3",
        NetworkFault::NotTls => {
            "see whether port and scheme are right: https is spoken there, or a proxy answers instead (HTTPS_PROXY, `proxy`)"
        }
        NetworkFault::ProxyAuthentication(_) => {
            "put user name and password into the proxy's URL, http://USER:PASSWORD@HOST:PORT: in HTTPS_PROXY, or `proxy = { env = … }` in the profile"
        }
        NetworkFault::ProxyRefused(..) if !fault.is_temporary() => {
            "have the proxy allow CONNECT to this server, name another one by HTTPS_PROXY or `proxy`, or go past it: NO_PROXY, `proxy = \"none\"`"
        }
        NetworkFault::ProxyUnreachable(..) | NetworkFault::UnknownHost(Some(_)) => {
            "see whether the proxy that HTTPS_PROXY, ALL_PROXY or `proxy` names is right and runs, or go past it: NO_PROXY, `proxy = \"none\"`"
        }
        NetworkFault::UnknownHost(None) => {
            "see whether the name is written right; if it is, this machine's name servers do not know it: a VPN may be off, or the proxy that knows it is not named (HTTPS_PROXY)"
        }
        NetworkFault::Resolver(_) => {
            "see whether this machine is online, and the name servers in /etc/resolv.conf; where only a proxy knows names, set HTTPS_PROXY"
        }
        _ => return None,
    })
}

/// Certificates, which are no secret.
fn text(path: &Path) -> Result<String, Failure> {
    let read = File::open(path).and_then(|file| file.read(LIMIT));
    let mut text = read.map_err(|error| {
        Failure::configuration(format!("could not read the certificates in {}: {error}", path.display()))
    })?;
    Ok(std::mem::take(&mut *text))
}

fn of_key(key: &str, what: &str) -> Failure {
    Failure::configuration(format!("`{key}`: {what}"))
}
