use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use butlr_auth_core::{
    AccessToken, ClientAuthentication, ClientAuthenticationMethod, Delivery, Dialect, Error, ErrorKind,
    Grant, GrantType, IdToken, RefreshError, RefreshToken, Revocation, Scope, Secret, SecretKind,
    TokenResponse,
};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, Client, ExtraTokenFields, RequestTokenError, StandardRevocableToken, StandardTokenResponse,
    TokenResponse as _, TokenUrl,
};
use serde::{Deserialize, Serialize};

use crate::answer;
use crate::call::{Call, Judged};
use crate::transport::{Answer, Errand};

/// `oauth2`'s client, with an `id_token` among the members that it reads.
type Protocol = Client<
    BasicErrorResponse,
    StandardTokenResponse<Extra, BasicTokenType>,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// Asks for tokens. This is the one place that tells the grants apart.
pub(crate) async fn exchange(
    client: &ClientAuthentication,
    grant: &Grant,
    call: &Call<'_>,
) -> Result<TokenResponse, RefreshError> {
    let url = TokenUrl::from_url(call.url.as_url().clone());
    let protocol = protocol(client, call.dialect.client_authentication).set_token_uri(url);
    let judged = &Judged(call, judge_token);
    let response = match grant {
        Grant::AuthorizationCode { code, redirect_uri, code_verifier, .. } => {
            let redirect_uri = oauth2::RedirectUrl::new(redirect_uri.clone())
                .map_err(|_| Error::new(ErrorKind::Configuration, "the redirect URI is not a URL"))?;
            protocol
                .exchange_code(oauth2::AuthorizationCode::new(code.expose().to_owned()))
                .set_pkce_verifier(oauth2::PkceCodeVerifier::new(code_verifier.expose().to_owned()))
                .set_redirect_uri(Cow::Owned(redirect_uri))
                .request_async(judged)
                .await
        }
        Grant::Password { username, password, scope, .. } => {
            let username = oauth2::ResourceOwnerUsername::new(username.clone());
            let password = oauth2::ResourceOwnerPassword::new(password.expose().to_owned());
            protocol
                .exchange_password(&username, &password)
                .add_scopes(scopes(scope))
                .request_async(judged)
                .await
        }
        Grant::ClientCredentials { scope, .. } => {
            protocol.exchange_client_credentials().add_scopes(scopes(scope)).request_async(judged).await
        }
        Grant::RefreshToken { refresh_token, scope, .. } => {
            let refresh_token = oauth2::RefreshToken::new(refresh_token.expose().to_owned());
            protocol
                .exchange_refresh_token(&refresh_token)
                .add_scopes(scopes(scope))
                .request_async(judged)
                .await
        }
        // `oauth2` would poll by itself, with a timer of its own. Here one exchange is one request.
        Grant::DeviceCode { device_code, .. } => {
            let parameters =
                [("grant_type", GrantType::DeviceCode.as_str()), ("device_code", device_code.expose())];
            let leniency = &call.dialect.leniency;
            return call.ask(client, &parameters, |a, errand| answer::token(a, errand, leniency)).await;
        }
        _ => {
            let message = format!("the {} grant is not spoken over HTTP", grant.grant_type());
            return Err(Error::new(ErrorKind::Unsupported, message).into());
        }
    };
    response.map_err(own_error).and_then(|response| Ok(token_response(&response)?))
}

/// Asks that a token be forgotten.
pub(crate) async fn revoke(
    client: &ClientAuthentication,
    method: ClientAuthenticationMethod,
    token: Revocation<'_>,
    call: &Call<'_>,
) -> Result<(), Error> {
    let mut url = call.url.as_url().clone();
    // `oauth2` knows no plain http to this machine. Where the request goes is for the call to say, and
    // `EndpointUrl` has seen to it that no other plain http gets here.
    let _ = url.set_scheme("https");
    let protocol = protocol(client, method).set_revocation_url(oauth2::RevocationUrl::from_url(url));
    let secret = token.expose().to_owned();
    let token = match token {
        Revocation::RefreshToken(_) => {
            StandardRevocableToken::RefreshToken(oauth2::RefreshToken::new(secret))
        }
        Revocation::AccessToken(_) => StandardRevocableToken::AccessToken(oauth2::AccessToken::new(secret)),
        _ => return Err(Error::new(ErrorKind::Unsupported, "this kind of token is not revoked over HTTP")),
    };
    let request = protocol
        .revoke_token(token)
        .map_err(|_| Error::new(ErrorKind::Configuration, "the revocation endpoint is not https"))?;
    request.request_async(&Judged(call, judge_revocation)).await.map_err(|error| own_error(error).error)
}

