//! The doors of the server, by name.

use serde::{Deserialize, Serialize};

/// One endpoint of the server: what faults aim at and requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Endpoint {
    /// `/authorize`, the page a person sees.
    Authorize,
    /// `/token`, the generic token endpoint (form or JSON), and `/oauth/token`, where Auth0 has it.
    Token,
    /// `/revoke`, RFC 7009, and `/oauth/revoke`, where Auth0 has it.
    Revoke,
    /// `/introspect`, RFC 7662.
    Introspect,
    /// `/par`, RFC 9126.
    PushedAuthorization,
    /// `/device_authorization`, RFC 8628.
    DeviceAuthorization,
    /// `/device`, the page on which a person enters a user code.
    Device,
    /// `/jwks`.
    Jwks,
    /// `/.well-known/*`.
    Metadata,
    /// `/api/v2/login`, Butlr's password grant.
    ButlrLogin,
    /// `/api/v2/clients/login`, Butlr's client credentials grant.
    ButlrClientLogin,
    /// `/api/v2/refresh`, a refresh endpoint for Butlr's password sessions.
    ButlrRefresh,
    /// `/api/v1/client` and below: minting client credentials.
    ButlrClients,
    /// `/api/v3/graphql`.
    GraphQl,
    /// `/api/v3/reporting` and `/api/v4/reporting/stats`.
    Reporting,
}

impl Endpoint {
    /// Every endpoint, in the order of the enum.
    pub const ALL: [Self; 15] = [
        Self::Authorize,
        Self::Token,
        Self::Revoke,
        Self::Introspect,
        Self::PushedAuthorization,
        Self::DeviceAuthorization,
        Self::Device,
        Self::Jwks,
        Self::Metadata,
        Self::ButlrLogin,
        Self::ButlrClientLogin,
        Self::ButlrRefresh,
        Self::ButlrClients,
        Self::GraphQl,
        Self::Reporting,
    ];

    /// Tells whether this endpoint answers with tokens.
    #[must_use]
    pub fn issues_tokens(self) -> bool {
        matches!(self, Self::Token | Self::ButlrLogin | Self::ButlrClientLogin | Self::ButlrRefresh)
    }

    /// The path of the endpoint, from the root of the server.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Authorize => "/authorize",
            Self::Token => "/token",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
            Self::PushedAuthorization => "/par",
            Self::DeviceAuthorization => "/device_authorization",
            Self::Device => "/device",
            Self::Jwks => "/jwks",
            Self::Metadata => "/.well-known/oauth-authorization-server",
            Self::ButlrLogin => "/api/v2/login",
            Self::ButlrClientLogin => "/api/v2/clients/login",
            Self::ButlrRefresh => "/api/v2/refresh",
            Self::ButlrClients => "/api/v1/client",
            Self::GraphQl => "/api/v3/graphql",
            Self::Reporting => "/api/v3/reporting",
        }
    }

    pub(crate) fn of(path: &str) -> Option<Self> {
        if path.starts_with("/.well-known/") {
            return Some(Self::Metadata);
        }
        if path.starts_with("/api/v1/client/") {
            return Some(Self::ButlrClients);
        }
        match path {
            "/api/v4/reporting/stats" => return Some(Self::Reporting),
            "/oauth/token" => return Some(Self::Token),
            "/oauth/revoke" => return Some(Self::Revoke),
            _ => {}
        }
        Self::ALL.into_iter().find(|endpoint| endpoint.path() == path)
    }

    pub(crate) fn index(self) -> usize {
        Self::ALL.into_iter().position(|endpoint| endpoint == self).unwrap_or_default()
    }
}
