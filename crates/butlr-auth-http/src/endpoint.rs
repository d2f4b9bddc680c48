use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{
    BodyEncoding, ClientAuthentication, ClientAuthenticationMethod, ClientId, ClientSecret, Clock, Dialect,
    EndpointIdentity, EndpointUrl, Error, ErrorKind, Grant, GrantType, Provider, REFRESH_LIMIT, RefreshError,
    Revocation, SystemClock, TokenEndpoint, TokenResponse, Words,
};
use url::Host;

use crate::call::Call;
use crate::exchange;
use crate::network::Network;
use crate::transport::{Errand, Transport};

/// The token endpoint of a provider over HTTP, for one client.
///
/// Cheap to clone; clones share their connections.
///
/// # Examples
/// ```
/// use butlr_auth_core::{ClientSecret, Provider};
/// use butlr_auth_http::HttpTokenEndpoint;
///
/// let endpoint = HttpTokenEndpoint::builder(Provider::butlr())
///     .client_secret("my-client", ClientSecret::new("from a file, not from here")?)
///     .build()?;
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HttpTokenEndpoint {
    settings: Arc<Settings>,
    transport: Arc<Transport>,
}

#[derive(Debug)]
struct Settings {
    provider: Provider,
    client: ClientAuthentication,
    identity: EndpointIdentity,
    timeout: Duration,
    clock: Arc<dyn Clock>,
    /// How requests to other endpoints than the token endpoint are encoded: their RFCs know forms only.
    forms: Dialect,
}

impl HttpTokenEndpoint {
    /// Starts a builder. A client must be named: [`client_id`](HttpTokenEndpointBuilder::client_id) or
    /// [`client_secret`](HttpTokenEndpointBuilder::client_secret).
    pub fn builder(provider: Provider) -> HttpTokenEndpointBuilder {
        HttpTokenEndpointBuilder {
            provider,
            client: None,
            username: None,
            http_client: None,
            network: Network::new(),
            shared: None,
            clock: None,
            timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
        }
    }

    /// Returns the description of the server: what an
    /// [`AuthorizationRequest`](butlr_auth_core::AuthorizationRequest) is made for.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.settings.provider
    }

    pub(crate) fn client(&self) -> &ClientAuthentication {
        &self.settings.client
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.settings.clock
    }

    /// A request to an endpoint that is not the token endpoint.
    pub(crate) fn form_call<'a>(
        &'a self,
        url: &'a EndpointUrl,
        asked: &str,
        secrets: Vec<&'a str>,
    ) -> Call<'a> {
        self.call(url, &self.settings.forms, asked.to_owned(), secrets)
    }

    fn call<'a>(
        &'a self,
        url: &'a EndpointUrl,
        dialect: &'a Dialect,
        asked: String,
        mut secrets: Vec<&'a str>,
    ) -> Call<'a> {
        if let ClientAuthentication::Secret(_, secret) = &self.settings.client {
            secrets.push(secret.expose());
        }
        Call {
            transport: &self.transport,
            url,
            dialect,
            total: self.settings.timeout,
            errand: Errand::new(url, asked, secrets),
        }
    }
}

