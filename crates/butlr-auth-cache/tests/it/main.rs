//! Sessions over an authorization server that lives in the test: every exchange is counted, none is timed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod answers;
#[cfg(feature = "blocking")]
mod blocking;
mod cancellation;
mod clocks;
mod id_token;
mod lifetimes;
mod lost;
#[cfg(feature = "metrics")]
mod metrics;
mod server;
mod session;
mod sessions;
#[cfg(feature = "conformance")]
mod store;
#[cfg(feature = "conformance")]
mod store_broken;
#[cfg(feature = "encrypted")]
mod store_encrypted;
mod store_faults;
mod store_file;
#[cfg(all(feature = "conformance", feature = "postgres", feature = "redis"))]
mod store_fleet;
#[cfg(all(target_os = "linux", feature = "conformance", feature = "postgres", feature = "redis"))]
mod store_holder;
#[cfg(all(target_os = "linux", feature = "conformance", feature = "postgres", feature = "redis"))]
mod store_hosts;
#[cfg(all(feature = "conformance", feature = "postgres", feature = "redis"))]
mod store_network;
#[cfg(feature = "conformance")]
mod store_plain;
#[cfg(all(feature = "conformance", feature = "postgres", feature = "redis"))]
mod store_postgres;
#[cfg(all(feature = "conformance", feature = "postgres", feature = "redis"))]
mod store_redis;
#[cfg(feature = "sqlite")]
mod store_sqlite;
mod waiting;
mod words;
