//! A token endpoint inside the process, for workloads in which no request is measured.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{
    AccessToken, ClientId, Dialect, EndpointIdentity, Error, Grant, Provider, RefreshToken, TokenEndpoint,
    TokenResponse,
};

/// How long an access token is.
pub(super) const TOKEN_LENGTH: usize = 1024;

/// Issues a token of 1 KiB to whoever asks, and to a person a refresh token as well. Clones are the same endpoint.
#[derive(Clone, Debug)]
pub(super) struct Issuer {
    identity: EndpointIdentity,
    lifetime: Duration,
    delay: Duration,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    exchanges: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Issuer {
    pub(super) fn new(lifetime: Duration) -> Result<Self, Error> {
        let provider = Provider::new("bench", "https://as.example.com/token".parse()?, Dialect::form());
        let identity = EndpointIdentity::new(&provider, ClientId::new("bench"));
        Ok(Self { identity, lifetime, delay: Duration::ZERO, seen: Arc::default() })
    }

    /// Waits this long before every answer.
    pub(super) fn slow(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    pub(super) fn exchanges(&self) -> usize {
        self.seen.exchanges.load(Ordering::SeqCst)
    }

    /// How many requests were under way at once at most.
    pub(super) fn most_in_flight(&self) -> usize {
        self.seen.most_in_flight.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenEndpoint for Issuer {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let number = self.seen.exchanges.fetch_add(1, Ordering::SeqCst);
        let now = self.seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.seen.most_in_flight.fetch_max(now, Ordering::SeqCst);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        self.seen.in_flight.fetch_sub(1, Ordering::SeqCst);
        let mut response = TokenResponse::new(AccessToken::new(format!("{number:0>TOKEN_LENGTH$}"))?);
        response.expires_in = Some(self.lifetime);
        if !matches!(grant, Grant::ClientCredentials { .. }) {
            response.refresh_token = Some(RefreshToken::new(format!("refresh-{number}"))?);
        }
        Ok(response)
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}
