//! Sessions over a Redis that freezes, dies and comes back.

use std::time::Duration;

use butlr_auth_testkit::servers::{RedisServer, or_skip};

use super::{builder, store};
use crate::store_fleet;

// Security: K1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_usable_token_is_served_while_redis_is_frozen() {
    let Some(mut server) = or_skip(RedisServer::start()) else { return };
    let open = builder(&server);
    let store = open.build().unwrap();
    store_fleet::serves_through_a_pause(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_token_is_a_typed_error_while_redis_is_frozen() {
    let Some(mut server) = or_skip(RedisServer::start()) else { return };
    let store = store(&server);
    store_fleet::fails_typed_when_nothing_is_left(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_survives_the_death_of_redis() {
    let Some(mut server) = or_skip(RedisServer::start()) else { return };
    let store = builder(&server).synced().build().unwrap();
    store_fleet::survives_a_death_in_mid_refresh(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_redis_goes_unnoticed() {
    let Some(mut server) = or_skip(RedisServer::start()) else { return };
    let store = store(&server);
    store_fleet::outlives_a_restart(&mut server, || store.clone()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hosts_half_a_minute_off_refresh_when_time_requires_it() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let (refreshes, required) =
        store_fleet::shared_by_two_hosts(Duration::from_secs(30), || store(&server)).await;
    assert!(refreshes <= required, "{refreshes} refreshes, {required} were required at most");
}

/// Each renewal by the host that is ahead costs another one: to the other host that token is not issued yet.
// Security: L5.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hosts_five_minutes_apart_spend_each_token_once() {
    let Some(server) = or_skip(RedisServer::start()) else { return };
    let (refreshes, required) =
        store_fleet::shared_by_two_hosts(Duration::from_secs(150), || store(&server)).await;
    assert!(refreshes <= 2 * required, "{refreshes} refreshes, {required} were required at most");
}
