//! What the Redis store does not take: servers that are absent, silent or not who they claim to be, values that are
//! no sessions, and settings that would give secrets away.

use std::time::Duration;

use butlr_auth_cache::{Durability, Entry, Id, RedisStore, Swap, TokenStore as _};
use butlr_auth_core::ErrorKind;
use butlr_auth_testkit::servers::{Certificate, RedisServer, or_skip};

use super::{builder, raw, statistic, store};
use crate::store_network::{
    SHORT, Tarpit, check_fails_in_time, check_no_secret, closed_port, entry, key, write,
};

/// How many bytes the server has sent to anybody.
async fn sent(server: &RedisServer) -> u64 {
    statistic(server, "total_net_output_bytes").await
}

fn name() -> String {
    format!("butlr-auth:{}", key().digest())
}

/// Waits until the replicas of a new server have caught up, by which time a write reaches them.
pub(super) async fn wait_until_written(store: &RedisStore) {
    for _ in 0..20 {
        let stored = store.load(&key()).await.unwrap().map(|entry| entry.write_id());
        if store.compare_and_swap(&key(), stored, &entry()).await.is_ok() {
            return;
        }
    }
    store.compare_and_swap(&key(), None, &entry()).await.map(drop).unwrap();
}

// Security: K1.
#[tokio::test]
async fn a_server_that_is_away_or_silent_is_an_error_in_time() {
    let refused = RedisStore::open(&format!("redis://{}", closed_port())).unwrap();
    check_fails_in_time(&refused, Duration::from_secs(1)).await;
    let nowhere = RedisStore::open("rediss://no-such-host.invalid").unwrap();
    check_fails_in_time(&nowhere, Duration::from_secs(3)).await;

    let tarpit = Tarpit::start().await;
    let silent = RedisStore::open(&format!("redis://:canary@{}", tarpit.address())).unwrap();
    check_fails_in_time(&silent, Duration::from_secs(3)).await;
    let silent = RedisStore::open(&format!("rediss://:canary@{}", tarpit.address())).unwrap();
    check_fails_in_time(&silent, Duration::from_secs(3)).await;
}

// Security: K1.
#[tokio::test]
async fn a_server_that_freezes_is_an_error_in_time_and_found_again() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let store = builder(&server).timeout(SHORT).connect_timeout(SHORT).build().unwrap();
    write(&store, None, &entry()).await;
    server.pause().unwrap();
    check_fails_in_time(&store, Duration::from_secs(1)).await;
    server.resume().unwrap();
    assert!(store.load(&key()).await.unwrap().is_some());
}

// Security: K5.
#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let Some(server) = or_skip(RedisServer::builder().tls().password("canary").start()) else { return };
    let other = RedisServer::builder().tls().start().unwrap();
    let authority = other.certificate().map(Certificate::authority).unwrap();
    let store = RedisStore::builder(&server.url()).certificate_authorities(authority).build().unwrap();
    let error = store.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(format!("{error:?}").contains("InvalidCertificate"), "{error:?}");
    let by_the_system = RedisStore::open(&server.url()).unwrap();
    assert_eq!(by_the_system.load(&key()).await.unwrap_err().kind(), ErrorKind::Configuration);
}

// Security: K5.
#[tokio::test]
async fn a_password_is_in_no_message() {
    let Some(server) = or_skip(RedisServer::builder().password("canary-right").start()) else { return };
    let wrong = server.url().replace("canary-right", "canary-wrong");
    check_no_secret(&RedisStore::builder(&wrong));
    let store = RedisStore::open(&wrong).unwrap();
    check_no_secret(&store);
    let error = store.load(&key()).await.unwrap_err();
    check_no_secret(&error);
    assert_eq!(error.kind(), ErrorKind::Storage);

    for url in ["redis://:canary@[::1", "redis://:canary@host:99999", "http://:canary@host", "canary", ""] {
        let error = RedisStore::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
        check_no_secret(&error);
    }
}

