//! OAuth 2.0 grants, tokens and providers as plain types: the nouns of butlr-auth.
//!
//! ```
//! use butlr_auth_core::{AuthorizationRequest, ClientId, Dialect, Provider};
//!
//! let provider = Provider::new("example", "https://as.example.com/token".parse()?, Dialect::form())
//!     .with_authorization_endpoint("https://as.example.com/authorize".parse()?);
//! let scope = "openid offline_access".parse()?;
//! let redirect_uri = "http://127.0.0.1:8910/callback";
//! let request = AuthorizationRequest::code(&provider, &ClientId::new("cli"), redirect_uri, scope)?;
//! assert!(request.url().as_str().contains("code_challenge_method=S256"));
//! # Ok::<(), butlr_auth_core::Error>(())
//! ```
//!
//! A **grant** says how to ask, an **endpoint** answers, a store remembers, a session keeps a token valid. The
//! first two are named here; stores and sessions are in `butlr-auth-cache`. Depend on this crate alone to name
//! tokens in a library's interface, to write a [`TokenEndpoint`] or a [`TokenSource`], or to describe a
//! [`Provider`].
//!
//! # Grants
//!
//! | grant | made by | RFC |
//! |---|---|---|
//! | authorization code, always with PKCE | [`AuthorizationRequest::code`], then [`accept`](AuthorizationRequest::accept) | [6749 §4.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1), [7636](https://www.rfc-editor.org/rfc/rfc7636) |
//! | implicit (legacy) | [`AuthorizationRequest::implicit`], then [`accept`](AuthorizationRequest::accept) | [6749 §4.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.2) |
//! | password (legacy) | [`Grant::password`] | [6749 §4.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.3) |
//! | client credentials | [`Grant::client_credentials`] | [6749 §4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4) |
//! | refresh token | [`Grant::refresh_token`] | [6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6) |
//! | device code | [`DeviceAuthorization::grant`] | [8628](https://www.rfc-editor.org/rfc/rfc8628) |
//!
//! What a server offers it says itself: its [`Metadata`] becomes a [`Provider`].
//!
//! # What it is not
//!
//! It does no I/O, starts no task and knows no HTTP library. It reads a clock in one place, behind [`Clock`].
//! It verifies no signature: [`UnverifiedClaims`] are for people's eyes.
//!
//! # Errors
//!
//! One [`Error`] for all layers, with a [kind](ErrorKind) that a caller can act on.
//!
//! # Security
//!
//! Secrets are [`Secret`]s: redacted in `Debug`, wiped on drop, compared by [`Fingerprint`]. A server's texts are
//! bounded and escaped before they are kept. Answers and redirects are read strictly: see
//! [`TokenResponse::from_json`] and [`AuthorizationRequest::accept`].

mod authorization;
mod butlr;
mod claims;
mod client;
mod clock;
mod device_authorization;
mod dialect;
mod endpoint;
mod endpoint_url;
mod error;
mod error_response;
mod fingerprint;
mod grant;
mod hint;
mod introspection;
mod json;
mod metadata;
mod pkce;
mod provider;
mod pushed_authorization;
mod random;
mod refresh;
mod said;
mod scope;
mod secret;
#[doc(hidden)]
pub mod secret_file;
mod source;
pub mod text;
mod token;
mod token_response;
mod words;

pub use authorization::{AuthorizationRequest, AuthorizationResponse};
pub use butlr::{BUTLR_AUDIENCE, BUTLR_BASE_URL};
pub use claims::UnverifiedClaims;
pub use client::{ClientAuthentication, ClientAuthenticationMethod, ClientId};
pub use clock::{Clock, ManualClock, Moment, SystemClock};
pub use device_authorization::{DeviceAuthorization, DevicePacing};
pub use dialect::{BodyEncoding, Dialect, Leniency, TokenEndpointDescription};
pub use endpoint::{EndpointIdentity, Revocation, TokenEndpoint};
pub use endpoint_url::EndpointUrl;
pub use error::{Delivery, Error, ErrorKind};
pub use error_response::{ErrorCode, ErrorResponse};
pub use fingerprint::Fingerprint;
pub use grant::{Grant, GrantType};
pub use hint::Hint;
pub use introspection::Introspection;
pub use metadata::Metadata;
pub use pkce::CODE_CHALLENGE_METHOD;
pub use provider::{ASSUMED_LIFETIME, Provider};
pub use pushed_authorization::PushedAuthorization;
pub use refresh::{REFRESH_LIMIT, RefreshError, Successor};
pub use said::Said;
pub use scope::Scope;
pub use secret::{
    AccessToken, AccessTokenKind, AuthorizationCode, AuthorizationCodeKind, ClientSecret, ClientSecretKind,
    CodeVerifier, CodeVerifierKind, DeviceCode, DeviceCodeKind, IdToken, IdTokenKind, Nonce, NonceKind,
    Password, PasswordKind, RefreshToken, RefreshTokenKind, Secret, SecretKind, State, StateKind,
};
pub use source::{StaticToken, TokenSource};
pub use token::{End, Token, Validity};
pub use token_response::{TokenResponse, TokenType};
pub use words::{Purpose, Words};
