//! Revocation ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use butlr_auth_core::{
    ClientAuthentication, ClientAuthenticationMethod, Dialect, EndpointUrl, Error, ErrorKind, Revocation,
};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::answer;
use crate::transport::Transport;

const WHAT: &str = "revocation request";

/// Revokes a token with exactly one request, in the form encoding that RFC 7009 asks for, authenticated as at the
/// token endpoint.
pub(crate) async fn revoke(
    transport: &Transport,
    endpoint: &EndpointUrl,
    dialect: Option<&Dialect>,
    client: &ClientAuthentication,
    token: Revocation<'_>,
) -> Result<(), Error> {
    let mut secrets = vec![token.expose()];
    if let ClientAuthentication::Secret(_, secret) = client {
        secrets.push(secret.expose());
    }
    let request = request(endpoint, dialect, client, token)?;
    let answer = transport.send(request, endpoint, WHAT).await?;
    //= https://www.rfc-editor.org/rfc/rfc7009#section-2.2
    //# The authorization server responds with HTTP status code 200 if the token has been revoked successfully or if
    //# the client submitted an invalid token.
    if answer.status == StatusCode::OK {
        return Ok(());
    }
    let error = answer::failure(&answer, endpoint, WHAT, &secrets);
    let unsupported =
        error.error_response().is_some_and(|said| said.error.as_str() == "unsupported_token_type");
    if unsupported {
        let message = format!("{} does not revoke a {}", endpoint.host(), token.token_type_hint());
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    Err(error)
}

fn request(
    endpoint: &EndpointUrl,
    dialect: Option<&Dialect>,
    client: &ClientAuthentication,
    token: Revocation<'_>,
) -> Result<http::Request<Vec<u8>>, Error> {
    let method = dialect.map(|dialect| dialect.client_authentication).unwrap_or_default();
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token.expose()).append_pair("token_type_hint", token.token_type_hint());
    let mut request = http::Request::builder()
        .method(Method::POST)
        .uri(endpoint.as_str())
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    match client {
        ClientAuthentication::Secret(id, secret)
            if method == ClientAuthenticationMethod::ClientSecretBasic =>
        {
            request = request.header(AUTHORIZATION, basic(id.as_str(), secret.expose())?);
        }
        ClientAuthentication::Secret(id, secret)
            if method == ClientAuthenticationMethod::ClientSecretPost =>
        {
            form.append_pair("client_id", id.as_str()).append_pair("client_secret", secret.expose());
        }
        _ => {
            form.append_pair("client_id", client.client_id().as_str());
        }
    }
    let unfit = |_| Error::new(ErrorKind::Configuration, format!("the {WHAT} could not be built"));
    request.body(form.finish().into_bytes()).map_err(unfit)
}

/// Id and secret, form-urlencoded first ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
fn basic(id: &str, secret: &str) -> Result<HeaderValue, Error> {
    let encoded = |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
    let pair = Zeroizing::new(format!("{}:{}", encoded(id), encoded(secret)));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut header = HeaderValue::from_str(&value).map_err(|_| {
        Error::new(ErrorKind::Configuration, "the client's secret does not fit into a header")
    })?;
    header.set_sensitive(true);
    Ok(header)
}
