#![allow(missing_docs, reason = "tests")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod answers;
mod authorization_request;
#[cfg(all(feature = "reqwest-middleware", feature = "tower"))]
mod bearer;
mod capture;
mod clock;
mod device;
mod discovery;
mod end_to_end;
mod extremes;
mod faults;
mod forms;
mod header;
mod introspection;
mod logs;
#[cfg(feature = "loopback")]
mod loopback;
mod network;
mod pushed_authorization;
mod revocation;
mod servers;
mod successor;
mod tls;
mod wire;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}
