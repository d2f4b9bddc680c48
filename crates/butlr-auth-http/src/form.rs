use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use butlr_auth_core::{ClientAuthentication, ClientAuthenticationMethod};
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Method, Request};
use oauth2::HttpRequest;
use url::form_urlencoded::{self, byte_serialize};
use zeroize::Zeroizing;

/// Makes a request with these parameters that authenticates the client: what `oauth2` does for the requests that it
/// knows.
///
/// A parameter `client_id` that is there already is not added again.
pub(crate) fn request(
    client: &ClientAuthentication,
    method: ClientAuthenticationMethod,
    parameters: &[(&str, &str)],
) -> HttpRequest {
    let id = client.client_id().as_str();
    let mut own: Vec<(&str, &str)> = Vec::new();
    let mut basic = None;
    //= https://www.rfc-editor.org/rfc/rfc6749#section-2.3
    //# The client MUST NOT use more than one authentication method in each request.
    match (method, client) {
        (ClientAuthenticationMethod::ClientSecretBasic, ClientAuthentication::Secret(_, secret)) => {
            basic = basic_authentication(id, secret.expose());
        }
        (ClientAuthenticationMethod::ClientSecretPost, ClientAuthentication::Secret(_, secret)) => {
            own.extend([("client_id", id), ("client_secret", secret.expose())]);
        }
        _ => own.push(("client_id", id)),
    }
    own.retain(|(name, _)| parameters.iter().all(|(given, _)| given != name));
    // The longest escape is three bytes, so that the buffer never moves and wiping it leaves nothing behind.
    let pairs = || parameters.iter().chain(&own);
    let room = pairs().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(room));
    form.extend_pairs(pairs());
    let mut request = Request::new(form.finish().into_bytes());
    *request.method_mut() = Method::POST;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(basic) = basic {
        request.headers_mut().insert(AUTHORIZATION, basic);
    }
    request
}

//= https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
//# The client identifier is encoded using the "application/x-www-form-urlencoded" encoding algorithm per Appendix B,
//# and the encoded value is used as the username; the client password is encoded using the same algorithm and used
//# as the password.
fn basic_authentication(id: &str, secret: &str) -> Option<HeaderValue> {
    let encode = |text: &str| Zeroizing::new(byte_serialize(text.as_bytes()).collect::<String>());
    let pair = Zeroizing::new([encode(id).as_str(), ":", encode(secret).as_str()].concat());
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    HeaderValue::from_str(&value).ok()
}
