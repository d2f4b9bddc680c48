//! Authorities, proxies and certificates of the client, and what is said where they fail.

use std::sync::Arc;

use butlr_auth_core::{
    ClientSecret, Dialect, Error, ErrorKind, Grant, Provider, Secret, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::{Discovery, HttpTokenEndpoint, JwksEndpoint, Network, NetworkFault};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use crate::capture::{Capture, Play, response};
use crate::tls::check_fault;

const TOKEN: &str = r#"{"access_token":"at","token_type":"Bearer","expires_in":1000}"#;

/// An authority, and what it signs.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Signed {
    certificate: String,
    key: String,
    der: (Vec<u8>, Vec<u8>),
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: (certificate.der().to_vec(), key.serialize_der()),
        }
    }

    /// A server of this name that answers every request with a token; it wants a certificate of `clients`.
    async fn serve(&self, name: &str, clients: Option<&Self>) -> u16 {
        let (certificate, key) = self.sign(name).der;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.0.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
                config.with_client_cert_verifier(verifier)
            }
        };
        let config = config.with_single_cert(vec![certificate.into()], key.try_into().unwrap()).unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.clone();
                tokio::spawn(async move {
                    let mut stream = tls.accept(stream).await?;
                    let mut read = [0; 4096];
                    while stream.read(&mut read).await? > 0 {
                        stream.write_all(&response("200 OK", "application/json", TOKEN)).await?;
                        stream.flush().await?;
                    }
                    std::io::Result::Ok(())
                });
            }
        });
        port
    }
}

/// A proxy that answers CONNECT with this status; with 200 it connects to a port of this machine.
async fn proxy(status: &'static str, port: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                assert!(head.starts_with(b"CONNECT as.example.com:443 HTTP/1.1"), "{head:?}");
                stream
                    .write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
                    .await?;
                if status.starts_with("200") {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                    tokio::io::copy_bidirectional(&mut stream, &mut server).await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    format!("http://user:canary@{address}")
}

async fn exchange(url: &str, network: Network) -> Result<TokenResponse, Error> {
    assert!(!format!("{network:?}").contains("canary"), "{network:?}");
    let provider = Provider::new("example", url.parse().unwrap(), Dialect::form());
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_secret("cli", ClientSecret::new("canary-secret").unwrap())
        .network(network)
        .build()
        .unwrap();
    let result = endpoint.exchange(&Grant::refresh_token(Secret::new("canary-refresh").unwrap())).await;
    assert!(!format!("{result:?}").contains("canary"), "{result:?}");
    result
}

// Security: B8.
#[tokio::test]
async fn an_authority_that_is_named_is_trusted_beside_the_systems() {
    let authority = Authority::new();
    let port = authority.serve("127.0.0.1", None).await;
    let url = format!("https://127.0.0.1:{port}/token");
    let error = exchange(&url, Network::new()).await.unwrap_err();
    check_fault(&error, ErrorKind::Configuration, |fault| *fault == NetworkFault::UntrustedCertificate);
    let network = Network::new().certificate_authorities(&authority.pem()).unwrap();
    exchange(&url, network.clone()).await.unwrap();
    // The same for metadata and keys.
    let issuer = format!("https://127.0.0.1:{port}");
    let discovery = |network| Discovery::builder(issuer.as_str()).network(network).build().unwrap();
    let read = discovery(network.clone()).metadata().await.unwrap_err();
    assert_eq!(read.kind(), ErrorKind::InvalidResponse, "{read:?}");
    let unread = discovery(Network::new()).metadata().await.unwrap_err();
    assert_eq!(unread.kind(), ErrorKind::Configuration, "{unread:?}");
    let keys = JwksEndpoint::at(url.parse().unwrap());
    assert_eq!(keys.read().await.unwrap_err().kind(), ErrorKind::Configuration);
    JwksEndpoint::at(url.parse().unwrap()).network(network).read().await.unwrap();
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = Network::new().certificate_authorities(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    }
}

// Security: B8.
#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_the_clients_or_that_is_said() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let port = authority.serve("127.0.0.1", Some(&clients)).await;
    let url = format!("https://127.0.0.1:{port}/token");
    let network = Network::new().certificate_authorities(&authority.pem()).unwrap();
    let error = exchange(&url, network.clone()).await.unwrap_err();
    check_fault(&error, ErrorKind::Configuration, |fault| {
        matches!(fault, NetworkFault::ClientCertificate(_))
    });
    let own = clients.sign("client.example.com");
    exchange(&url, network.clone().client_certificate(&own.certificate, &own.key).unwrap()).await.unwrap();
    let strange = Authority::new().sign("client.example.com");
    let shown = network.client_certificate(&strange.certificate, &strange.key).unwrap();
    let error = exchange(&url, shown).await.unwrap_err();
    check_fault(&error, ErrorKind::Configuration, |fault| {
        matches!(fault, NetworkFault::ClientCertificate(_))
    });
}

