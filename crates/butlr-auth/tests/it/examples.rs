//! The examples, run as they stand: each brings its own server and fails if anything does.

#[cfg(feature = "blocking")]
#[path = "../../examples/blocking.rs"]
mod blocking;
#[cfg(feature = "metrics")]
#[path = "../../examples/metrics.rs"]
mod metrics;

#[test]
#[cfg(feature = "blocking")]
fn blocking() {
    blocking::main().unwrap();
}

#[test]
#[cfg(feature = "metrics")]
fn metrics() {
    metrics::main().unwrap();
}

#[cfg(feature = "axum")]
#[path = "../../examples/resource_server.rs"]
mod resource_server;

#[test]
#[cfg(feature = "axum")]
fn resource_server() {
    resource_server::main().unwrap();
}
