use butlr_auth_core::{AuthorizationRequest, Delivery, Error, ErrorKind, PushedAuthorization};
use http::StatusCode;
use url::Url;

use crate::HttpTokenEndpoint;
use crate::answer;

impl HttpTokenEndpoint {
    /// Gives the URL to open in the person's browser for an authorization request: a short one if the server takes
    /// requests beforehand, which are then pushed there, or else the request's own.
    ///
    /// Open it now and once: a pushed request is good for a minute or so, and for one use.
    ///
    /// # Errors
    /// As [`push`](Self::push), and [`ErrorKind::Unsupported`] if the provider requires pushed requests and names no
    /// endpoint for them.
    ///
    /// # Examples
    /// ```
    /// # use butlr_auth_testkit::AuthorizationServer;
    /// use butlr_auth_core::{AuthorizationRequest, ClientId, Scope};
    /// use butlr_auth_http::HttpTokenEndpoint;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let server = AuthorizationServer::start().await?;
    /// # let (issuer, id) = (server.issuer(), server.public_client().id.as_str());
    /// let endpoint = HttpTokenEndpoint::discover(issuer).await?.client_id(id).build()?;
    /// let redirect_uri = "http://127.0.0.1:8910/callback";
    /// let request =
    ///     AuthorizationRequest::code(endpoint.provider(), &ClientId::new(id), redirect_uri, Scope::empty())?;
    /// println!("open {}", endpoint.authorization_url(&request).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn authorization_url(&self, request: &AuthorizationRequest) -> Result<Url, Error> {
        let provider = self.provider();
        let offered = provider.pushed_authorization_request_endpoint().is_ok();
        if !offered && !provider.requires_pushed_authorization() {
            return Ok(request.url().clone());
        }
        self.push(request).await?.into_url(self.clock().now())
    }

    /// Pushes an authorization request to the server, with exactly one request
    /// ([RFC 9126](https://www.rfc-editor.org/rfc/rfc9126)).
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] if the provider names no endpoint for it; [`ErrorKind::Configuration`] if the
    /// request is for another provider; else as
    /// [`exchange`](butlr_auth_core::TokenEndpoint::exchange).
    pub async fn push(&self, request: &AuthorizationRequest) -> Result<PushedAuthorization, Error> {
        let provider = self.provider();
        if request.provider_id() != provider.id() {
            let message = format!(
                "the authorization request for provider `{}` is not for provider `{}`",
                request.provider_id(),
                provider.id()
            );
            return Err(Error::new(ErrorKind::Configuration, message).with_delivery(Delivery::NotSent));
        }
        let url = provider.pushed_authorization_request_endpoint()?;
        //= https://www.rfc-editor.org/rfc/rfc9126#section-2.1
        //# The client_id parameter is defined with the same semantics for both authorization requests and requests
        //# to the token endpoint; as a required authorization request parameter, it is similarly required in a
        //# pushed authorization request.
        let parameters: Vec<(&str, &str)> =
            request.parameters().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let secrets = parameters.iter().filter(|(name, _)| matches!(*name, "state" | "nonce"));
        let secrets = secrets.map(|(_, value)| *value).collect();
        let pushed_at = self.clock().now();
        let call = self.form_call(url, "the pushed authorization request", secrets);
        call.ask(self.client(), &parameters, |answer, errand| {
            //= https://www.rfc-editor.org/rfc/rfc9126#section-2.2
            //# If the verification is successful, the server MUST generate a request URI and provide it in the
            //# response with a "201" HTTP status code.
            // Some servers send 200, which says the same.
            answer::object(answer, errand, &[StatusCode::CREATED, StatusCode::OK], |body| {
                request.pushed(body, pushed_at)
            })
        })
        .await
    }
}
