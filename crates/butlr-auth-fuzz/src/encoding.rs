//! Forms, JSON bodies and Basic authentication, there and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use butlr_auth_core::{ClientAuthentication, ClientAuthenticationMethod, ClientId, ClientSecret};
use butlr_auth_http::fuzzing;
use url::form_urlencoded;

/// What a server decodes is what we were given. The input is an id, a secret and a parameter, a line each.
pub(crate) fn encoding(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let mut lines = text.splitn(3, '\n');
    let (id, secret) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let value = lines.next().unwrap_or_default();
    let Ok(client_secret) = ClientSecret::new(secret) else { return };
    let client = ClientAuthentication::Secret(ClientId::new(id), client_secret);
    let parameters = [("grant_type", "refresh_token"), ("refresh_token", value)];

    let (form, basic) =
        fuzzing::request(&client, ClientAuthenticationMethod::ClientSecretBasic, &parameters, false);
    let decoded: Vec<_> = form_urlencoded::parse(&form).collect();
    assert!(decoded.iter().any(|(name, decoded)| name == "refresh_token" && decoded == value));
    assert!(decoded.iter().all(|(name, _)| name != "client_secret"), "one authentication a request");
    assert_eq!(basic.as_deref().and_then(pair_of), Some((id.to_owned(), secret.to_owned())));

    let (json, basic) =
        fuzzing::request(&client, ClientAuthenticationMethod::ClientSecretPost, &parameters, true);
    assert!(basic.is_none(), "one authentication a request");
    let Ok(decoded) = serde_json::from_slice::<serde_json::Value>(&json) else { panic!("it is JSON") };
    for (name, sent) in [("client_id", id), ("client_secret", secret), ("refresh_token", value)] {
        assert_eq!(decoded.get(name).and_then(serde_json::Value::as_str), Some(sent), "{name}");
    }
}

/// One value of a form, as if it had a name.
fn value_of(encoded: &str) -> Option<String> {
    let form = format!("value={encoded}");
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
}

/// Id and secret of a Basic header, decoded as RFC 6749 §2.3.1 says.
fn pair_of(header: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let (id, secret) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((value_of(id)?, value_of(secret)?))
}
