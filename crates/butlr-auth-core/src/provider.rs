use std::collections::BTreeMap;
use std::time::Duration;

use url::Url;

use crate::{
    CODE_CHALLENGE_METHOD, Dialect, EndpointUrl, Error, ErrorKind, GrantType, Hint, TokenEndpointDescription,
};

mod by_hand;
mod choices;

/// A token for which nobody says how long it lives is renewed after this, if it renews itself and the provider
/// [assumes](Provider::with_assumed_lifetime) nothing else: 10 minutes, short enough to find out soon.
pub const ASSUMED_LIFETIME: Duration = Duration::from_secs(600);

/// A description of an authorization server: its endpoints, and how it wants to be spoken to. Data, no behaviour.
///
/// # Defaults
/// - `assumed_lifetime`: none. Where nobody says how long a token lives, one that renews itself is renewed after
///   [`ASSUMED_LIFETIME`], and one that does not is handed out until it is refused.
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
    /// Whether the server's metadata names the issuer and the token endpoint.
    discovered: bool,
    authorization_endpoint: Option<EndpointUrl>,
    authorization_parameters: Vec<(String, String)>,
    authorization_response_iss: bool,
    token_endpoint: Option<TokenEndpointDescription>,
    grant_endpoints: BTreeMap<GrantType, TokenEndpointDescription>,
    revocation_endpoint: Option<EndpointUrl>,
    introspection_endpoint: Option<EndpointUrl>,
    device_authorization_endpoint: Option<EndpointUrl>,
    pushed_authorization_request_endpoint: Option<EndpointUrl>,
    pushed_authorization_required: bool,
    jwks_uri: Option<EndpointUrl>,
    code_challenge_methods: Vec<String>,
    code_challenge_announced: bool,
    prompt_values: Vec<String>,
    assumed_lifetime: Option<Duration>,
    reuse_interval: Duration,
    refresh_scope: bool,
}

impl Provider {
    /// Describes a server with one token endpoint for every grant.
    ///
    /// The `id` is part of every session's key: choose it once and keep it.
    #[must_use]
    pub fn new(id: impl Into<String>, token_endpoint: EndpointUrl, dialect: Dialect) -> Self {
        Self::empty(id).with_token_endpoint(token_endpoint, dialect)
    }

