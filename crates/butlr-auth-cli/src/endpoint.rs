//! The profile's token endpoint, made when the first exchange needs it: a warm session costs no secret and no HTTP
//! client.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use butlr_auth::core::{EndpointIdentity, RefreshError, Revocation};
use butlr_auth::http::JwksEndpoint;
use butlr_auth::verify::{ExpectedIdToken, KeySet, Verifier, VerifyingEndpoint};
use butlr_auth::{
    ClientSecret, Error, ErrorKind, Grant, GrantType, HttpTokenEndpoint, Network, Provider, TokenEndpoint,
    TokenResponse,
};
use tokio::sync::OnceCell;

use crate::environment::Environment;
use crate::failure::Failure;
use crate::keys::PatientKeys;
use crate::network;
use crate::patience::Patience;
use crate::profile::Profile;
use crate::servers::Servers;

pub(crate) struct ProfileEndpoint {
    profile: Profile,
    environment: Arc<Environment>,
    servers: Servers,
    patience: Patience,
    identity: EndpointIdentity,
    network: OnceCell<Network>,
    http: OnceCell<HttpTokenEndpoint>,
    /// What `id_token`s are signed with, if that is the client's secret.
    shared: OnceLock<ClientSecret>,
}

impl ProfileEndpoint {
    pub(crate) fn new(
        profile: Profile,
        environment: Arc<Environment>,
        servers: Servers,
        patience: Patience,
    ) -> Self {
        let identity = profile.identity();
        Self {
            profile,
            environment,
            servers,
            patience,
            identity,
            network: OnceCell::new(),
            http: OnceCell::new(),
            shared: OnceLock::new(),
        }
    }

    /// The endpoint itself, for what a login asks beside tokens.
    pub(crate) async fn http(&self) -> Result<&HttpTokenEndpoint, Error> {
        self.http.get_or_try_init(|| self.build()).await
    }

    /// Verifies the `id_token` that came on the redirect itself, through the browser.
    pub(crate) async fn check_redirect(&self, response: &TokenResponse) -> Result<(), Error> {
        let Some(id_token) = &response.id_token else { return Ok(()) };
        let http = self.http().await?;
        let Some(verifier) = self.verifier(http).await? else { return Ok(()) };
        let expected = ExpectedIdToken::by_client(self.identity.client_id.as_str());
        let expected = expected.access_token(&response.access_token).on_redirect();
        verifier.id_token(id_token.expose(), expected).await.map(drop).map_err(|error| {
            let message = format!("the id_token that came back is not accepted: {error}");
            Error::new(Error::from(error.clone()).kind(), message).with_source(error)
        })
    }

    /// The server, with what it says of itself: it is asked unless that is kept.
    pub(crate) async fn provider(&self) -> Result<Provider, Error> {
        match &self.profile.issuer {
            Some(by) => {
                let network = self.network().await?;
                let metadata = self.servers.metadata(&by.issuer, self.patience.left(), network).await?;
                self.profile.completed(by, &metadata).map_err(into_error)
            }
            None => Ok(self.profile.provider.clone()),
        }
    }

    async fn network(&self) -> Result<&Network, Error> {
        let within = self.patience.left();
        let opened = || Box::pin(network::open(&self.profile.network, &self.environment, within));
        self.network.get_or_try_init(opened).await.map_err(into_error)
    }

