//! Token stores, and sessions over them that keep one OAuth 2.0 access token valid for every task, process and host.
//!
//! ```no_run
//! # async fn example(endpoint: impl butlr_auth_core::TokenEndpoint + 'static) -> Result<(), butlr_auth_core::Error> {
//! use butlr_auth_cache::{FileStore, Session};
//! use butlr_auth_core::Grant;
//!
//! let session = Session::builder(endpoint)
//!     .grant(Grant::client_credentials())
//!     .store(FileStore::user()?)
//!     .open()?;
//! let token = session.token().await?; // valid now; cached, shared, renewed
//! # Ok(()) }
//! ```
//!
//! A **store** remembers, a **session** keeps a token valid. A program asks its session for a token on every request
//! and never thinks about expiry, renewal, rotation, races, restarts or hosts again. [`Sessions`] does so for many
//! identities.
//!
//! # Stores
//!
//! | store | survives | seen by | exclusion |
//! |---|---|---|---|
//! | [`MemoryStore`] | nothing: it ends with the process | this process | a mutex |
//! | `FileStore` (Unix) | the death of process and machine | every process of this host | file locks that the kernel frees |
//! | `SqliteStore` (Unix, feature `sqlite`) | the death of process and machine | every process of this host | a transaction, and file locks |
//! | `RedisStore` (feature `redis`) | what the server is set up for | every host that reaches it | a script, and a lease of 6 s |
//! | `PostgresStore` (feature `postgres`) | the death of process and machine | every host that reaches it | one statement, and a lease of 6 s |
//! | `Encrypted` (feature `encrypted`) | as the store inside | as the store inside | as the store inside |
//!
//! A store of one's own is two calls: see [`TokenStore`]. The feature `conformance` has the tests that it must pass.
//!
//! # What it is not
//!
//! It knows no HTTP: requests go through any [`TokenEndpoint`](butlr_auth_core::TokenEndpoint), such as that of
//! `butlr-auth-http`. It starts no task, timer or thread for an idle session.
//!
//! # Errors
//!
//! Those of [`butlr_auth_core::ErrorKind`]. A failure is shared by all callers and remembered until its back-off has
//! passed: a server that is down sees attempts that do not depend on the number of callers.
//!
//! # Security
//!
//! Secrets are written in one place, the record, and nowhere else. The file store refuses whatever others may read;
//! `Encrypted` hides from whoever reads a store what is in its records.
//! A refresh token is sent only by a process that has won a compare-and-swap on its session's record, and a new one
//! is durable before its access token is handed out.

#[cfg(feature = "blocking")]
mod blocking;
#[cfg(feature = "conformance")]
pub mod conformance;
mod entry;
mod event;
mod id;
mod key;
#[cfg(feature = "metrics")]
pub mod metrics;
#[cfg(not(feature = "metrics"))]
#[path = "metrics/off.rs"]
mod metrics;
mod policy;
mod protocol;
mod record;
mod session;
mod sessions;
mod small_map;
mod store;

#[cfg(feature = "blocking")]
pub use blocking::BlockingSession;
pub use entry::Entry;
pub use event::Event;
pub use id::Id;
pub use key::{Party, SessionKey};
pub use policy::RefreshPolicy;
pub use protocol::LoginReason;
pub use session::{Logout, Session, SessionBuilder, SessionState, SessionStatus};
pub use sessions::{Sessions, SessionsBuilder};
#[cfg(unix)]
pub use store::FileStore;
#[cfg(all(unix, feature = "sqlite"))]
pub use store::SqliteStore;
pub use store::{Durability, Guard, Hold, MemoryStore, Promises, Reach, Swap, TokenStore};
#[cfg(feature = "encrypted")]
pub use store::{Encrypted, EncryptionKey, EncryptionKeys};
#[cfg(feature = "postgres")]
pub use store::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "redis")]
pub use store::{RedisStore, RedisStoreBuilder};
