//! Why no connection came about, told from what the layers below say.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use butlr_auth_core::{Delivery, Error, ErrorKind, text};
use rustls::{AlertDescription, CertificateError};

/// No detail of somebody else's certificate is shown further than this, in characters.
const LONGEST: usize = 256;

/// Why no connection came about, where the network says it. It is the [source](StdError::source) of the error.
///
/// What waiting does not mend is an error of the kind [`Configuration`](ErrorKind::Configuration), the rest is
/// [`Unreachable`](ErrorKind::Unreachable). Nothing was sent either way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkFault {
    /// Nobody whom this machine trusts has signed the certificate: a private authority, or a proxy that inspects TLS.
    UntrustedCertificate,
    /// The certificate is an authority's own and used for a server, as `openssl req -x509` makes it.
    AuthorityAsServer,
    /// The certificate is for other names than the one that was asked for; with what says so.
    WrongName(String),
    /// The certificate has expired, by this machine's clock.
    ExpiredCertificate,
    /// The certificate is not valid yet, by this machine's clock.
    CertificateNotYetValid,
    /// Something else is wrong with the certificate; with what.
    UnfitCertificate(String),
    /// The server wants a certificate of the client, or does not accept the one it was shown; with its word.
    ClientCertificate(String),
    /// The two sides have no TLS in common; with what says so.
    NoCommonTls(String),
    /// What answers at this port does not speak TLS.
    NotTls,
    /// The proxy wants a user name and a password, or others (status 407).
    ProxyAuthentication(String),
    /// The proxy, which is named, does not connect to this server; with the status of its answer.
    ProxyRefused(String, Option<u16>),
    /// The proxy, which is named, cannot be reached or broke off; with what says so.
    ProxyUnreachable(String, String),
    /// No name server knows the host, or the proxy if that is named.
    UnknownHost(Option<String>),
    /// The name servers of this machine do not answer.
    Resolver(Option<String>),
}

impl NetworkFault {
    /// Reads it from a failed request, which went through this proxy.
    pub(super) fn of(error: &reqwest::Error, proxy: Option<String>) -> Option<Self> {
        let tls = find::<rustls::Error>(error);
        if !error.is_connect() {
            // With TLS 1.3 the server judges our certificate after we have written to it.
            return tls.and_then(Self::refusal_of_the_client);
        }
        let words: Vec<String> = chain(error).map(ToString::to_string).collect();
        let tunnel = words.iter().find_map(|words| words.strip_prefix("tunnel error: "));
        // A client of the caller's own may have a proxy that nobody here knows.
        let proxy = proxy.or_else(|| tunnel.map(|_| "of the HTTP client".to_owned()));
        match (tunnel, proxy.clone()) {
            (Some("proxy authorization required"), Some(proxy)) => {
                return Some(Self::ProxyAuthentication(proxy));
            }
            (Some("unsuccessful" | "proxy response headers too long"), Some(proxy)) => {
                return Some(Self::ProxyRefused(proxy, None));
            }
            _ => {}
        }
        if let Some(fault) = tls.and_then(Self::of_tls) {
            return Some(fault);
        }
        let proxy = proxy.filter(|_| tunnel.is_some());
        if words.iter().any(|words| words.starts_with("dns error")) {
            let fails = ["Temporary failure", "Try again", "try again", "timed out"];
            let resolver = words.iter().any(|words| fails.iter().any(|fails| words.contains(fails)));
            return Some(if resolver { Self::Resolver(proxy) } else { Self::UnknownHost(proxy) });
        }
        let last = words.last().cloned().unwrap_or_default();
        proxy.map(|proxy| Self::ProxyUnreachable(proxy, last))
    }