/// A server on which the command is called otherwise quotes what it does not know, passwords and entries included.
#[tokio::test]
async fn the_servers_own_words_are_not_repeated() {
    let server = RedisServer::builder().setting("rename-command", "EVAL other");
    let Some(server) = or_skip(server.start()) else { return };
    let error = store(&server).compare_and_swap(&key(), None, &entry()).await.unwrap_err();
    check_no_secret(&error);
    assert_eq!(error.kind(), ErrorKind::Storage);
}

#[tokio::test]
async fn another_machine_is_spoken_to_over_tls_alone() {
    for url in ["redis://10.0.0.1", "redis://redis.example.com:6379/1", "valkey://:canary@10.0.0.1"] {
        let error = RedisStore::open(url).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
        check_no_secret(&error);
        RedisStore::builder(url).danger_allow_plaintext().build().unwrap();
    }
    for url in ["rediss://10.0.0.1", "valkeys://redis.example.com", "redis://localhost", "redis://[::1]:1"] {
        RedisStore::open(url).unwrap();
    }
    // The client's own way to switch the checking of certificates off.
    assert_eq!(RedisStore::open("rediss://10.0.0.1/#insecure").unwrap_err().kind(), ErrorKind::Configuration);
}

// Security: K7.
#[tokio::test]
async fn what_is_no_session_is_a_corrupt_record_and_stays() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let (store, mut raw) = (store(&server), raw(&server).await);
    let poisons: [&[&str]; 5] = [
        &["SET", "text"],
        &["RPUSH", "element"],
        &["HSET", "field", "value"],
        &["HSET", "write_id", "00000000000000000000000000000001", "entry", "canary"],
        &["HSET", "write_id", "00000000000000000000000000000001"],
    ];
    for poison in poisons {
        let [command, rest @ ..] = poison else { continue };
        let () = redis::cmd("DEL").arg(name()).query_async(&mut raw).await.unwrap();
        let _: i64 = match *command {
            "SET" => redis::cmd("APPEND").arg(name()).arg(rest).query_async(&mut raw).await.unwrap(),
            command => redis::cmd(command).arg(name()).arg(rest).query_async(&mut raw).await.unwrap(),
        };
        let error = store.load(&key()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CorruptRecord, "{poison:?}: {error}");
        check_no_secret(&error);
        for expected in [None, Some(Id::random())] {
            match store.compare_and_swap(&key(), expected, &entry()).await {
                Ok(swap) => assert_eq!(swap, Swap::Conflict),
                Err(error) => assert_eq!(error.kind(), ErrorKind::CorruptRecord),
            }
        }
        let still: i64 = redis::cmd("EXISTS").arg(name()).query_async(&mut raw).await.unwrap();
        assert_eq!(still, 1);
    }
}

// Security: K7.
#[tokio::test]
async fn a_value_of_512_megabytes_is_refused_without_reading_it() {
    let Some(server) = or_skip(RedisServer::builder().setting("appendonly", "no").start()) else { return };
    let (store, mut raw) = (store(&server), raw(&server).await);
    // Redis fills the gap before it with zeros, on its side.
    let large = async |length: u64, mut raw: redis::aio::MultiplexedConnection| {
        let end = redis::cmd("SETRANGE").arg("large").arg(length - 1).arg("x").query_async(&mut raw).await;
        assert_eq!(end, Ok(length));
    };
    large(64 * 1024 * 1024, raw.clone()).await;
    let into_entry = "redis.call('HSET', KEYS[2], 'write_id', ARGV[1], 'entry', redis.call('GET', KEYS[1]))";
    let put: redis::RedisResult<redis::Value> = redis::cmd("EVAL")
        .arg(into_entry)
        .arg(2)
        .arg(&["large", &name()])
        .arg("00000000000000000000000000000001")
        .query_async(&mut raw)
        .await;
    put.unwrap();
    let before = sent(&server).await;
    let error = store.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CorruptRecord, "{error}");

    large(512 * 1024 * 1024, raw.clone()).await;
    let () = redis::cmd("RENAME").arg(&["large", &name()]).query_async(&mut raw).await.unwrap();
    assert_eq!(store.load(&key()).await.unwrap_err().kind(), ErrorKind::CorruptRecord);
    assert!(sent(&server).await - before < 1024 * 1024, "it was sent over the network");
}

