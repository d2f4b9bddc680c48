use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};

use super::ServerError;
use super::process::User;

/// A certificate for a server of this machine, and the authority that signed it, made for one test.
pub struct Certificate {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificate {
    /// Makes an authority, and a certificate of it for `localhost`, the loopback addresses and `address`.
    pub(super) fn new(address: IpAddr) -> Result<Self, ServerError> {
        let failed = |error| ServerError::new(format!("no certificate could be made: {error}"));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "butlr-auth-testkit authority");
        let authority =
            CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(failed)?).map_err(failed)?;

        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.subject_alt_names.push(SanType::IpAddress(address));
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &authority).map_err(failed)?;
        Ok(Self { authority: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Returns the authority's certificate in PEM: what a client is told to trust.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Writes both into `folder`, where only `user` may read the key.
    pub(super) fn write(&self, folder: &Path, user: Option<User>) -> Result<Files, ServerError> {
        let files = Files { certificate: folder.join("server.pem"), key: folder.join("server.key") };
        for (path, pem) in [(&files.certificate, &self.certificate), (&files.key, &self.key)] {
            let written = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            written
                .and_then(|mut file| std::io::Write::write_all(&mut file, pem.as_bytes()))
                .map_err(ServerError::io("a certificate could not be written"))?;
            User::own(user, path)?;
        }
        Ok(files)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificate([redacted])")
    }
}

/// Where a certificate and its key are.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}
