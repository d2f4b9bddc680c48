//! The PostgreSQL store over real servers and a real pooler: down, frozen, killed, and poisoned.

mod outage;
mod refused;

use butlr_auth_cache::{PostgresStore, PostgresStoreBuilder, TokenStore, conformance};
use butlr_auth_testkit::servers::{PgBouncer, PostgresServer, or_skip};

type Tested = Result<(), conformance::Broken>;

fn builder(server: &PostgresServer) -> PostgresStoreBuilder {
    let Some(certificate) = server.certificate() else { return PostgresStore::builder(&server.url()) };
    let url = format!("{}?sslmode=require", server.url());
    PostgresStore::builder(&url).certificate_authorities(certificate.authority())
}

async fn store(server: &PostgresServer) -> PostgresStore {
    let store = builder(server).build().unwrap();
    store.create_schema().await.unwrap();
    store
}

#[tokio::test]
async fn postgres_store_conforms_on_one_thread() -> Tested {
    let Some(server) = or_skip(PostgresServer::start()) else { return Ok(()) };
    conformance::check(async || store(&server).await).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_store_conforms_over_tls() -> Tested {
    let Some(server) = or_skip(PostgresServer::builder().tls().start()) else { return Ok(()) };
    conformance::check(async || Box::new(store(&server).await) as Box<dyn TokenStore>).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_store_conforms_under_serializable_isolation() -> Tested {
    let server = PostgresServer::builder().setting("default_transaction_isolation", "serializable");
    let Some(server) = or_skip(server.start()) else { return Ok(()) };
    conformance::check(async || store(&server).await).await
}

/// Two statements of one client run on two connections there: a prepared statement, a setting or a lock of the
/// connection would be somebody else's.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn postgres_store_conforms_through_a_transaction_pooler() -> Tested {
    let Some(server) = or_skip(PostgresServer::start()) else { return Ok(()) };
    let Some(pooler) = or_skip(PgBouncer::start(&server)) else { return Ok(()) };
    store(&server).await;
    conformance::check(async || PostgresStore::open(&pooler.url()).unwrap()).await
}

#[cfg(feature = "encrypted")]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn encrypted_postgres_store_conforms() -> Tested {
    use butlr_auth_cache::{Encrypted, EncryptionKey};

    let Some(server) = or_skip(PostgresServer::start()) else { return Ok(()) };
    let key = EncryptionKey::generate();
    conformance::check(async || Encrypted::new(store(&server).await, key.clone())).await
}

#[tokio::test]
async fn processes_share_the_postgres_store() -> Tested {
    // In the processes that it starts, the place is the argument, and no server is needed.
    let server = if std::env::var_os("BUTLR_AUTH_CONFORMANCE").is_some() {
        None
    } else {
        let Some(server) = or_skip(PostgresServer::start()) else { return Ok(()) };
        store(&server).await;
        Some(server)
    };
    let place = server.as_ref().map(PostgresServer::url).unwrap_or_default();
    let test = "store_postgres::processes_share_the_postgres_store";
    conformance::check_across_processes(test, &place, async |place| PostgresStore::open(place).unwrap()).await
}
