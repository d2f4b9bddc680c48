//! The examples, run as they stand: each brings its own server and fails if anything does.

#[cfg(feature = "reqwest-middleware")]
#[path = "../../examples/axum_service.rs"]
mod axum_service;
#[cfg(feature = "blocking")]
#[path = "../../examples/blocking.rs"]
mod blocking;
#[path = "../../examples/custom_provider.rs"]
mod custom_provider;
#[path = "../../examples/custom_store.rs"]
mod custom_store;
#[cfg(feature = "metrics")]
#[path = "../../examples/metrics.rs"]
mod metrics;
#[cfg(feature = "axum")]
#[path = "../../examples/resource_server.rs"]
mod resource_server;
#[cfg(feature = "reqwest-middleware")]
#[path = "../../examples/with_reqwest.rs"]
mod with_reqwest;
#[cfg(feature = "tower")]
#[path = "../../examples/with_tower.rs"]
mod with_tower;

#[test]
#[cfg(feature = "reqwest-middleware")]
fn axum_service() {
    axum_service::main().unwrap();
}

#[test]
#[cfg(feature = "blocking")]
fn blocking() {
    blocking::main().unwrap();
}

#[test]
fn custom_provider() {
    custom_provider::main().unwrap();
}

#[test]
fn custom_store() {
    custom_store::main().unwrap();
}

#[test]
#[cfg(feature = "metrics")]
fn metrics() {
    metrics::main().unwrap();
}

#[test]
#[cfg(feature = "axum")]
fn resource_server() {
    resource_server::main().unwrap();
}

#[test]
#[cfg(feature = "reqwest-middleware")]
fn with_reqwest() {
    with_reqwest::main().unwrap();
}

#[test]
#[cfg(feature = "tower")]
fn with_tower() {
    with_tower::main().unwrap();
}