#[tokio::test]
async fn a_certificate_and_a_key_that_do_not_fit_are_refused_at_once() {
    let authority = Authority::new();
    let (one, other) = (authority.sign("a.example.com"), authority.sign("b.example.com"));
    let encrypted = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for (certificate, key, said) in [
        (one.certificate.as_str(), other.key.as_str(), "do not belong together"),
        ("", one.key.as_str(), "is not in PEM"),
        (&one.key, &one.key, "is not in PEM"),
        (&one.certificate, &one.certificate, "has a key that is not in PEM"),
        (&one.certificate, &encrypted, "openssl pkey"),
    ] {
        let error = Network::new().client_certificate(certificate, key).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains(said), "{error}");
    }
}

// Security: B9.
#[tokio::test]
async fn a_proxy_that_is_named_is_gone_through() {
    let authority = Authority::new();
    let port = authority.serve("as.example.com", None).await;
    let network = Network::new().certificate_authorities(&authority.pem()).unwrap();
    let network = network.proxy(&proxy("200 Connection established", port).await).unwrap();
    assert!(network.proxy_for(&"https://as.example.com".parse().unwrap()).unwrap().is_some());
    exchange("https://as.example.com/token", network).await.unwrap();
}

// Security: B9.
#[tokio::test]
async fn a_proxy_that_refuses_is_no_matter_of_time_and_one_that_cannot_is() {
    let reach = async |status: &'static str| {
        let network = Network::new().proxy(&proxy(status, 0).await).unwrap();
        exchange("https://as.example.com/token", network).await.unwrap_err()
    };
    let error = reach("407 Proxy Authentication Required").await;
    check_fault(&error, ErrorKind::Configuration, |fault| {
        matches!(fault, NetworkFault::ProxyAuthentication(_))
    });
    for (status, code) in [("403 Forbidden", 403), ("405 Method Not Allowed", 405), ("404 Not Found", 404)] {
        let is_it =
            |fault: &NetworkFault| matches!(fault, NetworkFault::ProxyRefused(_, Some(it)) if *it == code);
        check_fault(&reach(status).await, ErrorKind::Configuration, is_it);
    }
    for (status, code) in [("502 Bad Gateway", 502), ("503 Down", 503), ("504 Late", 504)] {
        let is_it =
            |fault: &NetworkFault| matches!(fault, NetworkFault::ProxyRefused(_, Some(it)) if *it == code);
        check_fault(&reach(status).await, ErrorKind::Unreachable, is_it);
    }
}

// Security: B9.
#[tokio::test]
async fn a_proxy_that_is_away_is_named_and_a_malformed_one_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let network = Network::new().proxy(&format!("http://user:canary@{address}")).unwrap();
    let error = exchange("https://as.example.com/token", network).await.unwrap_err();
    let is_it =
        |fault: &NetworkFault| matches!(fault, NetworkFault::ProxyUnreachable(proxy, _) if *proxy == address);
    check_fault(&error, ErrorKind::Unreachable, is_it);
    let error = Network::new().proxy("http://canary:port").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

// Security: B9.
#[tokio::test]
async fn localhost_is_this_machine_without_a_resolver_and_without_a_proxy() {
    let capture = Capture::start(Play::Bytes(response("200 OK", "application/json", TOKEN))).await;
    let port = capture.address.port();
    let sink = Capture::json(TOKEN).await;
    let network = Network::new().proxy(&sink.url("")).unwrap();
    exchange(&format!("http://localhost:{port}/token"), network.clone()).await.unwrap();
    capture.only_request();
    assert!(sink.requests().is_empty());
    // At the other address, too.
    let listener = TcpListener::bind("[::1]:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        assert!(stream.read(&mut [0; 4096]).await? > 0);
        stream.write_all(&response("200 OK", "application/json", TOKEN)).await
    });
    exchange(&format!("http://localhost:{port}/token"), network).await.unwrap();
}

#[tokio::test]
async fn a_name_that_nobody_knows_says_whether_anybody_answered() {
    let error = exchange("https://nowhere.invalid/token", Network::new().no_proxy()).await.unwrap_err();
    check_fault(&error, ErrorKind::Unreachable, |fault| {
        matches!(fault, NetworkFault::UnknownHost(None) | NetworkFault::Resolver(None))
    });
}
