//! The real servers start, keep what they acknowledged, freeze, and end with whoever started them.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use butlr_auth_testkit::servers::{PgBouncer, PostgresServer, RedisServer, or_skip};

/// Tells this test binary that it is the process that starts a server and is killed.
const VARIABLE: &str = "BUTLR_AUTH_TESTKIT_STARTS";

/// Says something to Redis and returns the first line of its answer.
fn ask(address: SocketAddr, command: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer.trim_end().to_owned())
}

/// Asks a PostgreSQL server for TLS, which it answers with one letter before anything else.
fn asked_for_tls(address: SocketAddr) -> std::io::Result<char> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47])?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(char::from(answer[0]))
}

fn is_silence<T: std::fmt::Debug>(answer: std::io::Result<T>) -> bool {
    matches!(answer.unwrap_err().kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

#[test]
fn redis_keeps_what_it_acknowledged_when_it_is_killed() {
    let Some(mut redis) = or_skip(RedisServer::start()) else { return };
    let address = redis.address();
    assert_eq!(ask(address, "SET word kept").unwrap(), "+OK");
    redis.pause().unwrap();
    assert!(is_silence(ask(address, "PING")));
    redis.resume().unwrap();
    assert_eq!(ask(address, "PING").unwrap(), "+PONG");
    redis.kill().unwrap();
    assert_eq!(ask(address, "PING").unwrap_err().kind(), ErrorKind::ConnectionRefused);
    redis.restart().unwrap();
    assert_eq!(ask(address, "STRLEN word").unwrap(), ":4");
}

#[test]
fn redis_asks_for_its_password_and_shows_it_to_nobody() {
    let Some(redis) = or_skip(RedisServer::builder().password("canary").start()) else { return };
    assert!(ask(redis.address(), "PING").unwrap().starts_with("-NOAUTH"));
    assert_eq!(ask(redis.address(), "AUTH canary").unwrap(), "+OK");
    assert!(redis.url().contains("canary") && !format!("{redis:?}").contains("canary"));
}

#[test]
fn redis_with_tls_speaks_nothing_else() {
    let Some(redis) = or_skip(RedisServer::builder().tls().start()) else { return };
    assert!(redis.url().starts_with("rediss://"));
    assert!(redis.certificate().unwrap().authority().starts_with("-----BEGIN CERTIFICATE-----"));
    assert_ne!(ask(redis.address(), "PING").unwrap_or_default(), "+PONG");
}

#[test]
fn postgres_is_frozen_killed_and_started_again_on_its_port() {
    let Some(mut postgres) = or_skip(PostgresServer::start()) else { return };
    let address = postgres.address();
    assert_eq!(asked_for_tls(address).unwrap(), 'N');
    postgres.pause().unwrap();
    assert!(is_silence(asked_for_tls(address)));
    postgres.kill().unwrap();
    assert_eq!(asked_for_tls(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    postgres.restart().unwrap();
    assert_eq!(asked_for_tls(address).unwrap(), 'N');
    assert!(!format!("{postgres:?}").contains(postgres.password()));

    let Some(pooler) = or_skip(PgBouncer::start(&postgres)) else { return };
    assert_eq!(asked_for_tls(pooler.address()).unwrap(), 'N');
}

#[test]
fn postgres_with_tls_offers_it() {
    let Some(postgres) = or_skip(PostgresServer::builder().tls().start()) else { return };
    assert_eq!(asked_for_tls(postgres.address()).unwrap(), 'S');
}

#[test]
#[expect(clippy::print_stdout, reason = "that is how the process that is killed names its server")]
fn a_server_ends_with_whoever_started_it() {
    if std::env::var_os(VARIABLE).is_some() {
        let redis = RedisServer::start().unwrap();
        redis.pause().unwrap();
        println!("\nlistens on {}", redis.address());
        // Sleeps because it is to be killed here, as a test run is that somebody interrupts.
        sleep(Duration::from_secs(60));
        return;
    }
    if or_skip(RedisServer::start()).is_none() {
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["servers::a_server_ends_with_whoever_started_it", "--exact", "--nocapture"])
        .env(VARIABLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address =
        lines.map(Result::unwrap).find_map(|line| Some(line.strip_prefix("listens on ")?.to_owned()));
    let address: SocketAddr = address.unwrap().parse().unwrap();
    TcpStream::connect(address).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let is_gone = (0..1000).any(|_| {
        // Sleeps because the kernel closes the pipe and the server is killed in another process's time.
        sleep(Duration::from_millis(10));
        TcpStream::connect(address).is_err()
    });
    assert!(is_gone, "the server lives on at {address}");
}
