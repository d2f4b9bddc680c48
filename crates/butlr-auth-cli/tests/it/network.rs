//! TLS, proxies and names, as networks of companies have them.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use crate::world::{Ended, World};

/// A proxy that answers CONNECT with this status, and with 200 connects to a port of this machine.
fn proxy(status: &'static str, port: u16) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
                if status.starts_with("200") {
                    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    let (mut there, mut back) = (stream.try_clone().unwrap(), server.try_clone().unwrap());
                    std::thread::spawn(move || std::io::copy(&mut there, &mut back));
                    let _ = std::io::copy(&mut server, &mut stream);
                }
            });
        }
    });
    format!("http://{address}")
}

/// A world with a client of a server that is known by a name and https alone.
async fn world(more: &str) -> World {
    let world = World::new().await;
    world.configure(&format!(
        "[profile.x]\ngrant = \"client_credentials\"\nclient_id = \"id\"\nclient_secret = {{ env = \"S\" }}\n{more}\n[profile.x.endpoints]\ntoken = \"https://as.example.test/token\"\n"
    ));
    world
}

fn token(world: &World, variables: &[(&str, &str)]) -> Ended {
    let variables: Vec<_> = [("S", "x")].iter().chain(variables).copied().collect();
    world.run_with(&["-p", "x", "--timeout", "5s", "token"], &variables, "")
}

