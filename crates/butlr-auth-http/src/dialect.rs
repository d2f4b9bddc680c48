//! The request of RFC 6749, turned into what a provider wants to see.

use butlr_auth_core::{BodyEncoding, Dialect};
use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use zeroize::Zeroize as _;

/// Rewrites a form request: parameters left out and added, the body as a form or as JSON.
pub(crate) fn apply(request: oauth2::HttpRequest, dialect: &Dialect) -> http::Request<Vec<u8>> {
    let (mut head, mut form) = request.into_parts();
    let mut parameters: Vec<(String, String)> = url::form_urlencoded::parse(&form)
        .filter(|(name, _)| dialect.omitted.iter().all(|omitted| omitted != name))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    form.zeroize();
    parameters.extend(dialect.parameters.iter().cloned());

    let body = match dialect.body {
        BodyEncoding::Json => {
            head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            json(&parameters)
        }
        _ => url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&parameters)
            .finish()
            .into_bytes(),
    };
    for (_, value) in &mut parameters {
        value.zeroize();
    }
    if let Some(authorization) = head.headers.get_mut(AUTHORIZATION) {
        authorization.set_sensitive(true);
    }
    http::Request::from_parts(head, body)
}

/// One object with a string for each parameter, in their order.
fn json(parameters: &[(String, String)]) -> Vec<u8> {
    let mut body = vec![b'{'];
    for (at, (name, value)) in parameters.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        // Writing strings into memory cannot fail.
        let _ = serde_json::to_writer(&mut body, name);
        body.push(b':');
        let _ = serde_json::to_writer(&mut body, value);
    }
    body.push(b'}');
    body
}