// Security: K7.
#[tokio::test]
async fn an_entry_of_a_newer_version_is_refused_and_stays() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let (store, mut raw) = (store(&server), raw(&server).await);
    let entry = entry();
    let bytes = entry.to_bytes(&key()).unwrap();
    let newer = String::from_utf8(bytes.to_vec()).unwrap().replacen("\"format\":2", "\"format\":9", 1);
    let fields = ["write_id", &entry.write_id().to_string(), "entry", &newer].map(str::to_owned);
    let () = redis::cmd("HSET").arg(name()).arg(&fields[..]).query_async(&mut raw).await.unwrap();
    assert_eq!(store.load(&key()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let swap = store.compare_and_swap(&key(), None, &Entry::new(Id::random(), "{}")).await.unwrap();
    assert_eq!(swap, Swap::Conflict);
    let stored: String = redis::cmd("HGET").arg(name()).arg("entry").query_async(&mut raw).await.unwrap();
    assert_eq!(stored, newer);
}

// Security: K6.
#[tokio::test]
async fn a_session_never_expires() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let (store, mut raw) = (store(&server), raw(&server).await);
    let first = entry();
    write(&store, None, &first).await;
    write(&store, Some(first.write_id()), &entry()).await;
    let left: i64 = redis::cmd("TTL").arg(name()).query_async(&mut raw).await.unwrap();
    assert_eq!(left, -1);
}

#[tokio::test]
async fn a_promise_that_the_server_does_not_keep_is_refused() {
    let Some(lazy) = or_skip(RedisServer::builder().setting("appendfsync", "everysec").start()) else {
        return;
    };
    assert_eq!(store(&lazy).promises().durability, Durability::Asynchronous);
    let stated = builder(&lazy).synced().build().unwrap();
    let error = stated.load(&key()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");

    let synced = RedisServer::start().unwrap();
    let store = builder(&synced).synced().build().unwrap();
    assert_eq!(store.promises().durability, Durability::Disk);
    write(&store, None, &entry()).await;

    // Hosted servers do not tell; their users have to know.
    let mute = RedisServer::builder().setting("rename-command", "CONFIG other").start().unwrap();
    write(&builder(&mute).synced().build().unwrap(), None, &entry()).await;
}

// Security: K4.
#[tokio::test]
async fn a_write_that_too_few_replicas_have_is_an_error_and_stands() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let store = builder(&server).wait_for_replicas(1).timeout(SHORT).build().unwrap();
    let entry = entry();
    let error = store.compare_and_swap(&key(), None, &entry).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().starts_with("0 of 1 replicas"), "{error}");
    let stored = store.load(&key()).await.unwrap().unwrap();
    assert_eq!(stored.write_id(), entry.write_id());
}

// Security: K4.
#[tokio::test]
async fn a_server_that_drops_sessions_says_by_which_policy() {
    let evicting =
        RedisServer::builder().setting("maxmemory", "100mb").setting("maxmemory-policy", "allkeys-lru");
    let Some(server) = or_skip(evicting.start()) else { return };
    assert_eq!(store(&server).eviction().await.unwrap().as_deref(), Some("allkeys-lru"));
    for (memory, policy) in [("0", "allkeys-lru"), ("100mb", "noeviction"), ("100mb", "volatile-lru")] {
        let server =
            RedisServer::builder().setting("maxmemory", memory).setting("maxmemory-policy", policy).start();
        assert_eq!(store(&server.unwrap()).eviction().await.unwrap(), None, "{memory} {policy}");
    }
}