/// Judges a token response, and writes what was understood of it for `oauth2` to read.
fn judge_token(answer: &Answer, errand: &Errand<'_>, dialect: &Dialect) -> Result<Vec<u8>, RefreshError> {
    let response = answer::token(answer, errand, &dialect.leniency)?;
    let normalised = Normalised {
        access_token: response.access_token.expose(),
        token_type: "bearer",
        expires_in: response.expires_in.map(|lifetime| lifetime.as_secs()),
        refresh_token: response.refresh_token.as_ref().map(Secret::expose),
        scope: response.scope.as_ref().map(Scope::to_string),
        id_token: response.id_token.as_ref().map(Secret::expose),
        expires_in_negative: response.expires_in_negative,
        answered_at: response.answered_at,
    };
    serde_json::to_vec(&normalised).map_err(|_| unreadable().into())
}

/// Judges the answer to a revocation, of which `oauth2` reads the status alone.
fn judge_revocation(answer: &Answer, errand: &Errand<'_>, _: &Dialect) -> Result<Vec<u8>, RefreshError> {
    Ok(answer::revocation(answer, errand).map(|()| Vec::new())?)
}

fn protocol(client: &ClientAuthentication, method: ClientAuthenticationMethod) -> Protocol {
    let id = oauth2::ClientId::new(client.client_id().as_str().to_owned());
    //= https://www.rfc-editor.org/rfc/rfc6749#section-2.3
    //# The client MUST NOT use more than one authentication method in each request.
    let (auth_type, secret) = match (method, client) {
        (ClientAuthenticationMethod::ClientSecretBasic, ClientAuthentication::Secret(_, secret)) => {
            (AuthType::BasicAuth, Some(secret))
        }
        (ClientAuthenticationMethod::ClientSecretPost, ClientAuthentication::Secret(_, secret)) => {
            (AuthType::RequestBody, Some(secret))
        }
        // A client without a secret, or one that shall not use it: its id alone.
        _ => (AuthType::RequestBody, None),
    };
    let protocol = Protocol::new(id).set_auth_type(auth_type);
    match secret {
        Some(secret) => protocol.set_client_secret(oauth2::ClientSecret::new(secret.expose().to_owned())),
        None => protocol,
    }
}

fn scopes(scope: &Scope) -> impl Iterator<Item = oauth2::Scope> {
    scope.iter().map(|token| oauth2::Scope::new(token.to_owned()))
}

/// Takes the tokens out of `oauth2`'s hands.
fn token_response(read: &StandardTokenResponse<Extra, BasicTokenType>) -> Result<TokenResponse, Error> {
    fn secret<K: SecretKind>(value: &str) -> Result<Secret<K>, Error> {
        Secret::new(value).map_err(|_| unreadable())
    }
    let access_token: AccessToken = secret(read.access_token().secret())?;
    let refresh_token: Option<RefreshToken> =
        read.refresh_token().map(|token| secret(token.secret())).transpose()?;
    let id_token: Option<IdToken> = read.extra_fields().id_token.as_deref().map(secret).transpose()?;
    let scope = read
        .scopes()
        .map(|tokens| Scope::from_tokens(tokens.iter().map(|token| token.as_str()).filter(|t| !t.is_empty())))
        .transpose()
        .map_err(|_| unreadable())?;
    let mut response = TokenResponse::new(access_token);
    response.expires_in = read.expires_in();
    response.expires_in_negative = read.extra_fields().expires_in_negative;
    response.answered_at = read.extra_fields().answered_at;
    response.refresh_token = refresh_token;
    response.scope = scope;
    response.id_token = id_token;
    Ok(response)
}

/// Our own call's error, as it was. `oauth2` has none of its own to add, because it sees checked answers only, and
/// if it had: its `Debug` shows the whole body.
fn own_error(error: RequestTokenError<RefreshError, impl oauth2::ErrorResponse>) -> RefreshError {
    match error {
        RequestTokenError::Request(error) => error,
        _ => unreadable().into(),
    }
}

fn unreadable() -> Error {
    Error::new(ErrorKind::InvalidResponse, "the answer cannot be understood")
        .with_delivery(Delivery::Unreadable)
}

#[derive(Serialize)]
struct Normalised<'a> {
    access_token: &'a str,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<&'a str>,
    expires_in_negative: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<SystemTime>,
}

/// The members that `oauth2` does not know itself.
#[derive(Serialize, Deserialize)]
struct Extra {
    id_token: Option<String>,
    #[serde(default)]
    expires_in_negative: bool,
    answered_at: Option<SystemTime>,
}

impl ExtraTokenFields for Extra {}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extra").finish_non_exhaustive()
    }
}
