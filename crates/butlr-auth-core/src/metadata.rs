use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::json::{Malformed, Object};
use crate::provider::check_issuer;
use crate::{
    ClientAuthenticationMethod, Delivery, Dialect, EndpointUrl, Error, ErrorKind, Hint, Provider, text,
};

const AUTHORIZATION: &str = "authorization_endpoint";
const TOKEN: &str = "token_endpoint";
const REVOCATION: &str = "revocation_endpoint";
const INTROSPECTION: &str = "introspection_endpoint";
const DEVICE_AUTHORIZATION: &str = "device_authorization_endpoint";
const PUSHED_AUTHORIZATION: &str = "pushed_authorization_request_endpoint";
const JWKS: &str = "jwks_uri";
const CHALLENGE_METHODS: &str = "code_challenge_methods_supported";
const AUTHENTICATION_METHODS: &str = "token_endpoint_auth_methods_supported";
const PROMPT_VALUES: &str = "prompt_values_supported";
const RESPONSE_ISS: &str = "authorization_response_iss_parameter_supported";
const REQUIRE_PUSHED: &str = "require_pushed_authorization_requests";

/// Without these two nobody logs in, so that a malformed one is an error and not an absence.
const ESSENTIAL: [&str; 2] = [AUTHORIZATION, TOKEN];
const OPTIONAL: [&str; 5] = [REVOCATION, INTROSPECTION, DEVICE_AUTHORIZATION, PUSHED_AUTHORIZATION, JWKS];

/// What an authorization server says of itself, as far as this client acts on it: the document of
/// [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), of OpenID Connect Discovery, or both in one.
///
/// ```
/// use butlr_auth_core::{GrantType, Metadata};
///
/// let document = br#"{"issuer":"https://as.example.com","token_endpoint":"https://as.example.com/token"}"#;
/// let provider = Metadata::from_json("https://as.example.com", document)?.provider("example");
/// assert!(provider.token_endpoint(GrantType::ClientCredentials).is_ok());
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    issuer: String,
    endpoints: BTreeMap<&'static str, EndpointUrl>,
    unusable: Vec<&'static str>,
    code_challenge_methods: Vec<String>,
    authentication_methods: Vec<String>,
    prompt_values: Vec<String>,
    authorization_response_iss: bool,
    pushed_authorization_required: bool,
}

impl Metadata {
    /// Reads one document, strictly, that was asked of `issuer`.
    ///
    /// A member of the wrong type is refused, and so is an authorization or token endpoint that is not a URL an
    /// [endpoint](EndpointUrl) may have. Of the other endpoints, a malformed one is as good as absent and named by
    /// [`unusable`](Self::unusable). An issuer elsewhere names no plain `http` endpoint: it would lead to this
    /// machine.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if `issuer` is not a URL that an endpoint may have, or has a query;
    /// [`ErrorKind::InvalidResponse`] if the document is malformed or another issuer's.
    pub fn from_json(issuer: &str, document: &[u8]) -> Result<Self, Error> {
        let https = check_issuer(issuer)?.as_url().scheme() == "https";
        let members =
            Object::parse(document).map_err(|Malformed(why)| invalid(format!("the document {why}")))?;
        check_named_issuer(issuer, &members)?;
        let mut metadata = Self {
            issuer: issuer.to_owned(),
            endpoints: BTreeMap::new(),
            unusable: Vec::new(),
            code_challenge_methods: strings(&members, CHALLENGE_METHODS)?,
            authentication_methods: strings(&members, AUTHENTICATION_METHODS)?,
            // Nobody needs it to log in: a malformed one is as good as none.
            prompt_values: strings(&members, PROMPT_VALUES).unwrap_or_default(),
            authorization_response_iss: flag(&members, RESPONSE_ISS)?,
            pushed_authorization_required: flag(&members, REQUIRE_PUSHED)?,
        };
        for name in ESSENTIAL.into_iter().chain(OPTIONAL) {
            match endpoint(&members, name, https) {
                Ok(None) => {}
                Ok(Some(url)) => {
                    metadata.endpoints.insert(name, url);
                }
                Err(error) if ESSENTIAL.contains(&name) => return Err(error),
                Err(_) => metadata.unusable.push(name),
            }
        }
        Ok(metadata)
    }

    /// Checks what can be told of an issuer identifier before it is asked: it is a URL that an endpoint may have, without
    /// a query, and not the address of the metadata.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`].
    pub fn check_issuer(issuer: &str) -> Result<(), Error> {
        check_issuer(issuer).map(drop)
    }

    /// Fills what this document leaves out from another one of the same issuer: many servers list revocation and
    /// introspection in one of their two documents only.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] if the other document is another issuer's.
    pub fn merge(&mut self, other: Self) -> Result<(), Error> {
        if other.issuer != self.issuer {
            return Err(invalid("two documents of different issuers cannot be one"));
        }
        for (name, url) in other.endpoints {
            self.endpoints.entry(name).or_insert(url);
        }
        self.unusable.extend(other.unusable);
        self.unusable.retain(|name| !self.endpoints.contains_key(name));
        self.unusable.sort_unstable();
        self.unusable.dedup();
        for (ours, theirs) in [
            (&mut self.code_challenge_methods, other.code_challenge_methods),
            (&mut self.authentication_methods, other.authentication_methods),
            (&mut self.prompt_values, other.prompt_values),
        ] {
            if ours.is_empty() {
                *ours = theirs;
            }
        }
        self.authorization_response_iss |= other.authorization_response_iss;
        self.pushed_authorization_required |= other.pushed_authorization_required;
        Ok(())
    }

