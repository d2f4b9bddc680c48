//! Sessions over a PostgreSQL that freezes, dies and comes back.

use std::time::Duration;

use butlr_auth_cache::TokenStore as _;
use butlr_auth_testkit::servers::{PostgresServer, or_skip};

use super::{builder, store};
use crate::store_fleet;
use crate::store_network::{entry, key, write};

// Security: K1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_usable_token_is_served_while_postgres_is_frozen() {
    let Some(mut server) = or_skip(PostgresServer::start()) else { return };
    let store = store(&server).await;
    store_fleet::serves_through_a_pause(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_a_typed_error_while_postgres_is_frozen() {
    let Some(mut server) = or_skip(PostgresServer::start()) else { return };
    let store = store(&server).await;
    store_fleet::fails_typed_when_nothing_is_left(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_survives_the_death_of_postgres() {
    let Some(mut server) = or_skip(PostgresServer::start()) else { return };
    let store = store(&server).await;
    store_fleet::survives_a_death_in_mid_refresh(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_postgres_goes_unnoticed() {
    let Some(mut server) = or_skip(PostgresServer::start()) else { return };
    let store = store(&server).await;
    store_fleet::outlives_a_restart(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hosts_half_a_minute_off_refresh_when_time_requires_it() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    store(&server).await;
    let open = || builder(&server).build().unwrap();
    let (refreshes, required) = store_fleet::shared_by_two_hosts(Duration::from_secs(30), open).await;
    assert!(refreshes <= required, "{refreshes} refreshes, {required} were required at most");
}

/// Each renewal by the host that is ahead costs another one: to the other host that token is not issued yet.
// Security: L5.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hosts_five_minutes_apart_spend_each_token_once() {
    let Some(server) = or_skip(PostgresServer::start()) else { return };
    store(&server).await;
    let open = || builder(&server).build().unwrap();
    let (refreshes, required) = store_fleet::shared_by_two_hosts(Duration::from_secs(150), open).await;
    assert!(refreshes <= 2 * required, "{refreshes} refreshes, {required} were required at most");
}

/// A server that answers before its disk has the commit loses it here, unless the store asks for more.
#[tokio::test]
async fn a_write_is_on_disk_even_where_commits_are_not_synced() {
    let lazy =
        PostgresServer::builder().setting("synchronous_commit", "off").setting("wal_writer_delay", "10s");
    let Some(mut server) = or_skip(lazy.start()) else { return };
    let store = store(&server).await;
    let (first, second) = (entry(), entry());
    write(&store, None, &first).await;
    write(&store, Some(first.write_id()), &second).await;
    server.restart().unwrap();
    let stored = builder(&server).build().unwrap().load(&key()).await.unwrap().unwrap();
    assert_eq!(stored.write_id(), second.write_id());
}
