use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Dialect, EndpointUrl, Error, ErrorKind, GrantType, TokenEndpointDescription};

/// A description of an authorization server: its endpoints, and how it wants to be spoken to. Data, no behaviour.
///
/// # Defaults
/// - `assumed_lifetime`: 600 s, short enough to find out soon, for a server that never says how long its tokens
///   live.
/// - `reuse_interval`: 0 s, because a server that says nothing may revoke a whole family at the first reuse.
///
/// ```
/// use butlr_auth_core::{Dialect, GrantType, Provider};
///
/// let provider = Provider::new("example", "https://as.example.com/token".parse()?, Dialect::form())
///     .with_authorization_endpoint("https://as.example.com/authorize".parse()?)
///     .with_revocation_endpoint("https://as.example.com/revoke".parse()?);
/// assert!(provider.token_endpoint(GrantType::RefreshToken).is_ok());
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    id: String,
    issuer: Option<String>,
    authorization_endpoint: Option<EndpointUrl>,
    authorization_parameters: Vec<(String, String)>,
    authorization_response_iss: bool,
    token_endpoint: Option<TokenEndpointDescription>,
    grant_endpoints: BTreeMap<GrantType, TokenEndpointDescription>,
    revocation_endpoint: Option<EndpointUrl>,
    assumed_lifetime: Duration,
    reuse_interval: Duration,
}

impl Provider {
    /// Describes a server with one token endpoint for every grant.
    ///
    /// The `id` is part of every session's key: choose it once and keep it.
    #[must_use]
    pub fn new(id: impl Into<String>, token_endpoint: EndpointUrl, dialect: Dialect) -> Self {
        let mut provider = Self::empty(id);
        provider.token_endpoint = Some(TokenEndpointDescription::new(token_endpoint, dialect));
        provider
    }

    /// Describes a server without a token endpoint: it gives tokens on the redirect alone (implicit grant), or
    /// has an endpoint per grant, to be added with [`with_grant_endpoint`](Self::with_grant_endpoint).
    #[must_use]
    pub fn empty(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            issuer: None,
            authorization_endpoint: None,
            authorization_parameters: Vec::new(),
            authorization_response_iss: false,
            token_endpoint: None,
            grant_endpoints: BTreeMap::new(),
            revocation_endpoint: None,
            assumed_lifetime: Duration::from_secs(600),
            reuse_interval: Duration::ZERO,
        }
    }

    /// Sets the issuer identifier ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)), compared
    /// byte for byte with the `iss` of an authorization response.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is not a URL that an endpoint may have, or has a query.
    pub fn with_issuer_identifier(mut self, issuer: impl Into<String>) -> Result<Self, Error> {
        let issuer = issuer.into();
        if issuer.parse::<EndpointUrl>()?.as_url().query().is_some() {
            return Err(Error::new(ErrorKind::Configuration, "the issuer has a query"));
        }
        self.issuer = Some(issuer);
        Ok(self)
    }

    /// Sets the authorization endpoint.
    #[must_use]
    pub fn with_authorization_endpoint(mut self, endpoint: EndpointUrl) -> Self {
        self.authorization_endpoint = Some(endpoint);
        self
    }

    /// Adds a parameter to every authorization request. One that the request sets itself, such as `state`, is
    /// refused when the request is made.
    #[must_use]
    pub fn with_authorization_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.authorization_parameters.push((name.into(), value.into()));
        self
    }

    /// Requires `iss` on every authorization response, as a server does that announces
    /// `authorization_response_iss_parameter_supported`
    /// ([RFC 9207 §3](https://www.rfc-editor.org/rfc/rfc9207#section-3)).
    #[must_use]
    pub fn with_authorization_response_iss(mut self) -> Self {
        self.authorization_response_iss = true;
        self
    }

    /// Sends one grant to an endpoint, or in a dialect, of its own.
    #[must_use]
    pub fn with_grant_endpoint(mut self, grant_type: GrantType, url: EndpointUrl, dialect: Dialect) -> Self {
        self.grant_endpoints.insert(grant_type, TokenEndpointDescription::new(url, dialect));
        self
    }

    /// Sets the revocation endpoint ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    #[must_use]
    pub fn with_revocation_endpoint(mut self, endpoint: EndpointUrl) -> Self {
        self.revocation_endpoint = Some(endpoint);
        self
    }

    /// Sets the lifetime of a token for which neither the answer nor the token itself says one.
    #[must_use]
    pub fn with_assumed_lifetime(mut self, lifetime: Duration) -> Self {
        self.assumed_lifetime = lifetime;
        self
    }

    /// Sets for how long after its use a refresh token may be presented again without harm: the server's
    /// "overlap", "leeway" or "grace period".
    #[must_use]
    pub fn with_reuse_interval(mut self, interval: Duration) -> Self {
        self.reuse_interval = interval;
        self
    }

    /// Returns the name that sessions and errors know this provider by.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns the authorization endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is none.
    pub fn authorization_endpoint(&self) -> Result<&EndpointUrl, Error> {
        self.authorization_endpoint.as_ref().ok_or_else(|| self.without("an authorization endpoint"))
    }

    /// Returns the parameters added to every authorization request.
    #[must_use]
    pub fn authorization_parameters(&self) -> &[(String, String)] {
        &self.authorization_parameters
    }

    /// Returns whether every authorization response must name its issuer.
    #[must_use]
    pub fn requires_authorization_response_iss(&self) -> bool {
        self.authorization_response_iss
    }

    /// Returns where a grant goes, and in which dialect.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is no endpoint for it.
    pub fn token_endpoint(&self, grant_type: GrantType) -> Result<&TokenEndpointDescription, Error> {
        self.grant_endpoints
            .get(&grant_type)
            .or(self.token_endpoint.as_ref())
            .ok_or_else(|| self.without(&format!("an endpoint for the {grant_type} grant")))
    }

    /// Returns the revocation endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is none.
    pub fn revocation_endpoint(&self) -> Result<&EndpointUrl, Error> {
        self.revocation_endpoint.as_ref().ok_or_else(|| self.without("a revocation endpoint"))
    }

    /// Returns the lifetime of a token for which nobody says one.
    #[must_use]
    pub fn assumed_lifetime(&self) -> Duration {
        self.assumed_lifetime
    }

    /// Returns for how long a refresh token may be presented again.
    #[must_use]
    pub fn reuse_interval(&self) -> Duration {
        self.reuse_interval
    }

    /// Returns the origin that this provider's secrets are bound to: that of the first endpoint it has.
    #[must_use]
    pub fn origin(&self) -> Option<String> {
        let token =
            self.token_endpoint.iter().chain(self.grant_endpoints.values()).map(|described| &described.url);
        token.chain(&self.authorization_endpoint).next().map(EndpointUrl::origin)
    }

    fn without(&self, what: &str) -> Error {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "provider `{}` has no {}",
                self.id,
                what.trim_start_matches("an ").trim_start_matches("a ")
            ),
        )
    }
}
