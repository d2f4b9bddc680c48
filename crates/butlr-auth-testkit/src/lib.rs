//! An OAuth 2.0 authorization server and a small Butlr API, embedded: real, in memory, on a
//! loopback port.
//!
//! ```
//! use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let server = AuthorizationServer::start().await?;
//! let login_url = format!("{}{}", server.base_url(), Endpoint::ButlrLogin.path());
//! # assert!(login_url.ends_with("/api/v2/login"));
//!
//! // The next two token requests meet trouble, the third one does not.
//! server.inject(Fault::status(503).header("Retry-After", "1").times(2).on(Endpoint::ButlrLogin));
//!
//! // … let the client under test log in at `login_url` with `server.user()` …
//!
//! let journal = server.journal();
//! assert_eq!(journal.token_requests(), 0);
//! assert!(journal.judge().is_clean());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # The idea
//!
//! A client of OAuth is right when a strict server, watching it, finds nothing to say. This server
//! is strict by the letter of the RFCs, remembers every refresh token that it saw, and misbehaves
//! only when told to: once, by a [`Fault`], or always, by a [`Quirk`] that servers in the wild have. Time moves when told to, too: [`advance_time`](AuthorizationServer::advance_time)
//! makes tokens expire without waiting.
//!
//! # What it serves
//!
//! | path | what |
//! |---|---|
//! | `/authorize` | login and consent page; code (PKCE S256) and implicit |
//! | `/token` | authorization code, password, client credentials, refresh token, device code; form or JSON |
//! | `/revoke`, `/introspect` | RFC 7009, RFC 7662 |
//! | `/par` | pushed authorization requests, RFC 9126 |
//! | `/device_authorization`, `/device` | the device grant, RFC 8628, and the page for its user codes |
//! | `/oauth/token`, `/oauth/revoke` | the same as `/token` and `/revoke`, where Auth0 has them |
//! | `/jwks`, `/.well-known/*` | keys and metadata |
//! | `/api/v2/login`, `/api/v2/clients/login` | Butlr's password and client credentials grants |
//! | `/api/v2/refresh` | a refresh endpoint for Butlr's password sessions, which Butlr does not document |
//! | `/api/v1/client` | minting client credentials |
//! | `/api/v3/graphql` | sites, buildings, floors, rooms, zones, hives, sensors, tags |
//! | `/api/v3/reporting`, `/api/v4/reporting/stats` | occupancy, traffic, presence |
//! | `/_test/*` | faults, journal and clock for other processes, when [opened](Builder::control_endpoint) |
//!
//! Access tokens are signed JWTs (RFC 9068), and the API verifies them: signature, expiry,
//! audience, scope, revocation. Codes end in a literal `%3D` and refresh tokens in `%3d`, as on
//! some real servers. Refresh tokens are good once; using one again outside the
//! [reuse interval](Builder::reuse_interval) ends its family.
//!
//! # Features
//!
//! Both are off by default. `servers` (Unix): the module of that name starts the real Redis, PostgreSQL and PgBouncer of
//! this machine for the tests of stores. `hostile`: the module of that name has answers that no client wants to meet.
//!
//! # What it is not
//!
//! A server for anybody else. It keeps nothing, limits nothing, and its secrets are sample data
//! that its own login page shows. It listens on loopback addresses only and answers to loopback
//! names only. It shares no code with the crates that it judges.
//!
//! # Errors
//!
//! Starting one is I/O, so it fails with [`std::io::Error`]. Everything else is an HTTP answer.
//!
//! # Security
//!
//! The journal holds fingerprints, never tokens. `Debug` of the server, its clients and its users
//! shows no secret.

mod builder;
mod butlr;
mod connection;
mod control;
mod endpoint;
mod fault;
mod grants;
#[cfg(feature = "hostile")]
pub mod hostile;
mod journal;
mod keys;
mod oauth;
mod parameters;
mod quirk;
mod random;
mod registry;
mod server;
#[cfg(all(unix, feature = "servers"))]
pub mod servers;
mod settings;
mod state;
mod time;
mod user_agent;

pub use builder::Builder;
pub use endpoint::Endpoint;
pub use fault::Fault;
pub use journal::{Event, EventKind, FamilyPath, Journal, Judgement, Renewal};
pub use keys::SigningAlgorithm;
pub use quirk::Quirk;
pub use registry::{API_SCOPES, Client, User};
pub use server::AuthorizationServer;
pub use settings::{Rotation, Successor, Unauthenticated};