impl HttpTokenEndpoint {
    /// Sends a grant, and waits so long for its answer.
    async fn send(&self, grant: &Grant, total: Duration) -> Result<TokenResponse, RefreshError> {
        let Settings { provider, client, .. } = &*self.settings;
        let grant_type = grant.grant_type();
        if let Some(provider_id) = grant.provider_id().filter(|id| *id != provider.id()) {
            //= https://www.rfc-editor.org/rfc/rfc9700#section-4.4.2
            //# clients MUST store, for each authorization request, the issuer they sent the authorization request
            //# to
            let message =
                format!("the code of provider `{provider_id}` is not for provider `{}`", provider.id());
            return Err(Error::new(ErrorKind::InvalidCallback, message).into());
        }
        let endpoint = provider.token_endpoint(grant_type)?;
        let asked = format!("the {grant_type} grant");
        let call = self.call(&endpoint.url, &endpoint.dialect, asked, grant.expose_secrets());
        let errand = Errand { grant_type: Some(grant_type), ..call.errand };
        let call = Call { total, errand, ..call };
        let result = exchange::exchange(client, grant, &call).await;
        let result = result
            .and_then(|response| match grant.check_response(&response) {
                Ok(()) => Ok(response),
                Err(error) => Err(RefreshError::from(error).with_successor(response.refresh_token)),
            })
            .map_err(|refused| {
                RefreshError::from(refused.error.with_grant_type(grant_type))
                    .with_successor(refused.successor)
            });
        let (grant_type, endpoint_host) = (grant_type.as_str(), endpoint.url.host());
        match &result {
            Ok(response) => {
                let expires_in = response.expires_in.map(|lifetime| lifetime.as_secs());
                tracing::debug!(grant_type, endpoint_host, expires_in, "token issued");
            }
            Err(RefreshError { error, successor, .. }) => {
                let (status, kind, kept) = (error.status(), error.kind(), successor.is_some());
                tracing::debug!(grant_type, endpoint_host, status, ?kind, kept, "no token issued");
            }
        }
        result
    }
}

#[async_trait]
impl TokenEndpoint for HttpTokenEndpoint {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        self.send(grant, self.settings.timeout).await.map_err(|refused| refused.error)
    }

    async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
        self.send(grant, REFRESH_LIMIT).await
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        let Settings { provider, client, forms, .. } = &*self.settings;
        let url = provider.revocation_endpoint()?;
        let asked = format!("the revocation of the {}", token.token_type_hint().replace('_', " "));
        let call = self.form_call(url, &asked, vec![token.expose()]);
        exchange::revoke(client, forms.client_authentication, token, &call).await
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        self.settings.provider.token_endpoint(grant_type).is_ok()
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.settings.identity
    }
}

/// Builds an [`HttpTokenEndpoint`].
///
/// # Defaults
/// - [`timeout`](Self::timeout): 5 s for a whole exchange; the answer to a refresh token is waited for
///   [`REFRESH_LIMIT`], whatever is set, because giving up on it may cost the session.
/// - [`connect_timeout`](Self::connect_timeout): 2 s, so that a host that is down leaves time for another try.
/// - [`clock`](Self::clock): the system's.
#[derive(Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct HttpTokenEndpointBuilder {
    provider: Provider,
    client: Option<ClientAuthentication>,
    username: Option<String>,
    http_client: Option<reqwest::ClientBuilder>,
    network: Network,
    shared: Option<Arc<Transport>>,
    clock: Option<Arc<dyn Clock>>,
    timeout: Duration,
    connect_timeout: Duration,
}

impl HttpTokenEndpointBuilder {
    /// Sets the user name that the configuration says, as the command line's profiles do: a person's sessions of
    /// different user names are different sessions. It is not sent.
    pub fn username(mut self, username: impl Into<String>) -> Self {
        self.username = Some(username.into());
        self
    }