    /// Describes a server without a token endpoint: it gives tokens on the redirect alone (implicit grant), or
    /// has an endpoint per grant, to be added with [`with_grant_endpoint`](Self::with_grant_endpoint).
    #[must_use]
    pub fn empty(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            issuer: None,
            discovered: false,
            authorization_endpoint: None,
            authorization_parameters: Vec::new(),
            authorization_response_iss: false,
            token_endpoint: None,
            grant_endpoints: BTreeMap::new(),
            revocation_endpoint: None,
            introspection_endpoint: None,
            device_authorization_endpoint: None,
            pushed_authorization_request_endpoint: None,
            pushed_authorization_required: false,
            jwks_uri: None,
            code_challenge_methods: Vec::new(),
            code_challenge_announced: false,
            prompt_values: Vec::new(),
            assumed_lifetime: None,
            reuse_interval: Duration::ZERO,
            refresh_scope: false,
        }
    }

    /// Sets the issuer identifier ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)), compared
    /// byte for byte with the `iss` of an authorization response.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is not a URL that an endpoint may have, or has a query.
    pub fn with_issuer_identifier(mut self, issuer: impl Into<String>) -> Result<Self, Error> {
        let issuer = issuer.into();
        check_issuer(&issuer)?;
        self.issuer = Some(issuer);
        Ok(self)
    }

    /// Sets the token endpoint for every grant that has none of its own.
    pub(crate) fn with_token_endpoint(mut self, url: EndpointUrl, dialect: Dialect) -> Self {
        self.token_endpoint = Some(TokenEndpointDescription::new(url, dialect));
        self
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

    /// Names a resource that tokens shall be for, by a `resource` parameter on every authorization and token request
    /// ([RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2)). Several are named one by one. Endpoints
    /// that are added later are not told.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if it is no absolute URI, or has a fragment.
    ///
    /// ```
    /// # use butlr_auth_core::{Dialect, GrantType, Provider};
    /// let provider = Provider::new("example", "https://as.example.com/token".parse()?, Dialect::form())
    ///     .with_resource("https://api.example.com/rooms")?
    ///     .with_resource("urn:example:reports")?;
    /// assert_eq!(provider.authorization_parameters().len(), 2);
    /// assert!(provider.with_resource("/rooms").is_err());
    /// # Ok::<(), butlr_auth_core::Error>(())
    /// ```
    pub fn with_resource(mut self, resource: &str) -> Result<Self, Error> {
        let is_absolute = Url::parse(resource).is_ok_and(|url| url.fragment().is_none());
        if !is_absolute {
            let message = "a resource is an absolute URI without a fragment";
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        let endpoints = self.grant_endpoints.values_mut().chain(&mut self.token_endpoint);
        for endpoint in endpoints {
            endpoint.dialect.parameters.push(("resource".to_owned(), resource.to_owned()));
        }
        Ok(self.with_authorization_parameter("resource", resource))
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

    /// Sets the introspection endpoint ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)).
    #[must_use]
    pub fn with_introspection_endpoint(mut self, endpoint: EndpointUrl) -> Self {
        self.introspection_endpoint = Some(endpoint);
        self
    }

    /// Sets the device authorization endpoint
    /// ([RFC 8628 §3.1](https://www.rfc-editor.org/rfc/rfc8628#section-3.1)).
    #[must_use]
    pub fn with_device_authorization_endpoint(mut self, endpoint: EndpointUrl) -> Self {
        self.device_authorization_endpoint = Some(endpoint);
        self
    }

    /// Sets the endpoint to which authorization requests are pushed
    /// ([RFC 9126](https://www.rfc-editor.org/rfc/rfc9126)).
    #[must_use]
    pub fn with_pushed_authorization_request_endpoint(mut self, endpoint: EndpointUrl) -> Self {
        self.pushed_authorization_request_endpoint = Some(endpoint);
        self
    }

    /// Says that the server takes pushed authorization requests only
    /// (`require_pushed_authorization_requests`,
    /// [RFC 9126 §5](https://www.rfc-editor.org/rfc/rfc9126#section-5)).
    #[must_use]
    pub fn with_required_pushed_authorization(mut self) -> Self {
        self.pushed_authorization_required = true;
        self
    }

    /// Sets where the keys are that the server signs with
    /// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    #[must_use]
    pub fn with_jwks_uri(mut self, uri: EndpointUrl) -> Self {
        self.jwks_uri = Some(uri);
        self
    }

    /// Sets the PKCE methods that the server announces (`code_challenge_methods_supported`). A list without `S256`
    /// makes [`AuthorizationRequest::code`](crate::AuthorizationRequest::code) fail: `plain` is never sent. An empty
    /// one counts as silence, and `S256` is sent all the same.
    #[must_use]
    pub fn with_code_challenge_methods<S: Into<String>>(
        mut self,
        methods: impl IntoIterator<Item = S>,
    ) -> Self {
        self.code_challenge_methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Demands that the server announce `S256`: from one that is silent about PKCE no code is asked for, because it
    /// may ignore the challenge.
    #[must_use]
    pub fn with_announced_code_challenge(mut self) -> Self {
        self.code_challenge_announced = true;
        self
    }

    /// Sets the values of `prompt` that the server announces (`prompt_values_supported`,
    /// [OpenID Connect Prompt Create §4.2](https://openid.net/specs/openid-connect-prompt-create-1_0.html#section-4.2)).
    /// If `consent` is among them, an [authorization request](crate::AuthorizationRequest::code) for `offline_access`
    /// asks for it, unless another `prompt` is set: without it some servers give no refresh token, and others refuse.
    #[must_use]
    pub fn with_prompt_values<S: Into<String>>(mut self, values: impl IntoIterator<Item = S>) -> Self {
        self.prompt_values = values.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the lifetime of a token for which neither the answer nor the token itself says one: one that renews itself
    /// is renewed after it, and one that does not is over after it.
    #[must_use]
    pub fn with_assumed_lifetime(mut self, lifetime: Duration) -> Self {
        self.assumed_lifetime = Some(lifetime);
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

    /// Returns the introspection endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is none.
    pub fn introspection_endpoint(&self) -> Result<&EndpointUrl, Error> {
        self.introspection_endpoint.as_ref().ok_or_else(|| self.without("an introspection endpoint"))
    }

    /// Returns the device authorization endpoint.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is none.
    pub fn device_authorization_endpoint(&self) -> Result<&EndpointUrl, Error> {
        self.device_authorization_endpoint
            .as_ref()
            .ok_or_else(|| self.without("a device authorization endpoint"))
    }

    /// Returns the endpoint to which authorization requests are pushed.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if there is none.
    pub fn pushed_authorization_request_endpoint(&self) -> Result<&EndpointUrl, Error> {
        self.pushed_authorization_request_endpoint
            .as_ref()
            .ok_or_else(|| self.without("a pushed authorization request endpoint"))
    }

    /// Returns whether authorization requests must be pushed.
    #[must_use]
    pub fn requires_pushed_authorization(&self) -> bool {
        self.pushed_authorization_required
    }

    /// Returns where the keys are that the server signs with.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if that is not known.
    pub fn jwks_uri(&self) -> Result<&EndpointUrl, Error> {
        self.jwks_uri.as_ref().ok_or_else(|| self.without("a JWKS URL"))
    }

    /// Returns all endpoints that requests are sent to by programs, whatever for.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointUrl> {
        self.token_endpoint
            .iter()
            .chain(self.grant_endpoints.values())
            .map(|described| &described.url)
            .chain(&self.revocation_endpoint)
            .chain(&self.introspection_endpoint)
            .chain(&self.device_authorization_endpoint)
            .chain(&self.pushed_authorization_request_endpoint)
            .chain(&self.jwks_uri)
    }

    /// Refuses a server at which a challenge by `S256` protects nothing.
    pub(crate) fn check_code_challenge(&self) -> Result<(), Error> {
        let methods = &self.code_challenge_methods;
        let why = if methods.is_empty() && self.code_challenge_announced {
            "does not announce PKCE"
        } else if methods.is_empty() || methods.iter().any(|method| method == CODE_CHALLENGE_METHOD) {
            return Ok(());
        } else {
            "does not offer PKCE by S256"
        };
        let message = format!("provider `{}` {why}: an authorization code would be unprotected", self.id);
        Err(Error::new(ErrorKind::Unsupported, message))
    }

    /// Returns whether the server announces that it knows this value of `prompt`.
    #[must_use]
    pub fn offers_prompt(&self, value: &str) -> bool {
        self.prompt_values.iter().any(|offered| offered == value)
    }

    /// Returns the lifetime that is assumed of a token for which nobody says one, if any is.
    #[must_use]
    pub fn assumed_lifetime(&self) -> Option<Duration> {
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

/// Reads an issuer identifier as the URL that it is.
//= https://www.rfc-editor.org/rfc/rfc8414#section-2
//# The authorization server's issuer identifier, which is a URL that uses the "https" scheme and has no query or
//# fragment components.
pub(crate) fn check_issuer(issuer: &str) -> Result<EndpointUrl, Error> {
    let url: EndpointUrl = issuer.parse()?;
    if url.as_url().query().is_some() {
        return Err(Error::new(ErrorKind::Configuration, "the issuer has a query"));
    }
    if let Some((before, name)) = issuer.split_once("/.well-known/") {
        // RFC 8414 puts it before the path of the issuer, OpenID Connect behind it.
        let path = name.split_once('/').map_or("", |(_, path)| path);
        let issuer = if path.is_empty() { before.to_owned() } else { format!("{before}/{path}") };
        let message = "the issuer is the address of the metadata, and not who issues";
        let hint = Hint::IssuerIsDocument { issuer: crate::text::escape(&issuer, 256) };
        return Err(Error::new(ErrorKind::Configuration, message).with_hint(hint));
    }
    Ok(url)
}
