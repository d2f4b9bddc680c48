use butlr_auth_core::{AccessToken, Error, Introspection};
use http::StatusCode;

use crate::HttpTokenEndpoint;
use crate::answer;

impl HttpTokenEndpoint {
    /// Asks the authorization server whether an access token is good
    /// ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)), with exactly one request. For resource servers, which
    /// are clients of the authorization server here.
    ///
    /// Nothing is kept: [`Introspection::reusable_for`] says for how long a caller may.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`](butlr_auth_core::ErrorKind::Unsupported) if the provider names no introspection
    /// endpoint; [`ErrorKind::Refused`](butlr_auth_core::ErrorKind::Refused) if this client may not ask;
    /// [`ErrorKind::InvalidResponse`](butlr_auth_core::ErrorKind::InvalidResponse) if `active` is anything else than
    /// a boolean. A token about which there is an error is not good.
    ///
    /// # Examples
    /// ```
    /// # use butlr_auth_testkit::AuthorizationServer;
    /// use butlr_auth_core::{ClientSecret, Grant, TokenEndpoint};
    /// use butlr_auth_http::HttpTokenEndpoint;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = AuthorizationServer::start().await?;
    /// # let (issuer, client) = (server.issuer(), server.client());
    /// # let (id, secret) = (client.id.as_str(), client.secret.as_str());
    /// let builder = HttpTokenEndpoint::discover(issuer).await?;
    /// let endpoint = builder.client_secret(id, ClientSecret::new(secret)?).build()?;
    /// let token = endpoint.exchange(&Grant::client_credentials()).await?;
    /// assert!(endpoint.introspect(&token.access_token).await?.active);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn introspect(&self, token: &AccessToken) -> Result<Introspection, Error> {
        let url = self.provider().introspection_endpoint()?;
        let parameters = [("token", token.expose()), ("token_type_hint", "access_token")];
        let call = self.form_call(url, "the introspection request", vec![token.expose()]);
        call.ask(self.client(), &parameters, |answer, errand| {
            answer::object(answer, errand, &[StatusCode::OK], Introspection::from_json)
        })
        .await
    }
}
