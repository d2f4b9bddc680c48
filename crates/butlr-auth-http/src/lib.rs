//! An OAuth 2.0 token endpoint over HTTP: grants go out in a provider's dialect, checked tokens come back.
//!
//! ```
//! # use butlr_auth_testkit::AuthorizationServer;
//! use butlr_auth_core::{ClientSecret, Grant, Provider, TokenEndpoint};
//! use butlr_auth_http::HttpTokenEndpoint;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = AuthorizationServer::start().await?;
//! # let (id, secret) = (server.client().id.clone(), server.client().secret.clone());
//! # let provider = Provider::butlr_at(&server.base_url().parse()?);
//! # if false {
//! let provider = Provider::butlr();
//! # }
//! let endpoint = HttpTokenEndpoint::builder(provider)
//!     .client_secret(id, ClientSecret::new(secret)?)
//!     .build()?;
//! let response = endpoint.exchange(&Grant::client_credentials()).await?;
//! assert!(response.expires_in.is_some());
//! # Ok(())
//! # }
//! ```
//!
//! [`HttpTokenEndpoint`] is a [`TokenEndpoint`](butlr_auth_core::TokenEndpoint): most programs hand it to a session of
//! `butlr-auth-cache` and never call it themselves. [`Bearer`] is the other end: it puts the token of any
//! [`TokenSource`](butlr_auth_core::TokenSource) on requests, to the origins that it was given and nowhere else, and has
//! a token that a server refuses replaced. [`AuthorizationHeader`] is the header alone.
//!
//! # The idea
//!
//! One exchange is one request. It is never redirected and never repeated, because a refresh token may be spent by it,
//! and an error says by its [`Delivery`](butlr_auth_core::Delivery) whether that can have happened. The `oauth2` crate
//! speaks the protocol; between it and the network stands a translator that speaks the provider's
//! [`Dialect`](butlr_auth_core::Dialect) on the way out, and on the way back lets nothing pass that was not checked.
//!
//! # Grants
//!
//! | grant | parameters | client authentication | body |
//! |---|---|---|---|
//! | authorization code | `code`, `code_verifier`, `redirect_uri` | basic, post, none | form, JSON |
//! | password (legacy) | `username`, `password`, `scope` | basic, post, none | form, JSON |
//! | client credentials | `scope` | basic, post, none | form, JSON |
//! | refresh token | `refresh_token`, `scope` | basic, post, none | form, JSON |
//! | device code | `device_code` | basic, post, none | form, JSON |
//!
//! Each line of the table is a set of snapshots in `tests/it/snapshots`.
//!
//! # What a server offers besides
//!
//! | what | here | RFC |
//! |---|---|---|
//! | what the server says of itself | [`Discovery`], [`HttpTokenEndpoint::discover`] | [8414](https://www.rfc-editor.org/rfc/rfc8414) |
//! | a code for a person to type elsewhere | [`authorize_device`](HttpTokenEndpoint::authorize_device), [`wait_for_device`](HttpTokenEndpoint::wait_for_device) | [8628](https://www.rfc-editor.org/rfc/rfc8628) |
//! | authorization requests taken beforehand | [`authorization_url`](HttpTokenEndpoint::authorization_url), [`push`](HttpTokenEndpoint::push) | [9126](https://www.rfc-editor.org/rfc/rfc9126) |
//! | the keys that check its signatures | [`JwksEndpoint`] | [7517](https://www.rfc-editor.org/rfc/rfc7517#section-5) |
//! | logins in the browser of this machine | `LoopbackListener` (feature `loopback`) | [8252](https://www.rfc-editor.org/rfc/rfc8252) |
//! | revocation | [`revoke`](butlr_auth_core::TokenEndpoint::revoke) | [7009](https://www.rfc-editor.org/rfc/rfc7009) |
//! | introspection | [`introspect`](HttpTokenEndpoint::introspect) | [7662](https://www.rfc-editor.org/rfc/rfc7662) |
//!
//! # What it is not
//!
//! It keeps no token, renews nothing and retries nothing: that is a session's work. It is no general HTTP client.
//!
//! # Network
//!
//! Connections are HTTP/1.1, which every server speaks, over rustls (TLS 1.2 or later), or plain to this machine alone.
//! The proxy named by `HTTPS_PROXY` or `ALL_PROXY` is used, except for hosts in `NO_PROXY`, and never by a provider
//! with an endpoint on this machine. [`Network`] names another one, more authorities to trust, and the certificate of
//! the client. `localhost` is `127.0.0.1` and `[::1]`, whatever a resolver says. The client is built by the first exchange and can be
//! [shared](HttpTokenEndpointBuilder::share_http_client).
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `tower` | `Bearer::layer`: a tower `Layer` for hyper, axum and tonic clients |
//! | `reqwest-middleware` | [`Bearer`] as a middleware of `reqwest-middleware` |
//! | `loopback` | `LoopbackListener`, for logins in a browser on this machine |
//!
//! Without the first two there is [`Bearer::send`], around any client at all.
//!
//! # Errors
//!
//! The one [`Error`](butlr_auth_core::Error) of core. It has the status, `Retry-After`, the server's error response and,
//! of an answer that is none, the first 200 characters. Without a readable error response the status decides.
//!
//! | what happened | kind | delivery |
//! |---|---|---|
//! | connection refused, DNS, a proxy that is away | unreachable, timed out | not sent |
//! | a certificate that is not trusted or fits badly, no TLS, a proxy that refuses ([`NetworkFault`]) | configuration | not sent |
//! | the deadline passed, the connection broke | timed out, unreachable | unanswered |
//! | status 200 without a usable token, any other 2xx | invalid response | unanswered |
//! | an `error`, or another status 4xx | refused | answered |
//! | status 429 | throttled | answered |
//! | status 408 or 5xx | server failed | answered |
//! | a redirect or any other status | invalid response | answered |
//!
//! # Security
//!
//! What was sent is cut out of whatever a server sends back before it gets near an error, and of an answer that may
//! hold a token nothing is shown. Header values are marked sensitive. A body is wiped once it is written, an
//! [`AuthorizationHeader`]'s value with its last clone; copies inside `oauth2`, TLS and the sockets' buffers are not
//! ours to wipe. An answer is read up to 256 KiB.

mod answer;
mod authorization_header;
mod bearer;
mod body;
mod call;
mod device;
mod discovery;
mod endpoint;
mod exchange;
mod form;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod introspection;
mod jwks;
#[cfg(feature = "loopback")]
mod loopback;
mod network;
mod pushed_authorization;
mod retry_after;
mod transport;

pub use authorization_header::AuthorizationHeader;
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
pub use bearer::BearerBody;
pub use bearer::{Bearer, BearerError};
#[cfg(feature = "tower")]
pub use bearer::{BearerLayer, BearerService};
pub use discovery::{Discovery, DiscoveryBuilder};
pub use endpoint::{HttpTokenEndpoint, HttpTokenEndpointBuilder};
pub use jwks::{JwksDocument, JwksEndpoint};
#[cfg(feature = "loopback")]
pub use loopback::LoopbackListener;
pub use network::{Network, NetworkFault};
