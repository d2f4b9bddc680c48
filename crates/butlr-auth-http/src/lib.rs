//! An OAuth 2.0 token endpoint over HTTP: `butlr-auth-core` adapted to the `oauth2` crate and reqwest.
//!
//! ```
//! use butlr_auth_core::{ClientSecret, Grant, Provider, TokenEndpoint};
//! use butlr_auth_http::HttpTokenEndpoint;
//! # use butlr_auth_testkit::AuthorizationServer;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let server = AuthorizationServer::start().await?;
//! # let provider = Provider::butlr_at(&server.base_url().parse()?);
//! # let (id, secret) = (server.client().id.clone(), ClientSecret::new(server.client().secret.clone())?);
//! let endpoint = HttpTokenEndpoint::builder(provider).client_secret(id, secret).build()?;
//! let response = endpoint.exchange(&Grant::client_credentials()).await?;
//! assert!(response.expires_in.is_some());
//! # Ok(()) }
//! ```
//!
//! An **endpoint** answers a grant. Most programs never call it themselves: they hand it to a session of
//! `butlr-auth-cache`, which calls it when a token has to be renewed.
//!
//! # Grants
//!
//! | grant | form body | JSON body |
//! |---|---|---|
//! | authorization code with PKCE | yes | yes |
//! | password | yes | yes |
//! | client credentials | yes | yes |
//! | refresh token | yes | yes |
//!
//! each with `client_secret_basic`, `client_secret_post` or `none`, and revocation
//! ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)). What a server wants otherwise is said by its
//! [`Dialect`](butlr_auth_core::Dialect).
//!
//! # What it is not
//!
//! It stores nothing and repeats nothing: one exchange is one request, because a refresh token may be good for one.
//!
//! # Errors
//!
//! [`butlr_auth_core::Error`], with the status, `Retry-After`, the server's error response, and
//! [whether the request can have been acted on](butlr_auth_core::Delivery).
//!
//! # Security
//!
//! TLS 1.2 or newer, verified against the system's roots; plain `http` to loopback addresses alone. No redirect is
//! followed, no cookie kept, no body decompressed. An answer is read to 256 KiB and to a deadline, checked strictly
//! before the `oauth2` crate sees it, and never shown: an error keeps 200 escaped characters of a failure, without
//! what was sent.

mod answer;
mod dialect;
mod endpoint;
mod exchange;
mod revocation;
mod transport;

pub use endpoint::{HttpTokenEndpoint, HttpTokenEndpointBuilder};
