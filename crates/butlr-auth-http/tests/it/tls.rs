//! Endpoints behind TLS: only the right certificate gets to see a request, and a handshake that fails sent nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use butlr_auth_core::{
    ClientSecret, Delivery, Dialect, Error, ErrorKind, Grant, Provider, Secret, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::{HttpTokenEndpoint, NetworkFault};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::capture::{Capture, Play, response};

/// A certificate that signs itself, in DER, and what shows it to whoever connects.
pub(crate) fn identity(params: CertificateParams) -> (Vec<u8>, TlsAcceptor) {
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    (certificate.der().to_vec(), TlsAcceptor::from(Arc::new(config)))
}

/// A certificate, and the server that shows it.
struct Server {
    url: String,
    certificate: Vec<u8>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let (certificate, tls) = identity(params);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/token", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        tokio::spawn(answer(listener, tls, Arc::clone(&requests)));
        Self { url, certificate, requests }
    }

    /// Asks for a token, trusting this server's certificate or the system's roots alone.
    async fn exchange(&self, trusted: bool) -> Result<TokenResponse, Error> {
        let mut settings = reqwest::Client::builder();
        if trusted {
            settings = settings.tls_certs_only([reqwest::Certificate::from_der(&self.certificate).unwrap()]);
        }
        exchange(&self.url, settings).await
    }

    /// No waiting mends it, and nobody has seen a request.
    async fn check_refused(&self, trusted: bool, is_fault: impl Fn(&NetworkFault) -> bool) {
        let error = self.exchange(trusted).await.unwrap_err();
        check_fault(&error, ErrorKind::Configuration, is_fault);
        assert_eq!(self.requests.load(Ordering::Relaxed), 0);
    }
}

#[track_caller]
pub(crate) fn check_fault(error: &Error, kind: ErrorKind, is_fault: impl Fn(&NetworkFault) -> bool) {
    assert_eq!((error.kind(), error.delivery()), (kind, Delivery::NotSent), "{error:?}");
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<NetworkFault>());
    assert!(source.is_some_and(is_fault), "{error:?}");
}

async fn answer(listener: TcpListener, tls: TlsAcceptor, requests: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, requests) = (tls.clone(), Arc::clone(&requests));
        tokio::spawn(async move {
            let mut stream = tls.accept(stream).await?;
            let mut read = [0; 4096];
            while stream.read(&mut read).await? > 0 {
                requests.fetch_add(1, Ordering::Relaxed);
                let body = r#"{"access_token":"at","token_type":"Bearer"}"#;
                stream.write_all(&response("200 OK", "application/json", body)).await?;
                stream.flush().await?;
            }
            std::io::Result::Ok(())
        });
    }
}

async fn exchange(url: &str, settings: reqwest::ClientBuilder) -> Result<TokenResponse, Error> {
    let provider = Provider::new("example", url.parse().unwrap(), Dialect::form());
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret("cli", ClientSecret::new("canary-secret").unwrap())
        .http_client(settings)
        .build()
        .unwrap();
    let result = endpoint.exchange(&Grant::refresh_token(Secret::new("canary-refresh").unwrap())).await;
    assert!(!format!("{result:?}").contains("canary"));
    result
}

#[tokio::test]
async fn a_trusted_certificate_gets_the_request() {
    let server = Server::start("127.0.0.1", |_| {}).await;
    server.exchange(true).await.unwrap();
    assert!(server.requests.load(Ordering::Relaxed) > 0);
}

// Security: B8.
#[tokio::test]
async fn a_certificate_of_an_unknown_issuer_gets_nothing() {
    let server = Server::start("127.0.0.1", |_| {}).await;
    server.check_refused(false, |fault| *fault == NetworkFault::UntrustedCertificate).await;
}

// Security: B8.
#[tokio::test]
async fn a_certificate_of_another_host_gets_nothing() {
    let server = Server::start("as.example.com", |_| {}).await;
    let names = |fault: &NetworkFault| matches!(fault, NetworkFault::WrongName(detail) if detail.contains("as.example.com"));
    server.check_refused(true, names).await;
}

// Security: B8.
#[tokio::test]
async fn an_expired_certificate_gets_nothing() {
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    };
    let server = Server::start("127.0.0.1", expired).await;
    server.check_refused(true, |fault| *fault == NetworkFault::ExpiredCertificate).await;
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(2200, 1, 1);
    let server = Server::start("127.0.0.1", early).await;
    server.check_refused(true, |fault| *fault == NetworkFault::CertificateNotYetValid).await;
}

// Security: B8.
#[tokio::test]
async fn the_certificate_of_an_authority_is_no_servers() {
    let authority = |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let server = Server::start("127.0.0.1", authority).await;
    server.check_refused(true, |fault| *fault == NetworkFault::AuthorityAsServer).await;
}

/// A server that reads the beginning of the handshake and then says this.
async fn handshake_ends_with(bytes: &'static [u8]) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/token", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let error = exchange(&url, reqwest::Client::builder()).await.unwrap_err();
    server.await.unwrap();
    error
}

#[tokio::test]
async fn a_handshake_that_breaks_off_sent_nothing() {
    const BEGUN: &[u8] = &[22, 3, 3, 0, 122, 2, 0];
    for end in [b"", BEGUN] {
        let error = handshake_ends_with(end).await;
        assert_eq!(
            (error.kind(), error.delivery()),
            (ErrorKind::Unreachable, Delivery::NotSent),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_speaks_no_tls_or_none_in_common_is_no_matter_of_time() {
    const HANDSHAKE_FAILURE: &[u8] = &[21, 3, 3, 0, 2, 2, 40];
    let error = handshake_ends_with(HANDSHAKE_FAILURE).await;
    check_fault(&error, ErrorKind::Configuration, |fault| matches!(fault, NetworkFault::NoCommonTls(_)));
    for end in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"<!DOCTYPE html>", b"220 mail.example.com\r\n"] {
        let error = handshake_ends_with(end).await;
        check_fault(&error, ErrorKind::Configuration, |fault| *fault == NetworkFault::NotTls);
    }
}

// Security: B9.
#[tokio::test]
async fn a_proxy_sees_the_host_alone_and_its_refusal_sent_nothing() {
    for end in ["HTTP/1.1 502 Bad Gateway\r\n\r\n", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ""]
    {
        let proxy = Capture::start(Play::Close(end.into())).await;
        let settings = reqwest::Client::builder().proxy(reqwest::Proxy::all(proxy.url("")).unwrap());
        let error = exchange("https://as.example.com/token?key=canary", settings).await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::NotSent, "{error:?}");
        let request = proxy.only_request();
        assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "as.example.com:443"));
        assert!(!format!("{request:?}").contains("canary"), "{request:?}");
    }
}
