//! Whom the stores across a network trust: the operating system's authorities or the ones they are given, and nobody
//! without TLS but this machine.

use std::net::IpAddr;
use std::sync::Arc;

use butlr_auth_core::{Error, ErrorKind};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Makes the TLS settings of a client: TLS 1.2 or 1.3, the same library as everywhere.
///
/// `authorities` are PEM certificates that stand instead of the operating system's.
pub(super) fn client_config(authorities: Option<&str>) -> Result<ClientConfig, Error> {
    let failed = |error: rustls::Error| {
        Error::new(ErrorKind::Configuration, "TLS could not be set up").with_source(error)
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match authorities {
        Some(pem) => builder.with_root_certificates(roots(pem)?),
        None => builder.with_platform_verifier().map_err(failed)?,
    };
    Ok(builder.with_no_client_auth())
}

fn roots(pem: &str) -> Result<RootCertStore, Error> {
    let unfit =
        || Error::new(ErrorKind::Configuration, "the certificate authorities are not certificates in PEM");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|_| unfit())?).map_err(|_| unfit())?;
    }
    if roots.is_empty() { Err(unfit()) } else { Ok(roots) }
}

/// Whether a host is this machine, by its name alone: `localhost`, names below it, and the loopback addresses.
pub(super) fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>()
        .map_or_else(|_| host == "localhost" || host.ends_with(".localhost"), |address| address.is_loopback())
}

/// Whether a database is away, or waiting brings nothing: another certificate is needed, or another authority.
pub(super) fn kind_of_failed_connection(error: &std::io::Error) -> ErrorKind {
    let tls = error.get_ref().and_then(|inside| inside.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidMessage(_)) => {
            ErrorKind::Configuration
        }
        _ => ErrorKind::StoreUnreachable,
    }
}

/// What is said of a connection that nobody could read along but on this machine.
pub(super) fn plaintext_refused(host: &str, instead: &str) -> Error {
    let message = format!("{host} is another machine, and secrets would go there without TLS: use {instead}");
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests;
