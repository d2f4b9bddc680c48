//! OAuth 2.0 sessions that stay valid: a token for every request, renewed once for every task and process.
//!
//! ```no_run
//! # async fn example(id: butlr_auth::ClientId, secret: butlr_auth::ClientSecret) -> Result<(), butlr_auth::Error> {
//! use butlr_auth::{FileStore, Grant, HttpTokenEndpoint, Provider, Session};
//!
//! let endpoint = HttpTokenEndpoint::builder(Provider::butlr()).client_secret(id, secret).build()?;
//! let session = Session::builder(endpoint)
//!     .grant(Grant::client_credentials())
//!     .store(FileStore::user()?)
//!     .open()?;
//! let token = session.token().await?; // valid now; cached, shared, renewed
//! # drop(token);
//! # Ok(()) }
//! ```
//!
//! A **grant** says how to ask, an **endpoint** answers, a **store** remembers, a **session** keeps a token valid.
//! A program asks its session for a token on every request and never thinks about expiry, renewal, rotation, races
//! or restarts again.
//!
//! # Where things are
//!
//! This crate re-exports the paved path and holds no logic of its own. Depend on just the layer that you need:
//!
//! | crate | what it is | here |
//! |---|---|---|
//! | `butlr-auth-core` | grants, providers, tokens, secrets, the traits: no I/O | [`core`] |
//! | `butlr-auth-http` | a token endpoint over HTTP | [`http`] |
//! | `butlr-auth-cache` | stores and sessions | [`cache`] |
//! | `butlr-auth-verify` | the resource server's side: access tokens and `id_token`s, verified | `verify`, by feature |
//!
//! # Grants
//!
//! | grant | how |
//! |---|---|
//! | client credentials | [`Grant::client_credentials`], given to [`Session::builder`]: it asks again by itself |
//! | authorization code with PKCE | [`AuthorizationRequest::code`], then [`Session::login`] |
//! | device code | [`HttpTokenEndpoint::authorize_device`], then [`poll_device`](HttpTokenEndpoint::poll_device) with [`Session::login`] |
//! | password (legacy) | [`Grant::password`], then [`Session::login`] |
//! | implicit (legacy) | [`AuthorizationRequest::implicit`], then [`Session::login_with`] |
//! | refresh token | nothing to do: the session sends it |
//!
//! A server that publishes metadata is known by its issuer alone: [`HttpTokenEndpoint::discover`].
//!
//! # What it is not
//!
//! No authorization server. A client treats access tokens as opaque; a resource server verifies them with the feature
//! `verify`.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `blocking` | [`Session::blocking`](cache::Session): sessions for programs without an async runtime |
//! | `encrypted` | encryption around any store |
//! | `keyring` | the key of that encryption in the keyring of the desktop |
//! | `metrics` | what sessions tell a monitoring system, over the `metrics` facade |
//! | `reqwest-middleware`, `tower` | [`Bearer`], for clients of these |
//! | `sqlite`, `redis`, `postgres` | sessions in these, for several processes or hosts |
//! | `verify` | the module `verify`: JWT access tokens and `id_token`s, verified |
//! | `axum` | an access token as an argument of axum's handlers |
//! | `loopback` | [`LoopbackListener`]: logins in the browser of this machine |
//!
//! # Errors
//!
//! One [`Error`] for all layers, with a [kind](ErrorKind) that a caller can act on.
//!
//! # Security
//!
//! Secrets are redacted in `Debug`, wiped on drop and bound to the origin they were made for; see
//! [`core`] and [`cache`].

pub use butlr_auth_cache as cache;
pub use butlr_auth_core as core;
pub use butlr_auth_http as http;
#[cfg(feature = "verify")]
pub use butlr_auth_verify as verify;

#[cfg(feature = "blocking")]
pub use butlr_auth_cache::BlockingSession;
#[cfg(unix)]
pub use butlr_auth_cache::FileStore;
#[cfg(feature = "metrics")]
pub use butlr_auth_cache::metrics;
#[cfg(feature = "encrypted")]
pub use butlr_auth_cache::{Encrypted, EncryptionKey, EncryptionKeys};
pub use butlr_auth_cache::{
    Event, LoginReason, Logout, MemoryStore, RefreshPolicy, Session, SessionState, SessionStatus, Sessions,
    TokenStore,
};
pub use butlr_auth_core::{
    AccessToken, AuthorizationRequest, AuthorizationResponse, BodyEncoding, ClientAuthenticationMethod,
    ClientId, ClientSecret, Clock, DeviceAuthorization, Dialect, EndpointUrl, Error, ErrorCode, ErrorKind,
    ErrorResponse, Grant, GrantType, Introspection, Leniency, Metadata, Password, Provider, Scope,
    SystemClock, Token, TokenEndpoint, TokenResponse, TokenSource,
};
#[cfg(feature = "loopback")]
pub use butlr_auth_http::LoopbackListener;
pub use butlr_auth_http::{Bearer, BearerError, Discovery, HttpTokenEndpoint, Network, NetworkFault};

/// The guides' programs.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/guides/any-server.md")]
    mod any_server {}
    #[cfg(feature = "blocking")]
    #[doc = include_str!("../../../docs/guides/blocking.md")]
    mod blocking {}
    #[cfg(unix)]
    #[doc = include_str!("../../../docs/guides/butlr.md")]
    mod butlr {}
    #[cfg(all(feature = "reqwest-middleware", feature = "tower"))]
    #[doc = include_str!("../../../docs/guides/call-an-api.md")]
    mod call_an_api {}
    #[cfg(all(unix, feature = "encrypted"))]
    #[doc = include_str!("../../../docs/guides/encryption.md")]
    mod encryption {}
    #[doc = include_str!("../../../docs/guides/many-identities.md")]
    mod many_identities {}
    #[cfg(feature = "metrics")]
    #[doc = include_str!("../../../docs/guides/metrics.md")]
    mod metrics {}
    #[cfg(feature = "axum")]
    #[doc = include_str!("../../../docs/guides/resource-server.md")]
    mod resource_server {}
    #[doc = include_str!("../../../docs/guides/services.md")]
    mod services {}
    #[doc = include_str!("../../../docs/guides/testing.md")]
    mod testing {}
    #[doc = include_str!("../../../docs/guides/which-store.md")]
    mod which_store {}
}

/// The README's program, compiled and run with the documentation's examples. It lies outside the package, and is
/// looked for by those examples alone.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

/// The programs that the packages' own front pages show.
#[cfg(doctest)]
mod packages {
    #[doc = include_str!("../../butlr-auth-cache/README.md")]
    mod cache {}
    #[doc = include_str!("../../butlr-auth-core/README.md")]
    mod core {}
    #[cfg(feature = "sqlite")]
    #[doc = include_str!("../README.md")]
    mod facade {}
    #[doc = include_str!("../../butlr-auth-http/README.md")]
    mod http {}
    #[doc = include_str!("../../butlr-auth-testkit/README.md")]
    mod testkit {}
    #[cfg(feature = "verify")]
    #[doc = include_str!("../../butlr-auth-verify/README.md")]
    mod verify {}
}
