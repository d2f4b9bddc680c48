//! An OAuth 2.0 token endpoint over HTTP: grants of [`butlr_auth_core`] go out in a provider's dialect, and checked
//! tokens come back.

mod answer;
mod authorization_header;
mod body;
mod call;
mod endpoint;
mod exchange;
mod retry_after;
mod transport;

pub use authorization_header::AuthorizationHeader;
pub use endpoint::{HttpTokenEndpoint, HttpTokenEndpointBuilder};