    /// What checks the `id_token`s of a server that says who it is and where its keys are.
    async fn verifier(&self, http: &HttpTokenEndpoint) -> Result<Option<Verifier>, Error> {
        if let (Some(issuer), Some(secret)) = (http.provider().issuer(), self.shared.get()) {
            // No public key has a say in it.
            let keys = KeySet::from_json(br#"{"keys":[]}"#)?;
            let verifier = Verifier::builder(issuer).keys(keys);
            return verifier.danger_id_token_hs256(secret.clone()).build().map(Some);
        }
        match (http.provider().issuer(), http.provider().jwks_uri()) {
            (Some(issuer), Ok(uri)) => {
                let endpoint = JwksEndpoint::at(uri.clone()).network(self.network().await?.clone());
                let keys = PatientKeys { endpoint, patience: self.patience.clone() };
                Verifier::builder(issuer).key_source(keys).build().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A client with a secret that is refused without a reason: most often it is the client that is wrong.
    fn doubts_the_client(&self, error: &Error) -> Option<Error> {
        let refused = matches!(error.status(), Some(401 | 403)) && error.error_response().is_none();
        if !refused || self.profile.secret.is_nowhere() {
            return None;
        }
        let message = format!("check the client's id and its secret first: {error}");
        let doubtful = Error::new(error.kind(), message).with_delivery(error.delivery());
        let doubtful = doubtful.with_retry_after(error.retry_after()).with_status(error.status()?);
        Some(match error.snippet() {
            Some(snippet) => doubtful.with_snippet(snippet),
            None => doubtful,
        })
    }

    async fn build(&self) -> Result<HttpTokenEndpoint, Error> {
        let profile = &self.profile;
        tracing::trace!(client_secret = profile.secret.shown(), "set up a client");
        let secret =
            profile.secret.fetch("client secret", &self.environment, self.patience.left() * 9 / 10).await;
        let secret = secret.map_err(into_error)?;
        let network = self.network().await?.clone();
        let provider = self.provider().await?;
        let builder = HttpTokenEndpoint::builder(provider).timeout(self.patience.left()).network(network);
        let builder = match secret {
            Some(secret) => {
                let secret = ClientSecret::new(secret.as_str())?;
                if profile.id_token_hs256 {
                    self.shared.get_or_init(|| secret.clone());
                }
                builder.client_secret(profile.client_id.as_str(), secret)
            }
            None if profile.is_the_clients_own() => {
                return Err(Error::new(
                    ErrorKind::LoginRequired,
                    format!("the client secret of profile `{}` is not configured", profile.name),
                ));
            }
            None => builder.client_id(profile.client_id.as_str()),
        };
        builder.build()
    }
}

/// Carries a failure through the session, which knows the library's errors only. It comes out as it went in.
fn into_error(failure: Failure) -> Error {
    let kind = match failure.exit {
        crate::exit::Exit::Login => ErrorKind::LoginRequired,
        crate::exit::Exit::Temporary => ErrorKind::TimedOut,
        _ => ErrorKind::Configuration,
    };
    Error::new(kind, "the client secret cannot be had").with_source(failure)
}

#[async_trait]
impl TokenEndpoint for ProfileEndpoint {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        tracing::trace!(grant_type = grant.grant_type().as_str(), "ask for a token");
        let asked = async {
            let http = self.http().await?;
            match self.verifier(http).await? {
                Some(verifier) => VerifyingEndpoint::new(http.clone(), verifier).exchange(grant).await,
                None => http.exchange(grant).await,
            }
        };
        if grant.grant_type() == GrantType::RefreshToken {
            // An imported one is as much spent as one of the session.
            let _sent = self.patience.sending();
            return asked.await;
        }
        self.patience.within("the server has issued no token", asked).await
    }

    async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
        // As a `VerifyingEndpoint` does: nothing is verified before the new refresh token is stored.
        let http = self.http().await?;
        if self.patience.left().is_zero() {
            // Nobody would wait for the answer as for one in time: what is not sent is not lost.
            return Err(self.patience.out_of_turn("no refresh token was sent").into());
        }
        // What has left is waited for, whatever the time of the command.
        let _sent = self.patience.sending();
        let answer = http.refresh(grant).await;
        answer.map_err(|refused| match self.doubts_the_client(&refused.error) {
            Some(error) => RefreshError::from(error).with_successor(refused.successor),
            None => refused,
        })
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        if self.profile.issuer.is_none() {
            // No secret is fetched for a request that cannot be sent.
            self.profile.provider.revocation_endpoint()?;
        }
        let asked = async { self.http().await?.revoke(token).await };
        self.patience.within("the server has revoked nothing", asked).await
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        // What a server that has not been asked yet would say is found out by asking it.
        self.profile.issuer.is_some() || self.profile.provider.token_endpoint(grant_type).is_ok()
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

impl fmt::Debug for ProfileEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProfileEndpoint").field("identity", &self.identity).finish_non_exhaustive()
    }
}
