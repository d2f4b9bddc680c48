//! Butlr's preset, written in the same terms as a user's own provider.

use crate::{ClientAuthenticationMethod, Dialect, EndpointUrl, Error, GrantType, Provider};

/// Where Butlr's API answers.
pub const BUTLR_BASE_URL: &str = "https://api.butlr.io";

/// The audience of Butlr's access tokens.
pub const BUTLR_AUDIENCE: &str = "https://butlrauth/";

impl Provider {
    /// Butlr: the password grant and the client credentials grant at its JSON login endpoints.
    ///
    /// Butlr documents no refresh endpoint, no revocation and no metadata, so that there is none here: a password
    /// session ends with its token, and logging out forgets it locally. Each is one call away:
    /// [`with_butlr_refresh_endpoint`](Self::with_butlr_refresh_endpoint),
    /// [`with_revocation_endpoint`](Self::with_revocation_endpoint).
    ///
    /// ```
    /// use butlr_auth_core::{GrantType, Provider};
    ///
    /// let login = Provider::butlr();
    /// let endpoint = login.token_endpoint(GrantType::ClientCredentials)?;
    /// assert_eq!(endpoint.url.as_str(), "https://api.butlr.io/api/v2/clients/login");
    /// # Ok::<(), butlr_auth_core::Error>(())
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, clippy::expect_used, reason = "the URL is a constant, and tested")]
    pub fn butlr() -> Self {
        Self::butlr_at(&BUTLR_BASE_URL.parse().expect("Butlr's base URL is an endpoint"))
    }

    /// Butlr at another base URL: a test server, or a proxy.
    #[must_use]
    pub fn butlr_at(base_url: &EndpointUrl) -> Self {
        // Exactly {"username","password"}.
        let password = Dialect::json()
            .with_client_authentication(ClientAuthenticationMethod::None)
            .without_parameter("grant_type")
            .without_parameter("client_id")
            .without_parameter("scope");
        // Exactly {"client_id","client_secret","audience","grant_type"}.
        let client_credentials =
            Dialect::json().with_parameter("audience", BUTLR_AUDIENCE).without_parameter("scope");
        Self::empty("butlr")
            .with_grant_endpoint(GrantType::Password, base_url.join_path("/api/v2/login"), password)
            .with_grant_endpoint(
                GrantType::ClientCredentials,
                base_url.join_path("/api/v2/clients/login"),
                client_credentials,
            )
    }

    /// Adds the refresh endpoint that Butlr's documentation leaves out. It gets JSON
    /// `{"grant_type","refresh_token"}` and no client.
    #[must_use]
    pub fn with_butlr_refresh_endpoint(self, endpoint: EndpointUrl) -> Self {
        let dialect = Dialect::json()
            .with_client_authentication(ClientAuthenticationMethod::None)
            .without_parameter("client_id")
            .without_parameter("scope");
        self.with_grant_endpoint(GrantType::RefreshToken, endpoint, dialect)
    }

    /// Adds the way in of Butlr's dashboard: the authorization code grant through the Auth0 tenant at `issuer`,
    /// with Butlr's audience on the authorization request, refreshed at the same tenant.
    ///
    /// The tenant's endpoints stand where Auth0 puts them: `authorize`, `oauth/token` and `oauth/revoke` below
    /// the issuer.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) if `issuer` is not a URL that an endpoint may
    /// have.
    pub fn with_issuer(self, issuer: &str) -> Result<Self, Error> {
        let base: EndpointUrl = issuer.parse()?;
        let token = base.join_path("oauth/token");
        Ok(self
            .with_issuer_identifier(issuer)?
            .with_authorization_endpoint(base.join_path("authorize"))
            .with_authorization_parameter("audience", BUTLR_AUDIENCE)
            .with_grant_endpoint(GrantType::AuthorizationCode, token.clone(), Dialect::form())
            .with_grant_endpoint(GrantType::RefreshToken, token, Dialect::form())
            .with_revocation_endpoint(base.join_path("oauth/revoke")))
    }
}

#[cfg(test)]
mod tests;
