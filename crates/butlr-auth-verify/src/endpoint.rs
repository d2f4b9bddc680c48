use async_trait::async_trait;
use butlr_auth_core::{
    Delivery, EndpointIdentity, Error, Grant, GrantType, IdToken, RefreshError, Revocation, TokenEndpoint,
    TokenResponse,
};

use crate::{ExpectedIdToken, Verifier};

/// A token endpoint whose logins are verified: the `id_token` that comes with a login is checked before the session
/// sees a token of it.
///
/// Checked are the signature, the issuer, this client as the audience, the times, the nonce of the authorization
/// request where `openid` was asked for, and `at_hash` where it is there. An answer without an `id_token` passes: there is
/// nothing in it to be believed.
///
/// A renewal's `id_token` is not checked here. Its answer holds a refresh token that must not be lost for a key that
/// cannot be fetched; the session itself compares who it speaks of, and it came straight from the server, over TLS.
///
/// ```no_run
/// # async fn example(issuer: &str, secret: butlr_auth_core::ClientSecret) -> Result<(), butlr_auth_core::Error> {
/// use butlr_auth_http::HttpTokenEndpoint;
/// use butlr_auth_verify::{Verifier, VerifyingEndpoint};
///
/// let endpoint = HttpTokenEndpoint::discover(issuer).await?.client_secret("my-client", secret).build()?;
/// let endpoint = VerifyingEndpoint::new(endpoint, Verifier::builder(issuer).build()?);
/// // A session takes it as it takes any other one.
/// # let _ = endpoint;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct VerifyingEndpoint<E> {
    endpoint: E,
    verifier: Verifier,
}

impl<E: TokenEndpoint> VerifyingEndpoint<E> {
    /// Puts a verifier of the server's own issuer behind an endpoint.
    pub fn new(endpoint: E, verifier: Verifier) -> Self {
        Self { endpoint, verifier }
    }

    /// Returns the endpoint itself, for what is asked of it beside tokens.
    pub fn get_ref(&self) -> &E {
        &self.endpoint
    }

    async fn check(&self, grant: &Grant, response: &TokenResponse, id_token: &IdToken) -> Result<(), Error> {
        let client_id = self.endpoint.identity().client_id.as_str();
        let expected = ExpectedIdToken::by_client(client_id).access_token(&response.access_token);
        let expected = match grant {
            Grant::AuthorizationCode { nonce, scope, .. } if scope.contains("openid") => {
                expected.nonce(nonce)
            }
            _ => expected,
        };
        let verified = self.verifier.id_token(id_token.expose(), expected).await;
        verified.map(drop).map_err(|error| {
            let grant = grant.grant_type().as_str();
            let message = format!("the id_token in the answer to the {grant} grant is not accepted: {error}");
            let kind = Error::from(error.clone()).kind();
            // The server has answered and what it was asked with is spent, whoever failed afterwards.
            Error::new(kind, message).with_delivery(Delivery::Answered).with_source(error)
        })
    }
}

#[async_trait]
impl<E: TokenEndpoint> TokenEndpoint for VerifyingEndpoint<E> {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let response = self.endpoint.exchange(grant).await?;
        match &response.id_token {
            Some(id_token) if !matches!(grant, Grant::RefreshToken { .. }) => {
                self.check(grant, &response, id_token).await?;
            }
            _ => {}
        }
        Ok(response)
    }

    async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
        self.endpoint.refresh(grant).await
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        self.endpoint.revoke(token).await
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        self.endpoint.supports(grant_type)
    }

    fn identity(&self) -> &EndpointIdentity {
        self.endpoint.identity()
    }
}