    fn of_tls(error: &rustls::Error) -> Option<Self> {
        let detail = || text::escape(&error.to_string(), LONGEST);
        Some(match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::UnknownIssuer => Self::UntrustedCertificate,
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    Self::ExpiredCertificate
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    Self::CertificateNotYetValid
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Self::WrongName(detail())
                }
                _ if detail().contains("CaUsedAsEndEntity") => Self::AuthorityAsServer,
                _ => Self::UnfitCertificate(detail()),
            },
            rustls::Error::NoCertificatesPresented => Self::UnfitCertificate(detail()),
            rustls::Error::InvalidMessage(_) | rustls::Error::InappropriateMessage { .. } => Self::NotTls,
            rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol => {
                Self::NoCommonTls(detail())
            }
            rustls::Error::AlertReceived(
                AlertDescription::HandshakeFailure
                | AlertDescription::ProtocolVersion
                | AlertDescription::InsufficientSecurity
                | AlertDescription::UnrecognisedName
                | AlertDescription::NoApplicationProtocol,
            ) => Self::NoCommonTls(detail()),
            _ => return Self::refusal_of_the_client(error),
        })
    }

    /// What a server says of the client's certificate. It hands nothing on to whoever is behind it.
    fn refusal_of_the_client(error: &rustls::Error) -> Option<Self> {
        let rustls::Error::AlertReceived(alert) = error else { return None };
        let about_it = matches!(
            alert,
            AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
                | AlertDescription::DecryptError
        );
        about_it.then(|| Self::ClientCertificate(format!("{alert:?}")))
    }

    /// Whether waiting may mend it.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::ProxyUnreachable(..) | Self::UnknownHost(_) | Self::Resolver(_) => true,
            // A gateway that does not get through itself, or is too busy.
            Self::ProxyRefused(_, None) => true,
            Self::ProxyRefused(_, Some(status)) => {
                matches!(status, 200..300 | 408 | 425 | 429 | 500 | 502..=504 | 506..)
            }
            _ => false,
        }
    }

    pub(super) fn is_refusal_without_status(&self) -> bool {
        matches!(self, Self::ProxyRefused(_, None))
    }

    pub(super) fn with_status(self, status: Option<u16>) -> Self {
        match (self, status) {
            (Self::ProxyRefused(proxy, _), Some(407)) => Self::ProxyAuthentication(proxy),
            (Self::ProxyRefused(proxy, None), status) => Self::ProxyRefused(proxy, status),
            (fault, _) => fault,
        }
    }

    pub(crate) fn into_error(self, host: &str, asked: &str) -> Error {
        let kind = if self.is_temporary() { ErrorKind::Unreachable } else { ErrorKind::Configuration };
        let message = format!("{host} cannot be reached for {asked}");
        Error::new(kind, message).with_delivery(Delivery::NotSent).with_source(self)
    }
}

impl fmt::Display for NetworkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whose = |proxy: &Option<String>| {
            proxy
                .as_ref()
                .map_or_else(|| "its name".to_owned(), |proxy| format!("the name of the proxy {proxy}"))
        };
        match self {
            Self::UntrustedCertificate => {
                f.write_str("its certificate is signed by nobody whom this machine trusts")
            }
            Self::AuthorityAsServer => {
                f.write_str("its certificate is that of a CA, which is no server's (CA:TRUE)")
            }
            Self::WrongName(detail) => write!(f, "its certificate is for another name: {detail}"),
            Self::ExpiredCertificate => f.write_str("its certificate has expired, by this machine's clock"),
            Self::CertificateNotYetValid => {
                f.write_str("its certificate is not valid yet, by this machine's clock")
            }
            Self::UnfitCertificate(detail) => write!(f, "its certificate is not accepted: {detail}"),
            Self::ClientCertificate(word) => {
                write!(f, "it wants another certificate of this client, or one at all ({word})")
            }
            Self::NoCommonTls(detail) => write!(f, "it speaks no TLS that is spoken here: {detail}"),
            Self::NotTls => f.write_str("what answers there does not speak TLS"),
            Self::ProxyAuthentication(proxy) => {
                write!(f, "the proxy {proxy} wants a user name and a password (407)")
            }
            Self::ProxyRefused(proxy, Some(status)) => {
                write!(f, "the proxy {proxy} answers CONNECT with {status}")
            }
            Self::ProxyRefused(proxy, None) => write!(f, "the proxy {proxy} does not take CONNECT"),
            Self::ProxyUnreachable(proxy, detail) => {
                write!(f, "the proxy {proxy} cannot be reached: {detail}")
            }
            Self::UnknownHost(proxy) => write!(f, "{} is not known", whose(proxy)),
            Self::Resolver(proxy) => {
                write!(f, "the name servers of this machine do not tell {}", whose(proxy))
            }
        }
    }
}

impl StdError for NetworkFault {}

/// The errors from the outermost to the innermost. An I/O error shows the source of what is in it, and not itself.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inside) => Some(inside),
        None => error.source(),
    }
}

fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}