    /// Returns the issuer identifier, byte for byte as it was asked for.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Returns whether nothing is missing that a second document may bring: revocation and introspection.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        [AUTHORIZATION, TOKEN, REVOCATION, INTROSPECTION, JWKS]
            .iter()
            .all(|name| self.endpoints.contains_key(name))
    }

    /// Returns the members that name an endpoint which cannot be used, and so count as absent.
    #[must_use]
    pub fn unusable(&self) -> &[&'static str] {
        &self.unusable
    }

    /// Describes the server as a provider, which sessions know by `id`. Choose the id once and keep it: the issuer
    /// is a good one.
    #[must_use]
    pub fn provider(&self, id: impl Into<String>) -> Provider {
        let endpoint = |name| self.endpoints.get(name).cloned();
        let mut provider = Provider::empty(id)
            .discovered(self.issuer.clone())
            .with_code_challenge_methods(self.code_challenge_methods.iter().map(String::as_str))
            .with_prompt_values(self.prompt_values.iter().map(String::as_str));
        if let Some(url) = endpoint(TOKEN) {
            let dialect = Dialect::form().with_client_authentication(self.client_authentication());
            provider = provider.with_token_endpoint(url, dialect);
        }
        for (name, set) in [
            (AUTHORIZATION, Provider::with_authorization_endpoint as fn(Provider, EndpointUrl) -> Provider),
            (REVOCATION, Provider::with_revocation_endpoint),
            (INTROSPECTION, Provider::with_introspection_endpoint),
            (DEVICE_AUTHORIZATION, Provider::with_device_authorization_endpoint),
            (PUSHED_AUTHORIZATION, Provider::with_pushed_authorization_request_endpoint),
            (JWKS, Provider::with_jwks_uri),
        ] {
            if let Some(url) = endpoint(name) {
                provider = set(provider, url);
            }
        }
        if self.authorization_response_iss {
            provider = provider.with_authorization_response_iss();
        }
        if self.pushed_authorization_required {
            provider = provider.with_required_pushed_authorization();
        }
        provider
    }

    /// Writes the document down again, to be kept and read by [`from_json`](Self::from_json) later. It holds no
    /// secret.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut members = serde_json::Map::new();
        members.insert("issuer".to_owned(), json!(self.issuer));
        for (name, url) in &self.endpoints {
            members.insert((*name).to_owned(), json!(url.as_str()));
        }
        for (name, list) in [
            (CHALLENGE_METHODS, &self.code_challenge_methods),
            (AUTHENTICATION_METHODS, &self.authentication_methods),
            (PROMPT_VALUES, &self.prompt_values),
        ] {
            if !list.is_empty() {
                members.insert(name.to_owned(), json!(list));
            }
        }
        members.insert(RESPONSE_ISS.to_owned(), json!(self.authorization_response_iss));
        members.insert(REQUIRE_PUSHED.to_owned(), json!(self.pushed_authorization_required));
        Value::Object(members).to_string()
    }

    /// The first method that this client speaks, in our order of preference.
    //= https://www.rfc-editor.org/rfc/rfc8414#section-2
    //# If omitted, the default is "client_secret_basic" -- the HTTP Basic Authentication Scheme specified in
    //# Section 2.3.1 of OAuth 2.0 [RFC6749].
    fn client_authentication(&self) -> ClientAuthenticationMethod {
        let offered = |method: &ClientAuthenticationMethod| {
            self.authentication_methods.iter().any(|name| name == method.as_str())
        };
        ClientAuthenticationMethod::ALL.into_iter().find(offered).unwrap_or_default()
    }
}

//= https://www.rfc-editor.org/rfc/rfc8414#section-3.3
//# The "issuer" value returned MUST be identical to the authorization server's issuer identifier value into which
//# the well-known URI string was inserted to create the URL used to retrieve the metadata.
fn check_named_issuer(issuer: &str, members: &Object) -> Result<(), Error> {
    let Some(named) = members.member("issuer").and_then(Value::as_str) else {
        return Err(invalid("the document names no issuer"));
    };
    if named == issuer {
        return Ok(());
    }
    let shown = text::escape(named, 128);
    let error = invalid(format!("the document names the issuer `{shown}`, expected was `{issuer}`"));
    let differs_by_slash = named.trim_end_matches('/') == issuer.trim_end_matches('/');
    Err(error.with_hint(if differs_by_slash {
        Hint::IssuerSlash { named: shown }
    } else if named.contains('{') || named.contains("%7B") {
        Hint::IssuerTemplate { named: shown }
    } else {
        Hint::OtherIssuer { named: shown }
    }))
}

fn endpoint(members: &Object, name: &str, https: bool) -> Result<Option<EndpointUrl>, Error> {
    let Some(value) = members.member(name) else { return Ok(None) };
    let written = value.as_str().ok_or_else(|| invalid(format!("`{name}` is not a string")))?;
    let url: EndpointUrl = written.parse().map_err(|error| invalid(format!("`{name}`: {error}")))?;
    if https && url.as_url().scheme() != "https" {
        return Err(invalid(format!("`{name}` is plain http, while the issuer is https")));
    }
    Ok(Some(url))
}

fn strings(members: &Object, name: &str) -> Result<Vec<String>, Error> {
    let malformed = || invalid(format!("`{name}` is not a list of strings"));
    let Some(value) = members.member(name) else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(malformed)?;
    list.iter().map(|value| value.as_str().map(str::to_owned).ok_or_else(malformed)).collect()
}

fn flag(members: &Object, name: &str) -> Result<bool, Error> {
    match members.member(name) {
        None => Ok(false),
        Some(value) => value.as_bool().ok_or_else(|| invalid(format!("`{name}` is neither true nor false"))),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidResponse, message).with_delivery(Delivery::Answered)
}

#[cfg(test)]
mod tests;
