//! The server as its users see it: over HTTP, from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[macro_use]
mod support;

mod api;
mod authorize;
mod butlr_login;
mod clients;
mod device;
mod faults;
mod judgement;
mod pushed;
mod quirks;
mod refresh;
#[cfg(all(unix, feature = "servers"))]
mod servers;
mod start;
mod token;
