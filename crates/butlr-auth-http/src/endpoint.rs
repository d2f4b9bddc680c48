use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{
    ClientAuthentication, ClientId, ClientSecret, EndpointIdentity, Error, ErrorKind, Grant, GrantType,
    Provider, Revocation, TokenEndpoint, TokenResponse,
};

use crate::exchange;
use crate::revocation;
use crate::transport::Transport;

/// How long one exchange may take in all, from the first connection attempt to the last byte: 5 seconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A token endpoint over HTTP, for one client of one provider.
///
/// Every exchange is exactly one POST: never redirected, never repeated, ended by one deadline, its answer bounded to
/// 256 KiB and read strictly. The HTTP client behind it is built at the first exchange, so that a program which finds
/// a good token in its store never pays for it. Cheap to share in an `Arc`.
///
/// Proxies: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are honoured, and `https` goes through `CONNECT` only. A
/// provider on a loopback address is never asked through a proxy.
///
/// ```
/// use butlr_auth_core::{ClientSecret, Provider};
/// use butlr_auth_http::HttpTokenEndpoint;
///
/// let endpoint = HttpTokenEndpoint::builder(Provider::butlr())
///     .client_secret("BA779C49-4D93-4785-9596-25805A24C5DC", ClientSecret::new("a secret")?)
///     .build()?;
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
pub struct HttpTokenEndpoint {
    provider: Provider,
    client: ClientAuthentication,
    identity: EndpointIdentity,
    transport: Transport,
}

impl HttpTokenEndpoint {
    /// Begins to set up an endpoint.
    #[must_use]
    pub fn builder(provider: Provider) -> HttpTokenEndpointBuilder {
        HttpTokenEndpointBuilder { provider, client: None, http_client: None, timeout: TIMEOUT }
    }

    /// Returns the provider that is asked.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }
}

/// Sets up an [`HttpTokenEndpoint`].
///
/// # Defaults
/// - `timeout`: 5 s for one exchange in all; connecting takes 2 s of it at most.
/// - `http_client`: reqwest with rustls and the system's roots.
/// - a public client without an id, for providers that ask for none.
pub struct HttpTokenEndpointBuilder {
    provider: Provider,
    client: Option<ClientAuthentication>,
    http_client: Option<reqwest::ClientBuilder>,
    timeout: Duration,
}

impl HttpTokenEndpointBuilder {
    /// Acts for a public client ([RFC 6749 §2.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.1)).
    #[must_use]
    pub fn client_id(self, id: impl Into<Box<str>>) -> Self {
        self.client(ClientAuthentication::Public(ClientId::new(id)))
    }

    /// Acts for a confidential client. Where its secret goes is said by the provider's dialect.
    #[must_use]
    pub fn client_secret(self, id: impl Into<Box<str>>, secret: ClientSecret) -> Self {
        self.client(ClientAuthentication::Secret(ClientId::new(id), secret))
    }

    /// Acts for this client.
    #[must_use]
    pub fn client(mut self, client: ClientAuthentication) -> Self {
        self.client = Some(client);
        self
    }

    /// Brings one's own proxy, root certificates or client certificate. Redirects, retries, referrers and
    /// decompression are switched off afterwards, and the deadlines on.
    #[must_use]
    pub fn http_client(mut self, builder: reqwest::ClientBuilder) -> Self {
        self.http_client = Some(builder);
        self
    }

    /// Sets how long one exchange may take in all.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Builds the endpoint. No connection is made, and no HTTP client is built yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if the provider has no endpoint at all.
    pub fn build(self) -> Result<HttpTokenEndpoint, Error> {
        let Some(origin) = self.provider.origin() else {
            let message = format!("provider `{}` has no endpoint", self.provider.id());
            return Err(Error::new(ErrorKind::Configuration, message));
        };
        let client = self.client.unwrap_or_else(|| ClientAuthentication::Public(ClientId::new("")));
        Ok(HttpTokenEndpoint {
            identity: EndpointIdentity::new(&self.provider, client.client_id().clone()),
            transport: Transport::new(self.http_client, self.timeout, &origin),
            provider: self.provider,
            client,
        })
    }
}

#[async_trait]
impl TokenEndpoint for HttpTokenEndpoint {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let grant_type = grant.grant_type();
        let endpoint = self.provider.token_endpoint(grant_type)?;
        if let Grant::AuthorizationCode { provider_id, .. } = grant
            && provider_id != self.provider.id()
        {
            // RFC 9700 §4.4: a code goes to the server that the request went to, and to no other.
            let message =
                format!("a code of provider `{provider_id}` is not sent to `{}`", self.provider.id());
            return Err(Error::new(ErrorKind::InvalidCallback, message));
        }
        let response = exchange::exchange(&self.transport, endpoint, &self.client, grant).await?;
        grant.check_response(&response)?;
        let expires_in = response.expires_in.map(|lifetime| lifetime.as_secs());
        tracing::debug!(%grant_type, endpoint_host = endpoint.url.host(), expires_in, "token issued");
        Ok(response)
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        let url = self.provider.revocation_endpoint()?;
        let dialect = self.provider.token_endpoint(GrantType::RefreshToken).map(|endpoint| &endpoint.dialect);
        revocation::revoke(&self.transport, url, dialect.ok(), &self.client, token).await
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        self.provider.token_endpoint(grant_type).is_ok()
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

impl fmt::Debug for HttpTokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTokenEndpoint")
            .field("provider", &self.provider.id())
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpTokenEndpointBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTokenEndpointBuilder")
            .field("provider", &self.provider.id())
            .field("client", &self.client)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
