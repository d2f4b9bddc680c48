//! A token endpoint inside the process, for workloads in which no request is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{
    AccessToken, ClientId, Dialect, EndpointIdentity, Error, Grant, Provider, TokenEndpoint, TokenResponse,
};

/// How long an access token is.
const TOKEN_LENGTH: usize = 1024;

/// Issues a token of 1 KiB to whoever asks. Clones are the same endpoint.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    identity: EndpointIdentity,
    lifetime: Duration,
    exchanges: Arc<AtomicUsize>,
}

impl Issuer {
    pub(super) fn new(lifetime: Duration) -> Result<Self, Error> {
        let provider = Provider::new("bench", "https://as.example.com/token".parse()?, Dialect::form());
        let identity = EndpointIdentity::new(&provider, ClientId::new("bench"));
        Ok(Self { identity, lifetime, exchanges: Arc::default() })
    }
}

#[async_trait]
impl TokenEndpoint for Issuer {
    async fn exchange(&self, _grant: &Grant) -> Result<TokenResponse, Error> {
        let number = self.exchanges.fetch_add(1, Ordering::Relaxed);
        let mut response = TokenResponse::new(AccessToken::new(format!("{number:0>TOKEN_LENGTH$}"))?);
        response.expires_in = Some(self.lifetime);
        Ok(response)
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}
