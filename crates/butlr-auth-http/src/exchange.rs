//! A grant's way through the `oauth2` crate: the one place that looks at which grant it is.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use butlr_auth_core::{
    ClientAuthentication, ClientAuthenticationMethod, Delivery, Error, ErrorKind, Grant, IdToken, Scope,
    TokenEndpointDescription, TokenResponse,
};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{AuthType, ExtraTokenFields, RequestTokenError, StandardRevocableToken, TokenResponse as _};
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::dialect;
use crate::transport::Transport;

/// The members of a token response beyond RFC 6749's.
#[derive(Deserialize, Serialize)]
struct Extra {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

impl ExtraTokenFields for Extra {}

impl std::fmt::Debug for Extra {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Extra")
    }
}

type Response = oauth2::StandardTokenResponse<Extra, BasicTokenType>;
type Client = oauth2::Client<
    BasicErrorResponse,
    Response,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointNotSet,
    oauth2::EndpointSet,
>;

/// Exchanges a grant with exactly one request.
pub(crate) async fn exchange(
    transport: &Transport,
    endpoint: &TokenEndpointDescription,
    client: &ClientAuthentication,
    grant: &Grant,
) -> Result<TokenResponse, Error> {
    let adapter = Adapter { transport, endpoint, client, grant };
    let client = client_of(endpoint, client);
    let scopes = grant.scope().iter().map(|token| oauth2::Scope::new(token.to_owned()));
    let answered = match grant {
        Grant::AuthorizationCode { code, redirect_uri, code_verifier, .. } => {
            let redirect_uri = oauth2::RedirectUrl::new(redirect_uri.clone())
                .map_err(|_| Error::new(ErrorKind::Configuration, "the redirect URI is not a URL"))?;
            client
                .exchange_code(oauth2::AuthorizationCode::new(code.expose().to_owned()))
                .set_redirect_uri(Cow::Owned(redirect_uri))
                .set_pkce_verifier(oauth2::PkceCodeVerifier::new(code_verifier.expose().to_owned()))
                .request_async(&adapter)
                .await
        }
        Grant::Password { username, password, .. } => {
            let username = oauth2::ResourceOwnerUsername::new(username.clone());
            let password = oauth2::ResourceOwnerPassword::new(password.expose().to_owned());
            client.exchange_password(&username, &password).add_scopes(scopes).request_async(&adapter).await
        }
        Grant::ClientCredentials { .. } => {
            client.exchange_client_credentials().add_scopes(scopes).request_async(&adapter).await
        }
        Grant::RefreshToken { refresh_token, .. } => {
            let token = oauth2::RefreshToken::new(refresh_token.expose().to_owned());
            client.exchange_refresh_token(&token).add_scopes(scopes).request_async(&adapter).await
        }
        _ => {
            let message = format!("the {} grant is not spoken over HTTP by this version", grant.grant_type());
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
    };
    let response = answered.map_err(|error| match error {
        RequestTokenError::Request(error) => error,
        // The answer was checked before: nothing of this error, which shows the body in `Debug`, is kept.
        _ => {
            Error::new(ErrorKind::InvalidResponse, format!("{} sent no token response", endpoint.url.host()))
                .with_delivery(Delivery::Unanswered)
        }
    })?;
    from_oauth2(&response)
}

fn client_of(endpoint: &TokenEndpointDescription, client: &ClientAuthentication) -> Client {
    let auth_type = match endpoint.dialect.client_authentication {
        ClientAuthenticationMethod::ClientSecretBasic => AuthType::BasicAuth,
        _ => AuthType::RequestBody,
    };
    let oauth2_client = oauth2::Client::new(oauth2::ClientId::new(client.client_id().as_str().to_owned()))
        .set_auth_type(auth_type)
        .set_token_uri(oauth2::TokenUrl::from_url(endpoint.url.as_url().clone()));
    match client {
        ClientAuthentication::Secret(_, secret)
            if endpoint.dialect.client_authentication != ClientAuthenticationMethod::None =>
        {
            oauth2_client.set_client_secret(oauth2::ClientSecret::new(secret.expose().to_owned()))
        }
        _ => oauth2_client,
    }
}

fn from_oauth2(response: &Response) -> Result<TokenResponse, Error> {
    let mut converted =
        TokenResponse::new(butlr_auth_core::AccessToken::new(response.access_token().secret().clone())?);
    converted.expires_in = response.expires_in();
    converted.refresh_token = response
        .refresh_token()
        .map(|token| butlr_auth_core::RefreshToken::new(token.secret().clone()))
        .transpose()?;
    converted.scope = response
        .scopes()
        .map(|scopes| Scope::from_tokens(scopes.iter().map(|scope| scope.as_str())))
        .transpose()?;
    converted.id_token = response.extra_fields().id_token.clone().map(IdToken::new).transpose()?;
    Ok(converted)
}

/// The `oauth2` crate's HTTP client: dialect on the way out, a strict check on the way in.
struct Adapter<'a> {
    transport: &'a Transport,
    endpoint: &'a TokenEndpointDescription,
    client: &'a ClientAuthentication,
    grant: &'a Grant,
}

impl<'c> oauth2::AsyncHttpClient<'c> for Adapter<'_> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<oauth2::HttpResponse, Error>> + Send + 'c>>;

    fn call(&'c self, request: oauth2::HttpRequest) -> Self::Future {
        Box::pin(async move {
            let TokenEndpointDescription { url, dialect, .. } = self.endpoint;
            let what = format!("{} grant", self.grant.grant_type());
            let mut secrets = self.grant.secrets();
            if let ClientAuthentication::Secret(_, secret) = self.client {
                secrets.push(secret.expose());
            }
            let answer = self.transport.send(dialect::apply(request, dialect), url, &what).await?;
            let response = answer::token_response(&answer, url, &what, &dialect.leniency, &secrets)?;
            Ok(normalised(&response))
        })
    }
}

/// A checked response in the one form that the `oauth2` crate cannot misread.
fn normalised(response: &TokenResponse) -> oauth2::HttpResponse {
    let mut members = serde_json::json!({
        "access_token": response.access_token.expose(),
        "token_type": "bearer",
    });
    let optional = [
        ("refresh_token", response.refresh_token.as_ref().map(|token| token.expose().into())),
        ("id_token", response.id_token.as_ref().map(|token| token.expose().into())),
        ("expires_in", response.expires_in.map(|lifetime| lifetime.as_secs().into())),
        ("scope", response.scope.as_ref().map(|scope| scope.to_string().into())),
    ];
    for (name, value) in optional {
        if let (Some(value), Some(object)) = (value, members.as_object_mut()) {
            object.insert(name.to_owned(), value);
        }
    }
    http::Response::new(members.to_string().into_bytes())
}
