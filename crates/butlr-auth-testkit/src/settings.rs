//! How a server behaves: what the builder sets.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::Quirk;
use crate::keys::SigningAlgorithm;

/// The audience of Butlr's API.
pub(crate) const API_AUDIENCE: &str = "https://butlrauth/";

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rotation {
    /// Each is good once and the answer carries the next, the default.
    #[default]
    Rotate,
    /// The answer carries the same one again.
    Same,
    /// The answer carries none; the old one stays good.
    Omit,
}

/// What a spent refresh token gives inside the reuse interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Successor {
    /// The same successor again, as long as that one is unspent; afterwards it is reuse.
    #[default]
    Same,
    /// A new sibling each time.
    Sibling,
}

/// How the GraphQL endpoint says that a token is not good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unauthenticated {
    /// HTTP 401 with a `WWW-Authenticate` header, the default.
    #[default]
    Status,
    /// HTTP 200 whose `errors[].extensions.code` is `UNAUTHENTICATED`.
    GraphQlError,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) signing_algorithm: SigningAlgorithm,
    pub(crate) access_token_lifetime: Duration,
    pub(crate) refresh_token_lifetime: Duration,
    pub(crate) rotation: Rotation,
    pub(crate) reuse_interval: Duration,
    pub(crate) successor: Successor,
    pub(crate) refresh_token_for_client_credentials: bool,
    pub(crate) default_audience: String,
    pub(crate) device_code_lifetime: Duration,
    pub(crate) device_poll_interval: Duration,
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) unauthenticated: Unauthenticated,
    pub(crate) quirks: Vec<Quirk>,
    pub(crate) journal_file: Option<PathBuf>,
    pub(crate) control: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            signing_algorithm: SigningAlgorithm::default(),
            access_token_lifetime: Duration::from_secs(1000),
            refresh_token_lifetime: Duration::from_secs(30 * 24 * 3600),
            rotation: Rotation::default(),
            reuse_interval: Duration::ZERO,
            successor: Successor::default(),
            refresh_token_for_client_credentials: false,
            default_audience: API_AUDIENCE.to_owned(),
            device_code_lifetime: Duration::from_secs(600),
            device_poll_interval: Duration::from_secs(5),
            require_pushed_authorization_requests: false,
            unauthenticated: Unauthenticated::default(),
            quirks: Vec::new(),
            journal_file: None,
            control: false,
        }
    }
}
