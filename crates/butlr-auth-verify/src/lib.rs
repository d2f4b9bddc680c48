//! The resource server's side of OAuth 2.0: is this JWT access token good? And the client's: is this `id_token`?
//!
//! ```no_run
//! # async fn example(headers: http::HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
//! use butlr_auth_verify::Verifier;
//!
//! let verifier = Verifier::builder("https://as.example.com").audience("https://api.example.com").build()?;
//! // Then, for every request:
//! let token = verifier.authorize(&headers).await?;
//! token.require_scope("rooms:read")?;
//! println!("{:?} asks", token.subject());
//! # Ok(())
//! # }
//! ```
//!
//! With the feature `axum` the token is an argument of a handler; the example `resource_server` of `butlr-auth` is a
//! whole server. A client puts a [`VerifyingEndpoint`] under its session.
//!
//! # The idea
//!
//! A [`Verifier`] stands for one issuer and never asks anybody about a token: it checks the signature with the
//! issuer's public keys, which it finds by the issuer's metadata, fetches and keeps. Verifying costs no request.
//!
//! # What is checked
//!
//! | | access token | `id_token` |
//! |---|---|---|
//! | length, before anything else | 64 KiB | 64 KiB |
//! | `alg` | one that is allowed for the issuer and fits the key | the same |
//! | `typ` | `at+jwt`, see [`plain_jwt`](VerifierBuilder::plain_jwt) | `JWT` or none |
//! | `crit`, `b64`, `zip` | refused | refused |
//! | `iss` | byte for byte | byte for byte |
//! | `aud` | one of the verifier's | the client; `azp` beside others |
//! | `exp`, `nbf`, `iat` | with a leeway of a minute at most | the same |
//! | `sub`, `client_id`, `jti` | must be there | `sub`, of 255 characters at most |
//! | `nonce`, `at_hash`, `c_hash`, `auth_time` | | as [`ExpectedIdToken`] says |
//! | `cnf` | refused: what it binds to is not checked here | |
//!
//! A claim of the wrong JSON type is an error, never an absence. Members that stand twice are refused, at any depth.
//! `jwk`, `jku`, `x5u` and `x5c` in a header are ignored: keys come from the issuer alone.
//!
//! # Keys
//!
//! A document of keys is good for as long as its `Cache-Control` says, but for 1 minute at least and 1 day at most; 1
//! hour if it says nothing. When it is due, one request fetches it again while the others go on with what is there. If
//! that fails, the keys are used on until a day after they were read. A token with a key that is not among them causes
//! one fetch, and for a minute no other; whoever waits for it shares it. [`KeySet`] says which keys are passed over.
//!
//! # What it is not
//!
//! It does not introspect opaque tokens (`butlr-auth-http` does), decrypt tokens, verify with shared secrets or check
//! proofs of possession.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `http` | on | keys are found and fetched; without it, give them by [`keys`](VerifierBuilder::keys) or a [`KeySource`] |
//! | `axum` | off | [`VerifiedAccessToken`] is an extractor, [`VerifyError`] a response |
//!
//! # Errors
//!
//! [`VerifyError`]: a [`Reason`], and the status and `WWW-Authenticate` to answer with.
//!
//! # Security
//!
//! No error holds a byte of a token. Claims are wiped on drop and not shown by `Debug`.

mod access_token;
mod algorithm;
mod authorization;
#[cfg(feature = "axum")]
mod axum;
mod claims;
mod endpoint;
mod error;
mod id_token;
mod json;
mod jws;
mod key;
mod key_set;
mod keys;
mod verifier;

pub use access_token::VerifiedAccessToken;
pub use algorithm::Algorithm;
pub use endpoint::VerifyingEndpoint;
pub use error::{Reason, VerifyError};
pub use id_token::{ExpectedIdToken, VerifiedIdToken};
pub use key_set::KeySet;
pub use keys::KeySource;
pub use verifier::{Verifier, VerifierBuilder};
