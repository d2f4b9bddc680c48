//! An OAuth 2.0 authorization server and a small Butlr API, embedded: real, in memory, on a
//! loopback port.

mod builder;
mod butlr;
mod connection;
mod control;
mod endpoint;
mod fault;
mod grants;
mod journal;
mod keys;
mod oauth;
mod parameters;
mod random;
mod registry;
mod server;
mod settings;
mod state;
mod time;
mod user_agent;

pub use builder::Builder;
pub use endpoint::Endpoint;
pub use fault::Fault;
pub use journal::{Event, EventKind, FamilyPath, Journal, Judgement, Renewal};
pub use keys::SigningAlgorithm;
pub use registry::{API_SCOPES, Client, User};
pub use server::AuthorizationServer;
pub use settings::{Rotation, Successor, Unauthenticated};
