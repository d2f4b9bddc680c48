//! The Redis store over real servers: down, frozen, killed, lying, and poisoned.

mod cancelled;
mod outage;
mod refused;

use std::time::Duration;

use butlr_auth_cache::{RedisStore, RedisStoreBuilder, TokenStore, conformance};
use butlr_auth_testkit::servers::{RedisServer, or_skip};

type Tested = Result<(), conformance::Broken>;

fn store(server: &RedisServer) -> RedisStore {
    builder(server).build().unwrap()
}

fn builder(server: &RedisServer) -> RedisStoreBuilder {
    let builder = RedisStore::builder(&server.url());
    match server.certificate() {
        Some(certificate) => builder.certificate_authorities(certificate.authority()),
        None => builder,
    }
}

/// A connection on which a test says what no store would.
async fn raw(server: &RedisServer) -> redis::aio::MultiplexedConnection {
    let patient = redis::AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
    let client = redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
}

/// A number that the server counts.
async fn statistic(server: &RedisServer, name: &str) -> u64 {
    let told: String = redis::cmd("INFO").arg("stats").query_async(&mut raw(server).await).await.unwrap();
    let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().parse().unwrap()
}

#[tokio::test]
async fn redis_store_conforms_on_one_thread() -> Tested {
    let Some(server) = or_skip(RedisServer::start()) else { return Ok(()) };
    conformance::check(async || store(&server)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_store_conforms_over_tls_with_a_password() -> Tested {
    let Some(server) = or_skip(RedisServer::builder().tls().password("canary").start()) else {
        return Ok(());
    };
    conformance::check(async || Box::new(store(&server)) as Box<dyn TokenStore>).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redis_store_conforms_while_it_waits_for_a_replica() -> Tested {
    let server = RedisServer::builder().setting("repl-diskless-sync-delay", "0");
    let Some(server) = or_skip(server.start()) else { return Ok(()) };
    let (host, port) = (server.address().ip(), server.address().port());
    let replica = RedisServer::builder().setting("replicaof", format!("{host} {port}"));
    let Some(_replica) = or_skip(replica.start()) else { return Ok(()) };
    let open = || builder(&server).wait_for_replicas(1).timeout(Duration::from_secs(20)).build().unwrap();
    refused::wait_until_written(&open()).await;
    conformance::check(async || open()).await
}

#[tokio::test]
async fn redis_store_conforms_through_a_unix_socket() -> Tested {
    let Some(server) = or_skip(RedisServer::builder().password("canary").start()) else { return Ok(()) };
    let url = format!("unix://{}?pass=canary", server.socket().display());
    conformance::check(async || RedisStore::open(&url).unwrap()).await
}

/// Whoever reads along, on the server or on its way, sees no document.
// Security: K5.
#[cfg(feature = "encrypted")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn encrypted_redis_store_conforms_and_shows_no_document() -> Tested {
    use butlr_auth_cache::{Encrypted, EncryptionKey};

    let Some(server) = or_skip(RedisServer::start()) else { return Ok(()) };
    let encryption = EncryptionKey::generate();
    let open = || Encrypted::new(store(&server), encryption.clone());
    conformance::check(async || open()).await?;
    crate::store_network::write(&open(), None, &crate::store_network::entry()).await;
    let name = format!("butlr-auth:{}", crate::store_network::key().digest());
    let shown: Vec<Vec<u8>> =
        redis::cmd("HVALS").arg(&name).query_async(&mut raw(&server).await).await.unwrap();
    let shown = shown.concat();
    assert!(String::from_utf8_lossy(&shown).contains("XChaCha20-Poly1305"));
    assert!(!format!("{name}{}", String::from_utf8_lossy(&shown)).contains("canary"));
    Ok(())
}

#[tokio::test]
async fn processes_share_the_redis_store() -> Tested {
    // In the processes that it starts, the place is the argument, and no server is needed.
    let server = if std::env::var_os("BUTLR_AUTH_CONFORMANCE").is_some() {
        None
    } else {
        let Some(server) = or_skip(RedisServer::start()) else { return Ok(()) };
        Some(server)
    };
    let place = server.as_ref().map(RedisServer::url).unwrap_or_default();
    let test = "store_redis::processes_share_the_redis_store";
    conformance::check_across_processes(test, &place, async |place| RedisStore::open(place).unwrap()).await
}