    /// Names a public client: one without a secret
    /// ([RFC 6749 §2.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.1)).
    pub fn client_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.client = Some(ClientAuthentication::Public(ClientId::new(id)));
        self
    }

    /// Names a confidential client and gives its secret. Whether the secret goes into the header or the body is the
    /// provider's to say.
    pub fn client_secret(mut self, id: impl Into<Box<str>>, secret: ClientSecret) -> Self {
        self.client = Some(ClientAuthentication::Secret(ClientId::new(id), secret));
        self
    }

    /// Says how the server is reached: authorities, proxy, the client's certificate. It is put upon the settings of
    /// [`http_client`](Self::http_client), if there are any.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// Takes settings for the HTTP client: a proxy, roots of trust, a client certificate, a resolver.
    ///
    /// Not all of them stay. Redirects, retries, the referrer and decompression are switched off, HTTP/1.1 is used,
    /// and the deadlines are those of this builder. Leave the cookie store off, as it is by default.
    pub fn http_client(mut self, settings: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(settings);
        self
    }

    /// Uses the HTTP client, and so the connections, of another endpoint: for many clients or users of one provider.
    ///
    /// It stands instead of [`http_client`](Self::http_client), [`network`](Self::network) and [`connect_timeout`](Self::connect_timeout). An
    /// endpoint on this machine never shares with one elsewhere, whose requests may go through a proxy.
    pub fn share_http_client(mut self, other: &HttpTokenEndpoint) -> Self {
        self.shared = Some(Arc::clone(&other.transport));
        self
    }

    /// Uses the connections of a discovery.
    pub(crate) fn share_transport(mut self, transport: Arc<Transport>) -> Self {
        self.shared = Some(transport);
        self
    }

    /// Takes another clock than the system's: a test's. It tells when a device code or a pushed request expires.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets how long an exchange may take as a whole, from the first packet to the last byte of the answer.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long connecting may take, TLS included.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Builds the endpoint. The HTTP client itself is built by the first exchange.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if no client is named, or a JSON dialect adds a parameter twice.
    pub fn build(self) -> Result<HttpTokenEndpoint, Error> {
        let Self {
            provider,
            client,
            username,
            http_client,
            network,
            shared,
            clock,
            timeout,
            connect_timeout,
        } = self;
        let client = client.ok_or_else(|| {
            let message = format!("no client is named for provider `{}`", provider.id());
            Error::new(ErrorKind::Configuration, message)
        })?;
        check_dialects(&provider)?;
        let direct = is_on_this_machine(&provider);
        let transport = shared.filter(|transport| transport.is_direct() == direct).unwrap_or_else(|| {
            Arc::new(Transport::new(http_client, network, connect_timeout.min(timeout), direct))
        });
        let forms = Dialect::form().with_client_authentication(form_authentication(&provider));
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let identity = EndpointIdentity::new(&provider, client.client_id().clone());
        let identity = match username {
            Some(username) => identity.with_words(&Words::of(&provider).with_username(username)),
            None => identity,
        };
        let settings = Arc::new(Settings { provider, client, identity, timeout, clock, forms });
        Ok(HttpTokenEndpoint { settings, transport })
    }
}

/// Whether an endpoint is on this machine: then no proxy is used, because what a proxy calls "this machine" is its
/// own.
fn is_on_this_machine(provider: &Provider) -> bool {
    provider.endpoints().any(leads_to_this_machine)
}

pub(crate) fn leads_to_this_machine(url: &EndpointUrl) -> bool {
    match url.as_url().host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// How the client authenticates elsewhere than at the token endpoint: as it does where it refreshes, or else where it
/// gets its tokens.
//= https://www.rfc-editor.org/rfc/rfc7009#section-2.1
//# The client also includes its authentication credentials as described in Section 2.3. of [RFC6749].
fn form_authentication(provider: &Provider) -> ClientAuthenticationMethod {
    let refresh_first = [GrantType::RefreshToken].into_iter().chain(GrantType::ALL.into_iter().rev());
    let mut endpoints = refresh_first.filter_map(|grant| provider.token_endpoint(grant).ok());
    endpoints.next().map(|endpoint| endpoint.dialect.client_authentication).unwrap_or_default()
}

fn check_dialects(provider: &Provider) -> Result<(), Error> {
    for endpoint in GrantType::ALL.into_iter().filter_map(|grant| provider.token_endpoint(grant).ok()) {
        let Dialect { body, parameters, .. } = &endpoint.dialect;
        let mut names: Vec<_> = parameters.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        if *body == BodyEncoding::Json
            && names.windows(2).any(|pair| matches!(pair, [one, next] if one == next))
        {
            let message = format!("the dialect of provider `{}` adds a JSON member twice", provider.id());
            return Err(Error::new(ErrorKind::Configuration, message));
        }
    }
    Ok(())
}
