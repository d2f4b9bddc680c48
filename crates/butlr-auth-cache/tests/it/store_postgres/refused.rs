//! What the PostgreSQL store does not take: servers that are absent, silent or not who they claim to be, rows that
//! are no sessions, and settings that would give secrets away.

use std::time::Duration;

use butlr_auth_cache::{Entry, Id, PostgresStore, Swap, TokenStore as _};
use butlr_auth_core::ErrorKind;
use butlr_auth_testkit::servers::{Certificate, PostgresServer, or_skip};
use deadpool_postgres::tokio_postgres::{self, NoTls};

use super::{builder, store};
use crate::store_network::{
    SHORT, Tarpit, check_fails_in_time, check_no_secret, closed_port, entry, key, write,
};

/// A connection on which a test says what no store would.
async fn raw(server: &PostgresServer) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

// Security: K1.
#[tokio::test]
async fn a_server_that_is_away_or_silent_is_an_error_in_time() {
    let refused = PostgresStore::open(&format!("postgres://app:canary@{}/app", closed_port())).unwrap();
    check_fails_in_time(&refused, Duration::from_secs(1)).await;
    let nowhere = PostgresStore::open("postgres://app:canary@no-such-host.invalid/app").unwrap();
    check_fails_in_time(&nowhere, Duration::from_secs(3)).await;

    let tarpit = Tarpit::start().await;
    for tls in ["disable", "require"] {
        let url = format!("postgres://app:canary@{}/app?sslmode={tls}", tarpit.address());
        check_fails_in_time(&PostgresStore::open(&url).unwrap(), Duration::from_secs(3)).await;
    }
}

// Security: K1.
#[tokio::test]
async fn a_server_that_freezes_is_an_error_in_time_and_found_again() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    store(&server).await;
    let store = builder(&server).timeout(SHORT).connect_timeout(SHORT).build().unwrap();
    write(&store, None, &entry()).await;
    server.pause().unwrap();
    check_fails_in_time(&store, Duration::from_secs(1)).await;
    server.resume().unwrap();
    assert!(store.load(&key()).await.unwrap().is_some());
}

// Security: K2.
#[tokio::test]
async fn calls_that_are_dropped_leave_connections_for_others() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    store(&server).await;
    let store = builder(&server).max_connections(1).build().unwrap();
    write(&store, None, &entry()).await;
    server.pause().unwrap();
    for _ in 0..5 {
        let dropped = tokio::time::timeout(Duration::from_millis(20), store.load(&key())).await;
        assert!(dropped.is_err());
    }
    server.resume().unwrap();
    assert!(store.load(&key()).await.unwrap().is_some());
}

// Security: K5.
#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let Some(server) = or_skip(PostgresServer::builder().tls().start()) else { return };
    let other = PostgresServer::builder().tls().start().unwrap();
    let url = format!("{}?sslmode=require", server.url());
    let authority = other.certificate().map(Certificate::authority).unwrap();
    let store = PostgresStore::builder(&url).certificate_authorities(authority).build().unwrap();
    assert_eq!(store.load(&key()).await.unwrap_err().kind(), ErrorKind::Configuration);
    let by_the_system = PostgresStore::open(&url).unwrap();
    assert_eq!(by_the_system.load(&key()).await.unwrap_err().kind(), ErrorKind::Configuration);
    // It takes no connection without TLS either, and that is not tried.
    let plain = PostgresStore::open(&server.url()).unwrap();
    assert_eq!(plain.load(&key()).await.unwrap_err().kind(), ErrorKind::Storage);
}

// Security: K5.
#[tokio::test]
async fn a_password_is_in_no_message() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    let wrong = server.url().replace(server.password(), "canary-wrong");
    check_no_secret(&PostgresStore::builder(&wrong));
    let store = PostgresStore::open(&wrong).unwrap();
    check_no_secret(&store);
    let error = store.load(&key()).await.unwrap_err();
    check_no_secret(&error);
    assert!(error.to_string().contains("SQLSTATE 28P01"), "{error}");

    for url in [
        "postgres://app:canary@[::1/app",
        "http://app:canary@host",
        "canary",
        "",
        "postgres://",
        "host=a canary",
    ] {
        let error = PostgresStore::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
        check_no_secret(&error);
    }
}

/// A server quotes the row that it refuses, unless its words are left out.
#[tokio::test]
async fn the_servers_own_words_are_not_repeated() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    let (store, raw) = (store(&server).await, raw(&server).await);
    raw.batch_execute("ALTER TABLE butlr_auth_sessions ADD CHECK (entry = '')").await.unwrap();
    let error = store.compare_and_swap(&key(), None, &entry()).await.unwrap_err();
    check_no_secret(&error);
    assert!(error.to_string().contains("SQLSTATE 23514"), "{error}");
}

#[tokio::test]
async fn another_machine_is_spoken_to_over_tls_alone() {
    for url in [
        "postgres://app:canary@10.0.0.1/app?sslmode=disable",
        "postgres://app:canary@localhost,db.example.com/app?sslmode=disable",
        "host=localhost hostaddr=10.0.0.1 user=app sslmode=disable",
    ] {
        let error = PostgresStore::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
        check_no_secret(&error);
        PostgresStore::builder(url).danger_allow_plaintext().build().unwrap();
    }
}

#[tokio::test]
async fn a_table_that_is_missing_says_how_to_make_it() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    let store = builder(&server).table("private.sessions").build().unwrap();
    let error = store.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("create_schema"), "{error}");
    raw(&server).await.batch_execute("CREATE SCHEMA private").await.unwrap();
    let (one, other) = tokio::join!(store.create_schema(), store.create_schema());
    one.and(other).unwrap();
    write(&store, None, &entry()).await;

    for name in ["", "a;b", "a b", "A", "1a", "a.b.c", "a.", "\"a\"", "é"] {
        let refused = builder(&server).table(name).build().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Configuration, "{name}");
    }
}

// Security: K7.
#[tokio::test]
async fn what_is_no_session_is_a_corrupt_record_and_stays() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    let (store, raw) = (store(&server).await, raw(&server).await);
    let newer = String::from_utf8(entry().to_bytes(&key()).unwrap().to_vec()).unwrap();
    let newer = newer.replacen("\"format\":2", "\"format\":9", 1).into_bytes();
    let mut moved = Entry::to_bytes(&entry(), &key()).unwrap().to_vec();
    moved.push(b' ');
    let poisons: [(Vec<u8>, ErrorKind); 5] = [
        (b"canary".to_vec(), ErrorKind::CorruptRecord),
        (Vec::new(), ErrorKind::CorruptRecord),
        (moved, ErrorKind::CorruptRecord),
        (vec![b' '; 64 * 1024 * 1024], ErrorKind::CorruptRecord),
        (newer, ErrorKind::Unsupported),
    ];
    let digest = key().digest();
    for (poison, kind) in poisons {
        raw.batch_execute("DELETE FROM butlr_auth_sessions").await.unwrap();
        let put = "INSERT INTO butlr_auth_sessions VALUES ($1, '0', $2)";
        raw.execute(put, &[&digest, &poison]).await.unwrap();
        let error = store.load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        check_no_secret(&error);
        for expected in [None, Some(Id::random())] {
            assert_eq!(store.compare_and_swap(&key(), expected, &entry()).await.unwrap(), Swap::Conflict);
        }
        let kept =
            raw.query_one("SELECT entry FROM butlr_auth_sessions WHERE key = $1", &[&digest]).await.unwrap();
        assert_eq!(kept.get::<_, Vec<u8>>(0), poison);
    }
}