/// Is a matter of the configuration, and no waiting is proposed.
#[track_caller]
fn is_no_moment(ended: Ended, said: &[&str]) {
    let ended = ended.failed(3, "help:");
    assert!(!ended.stderr.contains("moment"), "{}", ended.stderr);
    for said in said {
        assert!(ended.stderr.contains(said), "`{said}` is not in: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_exit_3_and_one_that_is_away_6() {
    let world = world("").await;
    for (status, said) in
        [("407 Who are you", "HTTPS_PROXY"), ("403 No", "403"), ("405 No such method", "405")]
    {
        is_no_moment(token(&world, &[("HTTPS_PROXY", &proxy(status, 0))]), &[said, "PROXY"]);
    }
    token(&world, &[("HTTPS_PROXY", &proxy("503 Busy", 0))]).failed(6, "503");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_is_away_is_named_and_a_malformed_one_is_exit_3() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    // What passes is remembered for the next command: each has a state of its own.
    token(&world("").await, &[("HTTPS_PROXY", &format!("http://u:canary@{gone}"))]).failed(6, &gone);
    let world = world("").await;
    for malformed in ["http://canary:port", "socks5://canary:1080", "http:// canary"] {
        let ended =
            token(&world, &[("HTTPS_PROXY", malformed)]).failed(3, "the proxy that HTTPS_PROXY names");
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_has_a_line_for_the_proxy() {
    let world = world("").await;
    let through = proxy("403 No", 0);
    let doctor = |variables: &[(&str, &str)]| world.run_with(&["-p", "x", "doctor"], variables, "");
    let ended = doctor(&[("S", "x"), ("HTTPS_PROXY", &through)]);
    let name = through.strip_prefix("http://").unwrap();
    assert!(ended.stdout.contains(&format!("ok    proxy          {name}")), "{}", ended.stdout);
    assert!(ended.stdout.contains("FAIL  network") && ended.code == 3, "{}", ended.stdout);
    let ended = doctor(&[("S", "x"), ("HTTPS_PROXY", "socks5://canary")]);
    assert!(ended.stdout.contains("FAIL  proxy"), "{}", ended.stdout);
}

/// A server of this name over TLS, which answers nothing that helps.
async fn serve(name: &str, authority: &CertifiedIssuer<'static, KeyPair>) -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, authority).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            tokio::spawn(async move {
                let mut stream = tls.accept(stream).await?;
                tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 4096]).await?;
                let body = r#"{"access_token":"of-tls","token_type":"Bearer","expires_in":1000}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await?;
                tokio::io::AsyncWriteExt::shutdown(&mut stream).await
            });
        }
    });
    port
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_what_is_wrong_with_it_and_what_helps() {
    let authority = authority();
    let good = proxy("200 OK", serve("as.example.test", &authority).await);
    let other = proxy("200 OK", serve("other.example.test", &authority).await);
    let plain = world("").await;
    is_no_moment(token(&plain, &[("HTTPS_PROXY", &good)]), &["SSL_CERT_FILE", "ca_file"]);
    let pem = plain.file("ca.pem", &authority.pem(), 0o644);
    let by_variable = ("SSL_CERT_FILE", pem.to_str().unwrap());
    is_no_moment(token(&plain, &[("HTTPS_PROXY", &other), by_variable]), &["other.example.test"]);
    // What answers there speaks no TLS.
    let port = plain.server.base_url().rsplit_once(':').unwrap().1.parse().unwrap();
    is_no_moment(token(&plain, &[("HTTPS_PROXY", &proxy("200 OK", port))]), &["does not speak TLS"]);
    let ended = token(&plain, &[("HTTPS_PROXY", &good), by_variable]).succeeded();
    assert_eq!(ended.stdout, "of-tls\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn authority_and_proxy_are_settings_of_a_profile_too() {
    let authority = authority();
    let through = proxy("200 OK", serve("as.example.test", &authority).await);
    let named = format!("ca_file = \"ca.pem\"\nproxy = \"{through}\"");
    let secret = "ca_file = \"ca.pem\"\nproxy = { env = \"THE_PROXY\" }";
    for (settings, variable) in [(named.as_str(), "UNUSED"), (secret, "THE_PROXY")] {
        let world = world(settings).await;
        token(&world, &[(variable, &through)]).failed(3, "ca.pem");
        world.file("ca.pem", "no certificate", 0o644);
        token(&world, &[(variable, &through)]).failed(3, "`ca_file`");
        world.file("ca.pem", &authority.pem(), 0o644);
        let ended = token(&world, &[(variable, &through), ("HTTPS_PROXY", "http://127.0.0.1:1")]).succeeded();
        assert_eq!(ended.stdout, "of-tls\n");
    }
    let world = world("proxy = \"http://u:canary@proxy.example.com:3128\"").await;
    let ended = token(&world, &[]).failed(3, "a password does not belong here");
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    let straight = self::world("proxy = \"none\"").await;
    let ended = token(&straight, &[("HTTPS_PROXY", &proxy("407 Who", 0))]);
    assert!(ended.code == 6 && !ended.stderr.contains("proxy 127"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_certificate_is_a_pair_of_files_and_its_key_a_secret() {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(["client".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let world = world(
        "client_certificate = { file = \"own.pem\", key = \"own.key\" }\nproxy = \"http://127.0.0.1:1\"",
    )
    .await;
    world.file("own.pem", &own.pem(), 0o644);
    world.file("own.key", &key.serialize_pem(), 0o644);
    token(&world, &[]).failed(3, "chmod 600");
    world.file("own.key", &KeyPair::generate().unwrap().serialize_pem(), 0o600);
    token(&world, &[]).failed(3, "do not belong together");
    world.file("own.key", &key.serialize_pem(), 0o600);
    token(&world, &[]).failed(6, "the proxy 127.0.0.1:1 cannot be reached");
}

// Security: B9.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_on_localhost_is_this_machine_and_no_proxys() {
    let world = World::new().await;
    let base = world.server.base_url().replace("127.0.0.1", "localhost");
    let client = world.server.client();
    world.configure(&format!(
        "[profile.x]\ngrant = \"client_credentials\"\nclient_id = \"{}\"\nclient_secret = {{ env = \"S\" }}\n[profile.x.endpoints]\ntoken = \"{base}/token\"\n",
        client.id
    ));
    let through = proxy("200 OK", 1);
    token(&world, &[("S", &client.secret), ("HTTP_PROXY", &through), ("ALL_PROXY", &through)]).succeeded();
    for elsewhere in ["localhost.", "x.localhost"] {
        world.configure(&format!(
            "[profile.x]\nclient_id = \"a\"\n[profile.x.endpoints]\ntoken = \"http://{elsewhere}:1/token\"\n"
        ));
        token(&world, &[]).failed(3, "use https");
    }
}
