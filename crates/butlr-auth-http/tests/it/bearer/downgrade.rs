//! A redirect from https to http on the very same host and port.

use std::sync::{Arc, Mutex};

use butlr_auth_http::Bearer;
use rcgen::CertificateParams;
use reqwest_middleware::ClientBuilder;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::Source;
use crate::tls::identity;

/// The first byte of a TLS connection.
const HANDSHAKE: u8 = 22;

/// Sends TLS to http on its own port, and answers that; keeps the heads of the requests.
async fn serve(listener: TcpListener, tls: TlsAcceptor, plain: String, heads: Arc<Mutex<Vec<String>>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mut first = [0];
        stream.peek(&mut first).await.unwrap();
        let answer = if first == [HANDSHAKE] {
            let answer = format!("HTTP/1.1 302 Found\r\nLocation: {plain}\r\nContent-Length: 0\r\n\r\n");
            answer_one(tls.accept(stream).await.unwrap(), &answer).await
        } else {
            answer_one(stream, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await
        };
        heads.lock().unwrap().push(answer);
    }
}

async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &str) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    head
}

// Security: H11.
#[tokio::test]
async fn reqwest_leaves_the_token_behind_when_only_the_scheme_changes() {
    let (certificate, tls) = identity(CertificateParams::new(["127.0.0.1".to_owned()]).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::<Mutex<Vec<String>>>::default();
    tokio::spawn(serve(listener, tls, format!("http://{address}/plain"), Arc::clone(&heads)));

    let secure = format!("https://{address}");
    let bearer = Bearer::new(Source::default()).origin(&secure).unwrap();
    let trusted = reqwest::Certificate::from_der(&certificate).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build().unwrap();
    let client = ClientBuilder::new(client).with(bearer).build();
    let answer = client.get(&secure).send().await.unwrap();
    assert_eq!(answer.url().as_str(), format!("http://{address}/plain"));
    // The server keeps a head once it has answered, and the client may be quicker.
    while heads.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let heads = heads.lock().unwrap();
    assert!(heads[0].contains("authorization: Bearer canary-1"), "{heads:?}");
    assert!(!heads[1].contains("canary"), "{heads:?}");
}
