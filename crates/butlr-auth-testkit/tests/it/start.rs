//! What keeps a server from starting is an error, wherever its user asks from.

use std::io::ErrorKind;
use std::net::TcpListener;

use butlr_auth_testkit::AuthorizationServer;

fn taken() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_inside_a_runtime() {
    let (_kept, port) = taken();
    let error = AuthorizationServer::builder().port(port).start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_an_error_on_a_runtime_of_many_threads() {
    let (_kept, port) = taken();
    let started = tokio::spawn(AuthorizationServer::builder().port(port).start()).await.unwrap();
    assert_eq!(started.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_is_an_error_inside_a_runtime() {
    let started = AuthorizationServer::builder().journal_file("/dev/null/journal").start().await;
    assert_eq!(started.unwrap_err().kind(), ErrorKind::NotADirectory);
}

#[tokio::test]
async fn an_address_that_is_not_this_machines_is_refused() {
    let started = AuthorizationServer::builder().address([192, 0, 2, 1]).start().await;
    assert_eq!(started.unwrap_err().kind(), ErrorKind::InvalidInput);
}
