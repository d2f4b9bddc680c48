//! What a quirk makes of an answer that the server gave by the letter.

use axum::body::Body;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value, json};

use super::Quirk;
use crate::Endpoint;

/// What was asked, as far as a quirk depends on it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) endpoint: Endpoint,
    pub(crate) base_url: String,
}

/// An answer on its way out: its parts, and the members of its JSON object, which quirks may change.
struct Spoken {
    asked: Asked,
    status: StatusCode,
    headers: HeaderMap,
    members: Map<String, Value>,
    /// What is sent in place of the members.
    text: Option<String>,
}

/// Lets every quirk of the server have its way with an answer. One that is no JSON object goes out as it is.
pub(crate) async fn alter(quirks: &[Quirk], asked: Asked, response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    // The body is our own and in memory: it arrives whole.
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let Ok(Value::Object(members)) = serde_json::from_slice(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    let (status, headers) = (parts.status, std::mem::take(&mut parts.headers));
    let mut spoken = Spoken { asked, status, headers, members, text: None };
    for quirk in quirks {
        spoken.apply(*quirk);
    }
    parts.status = spoken.status;
    parts.headers = spoken.headers;
    parts.headers.remove(CONTENT_LENGTH);
    let body = spoken.text.unwrap_or_else(|| Value::Object(spoken.members).to_string());
    Response::from_parts(parts, Body::from(body))
}

impl Spoken {
    fn apply(&mut self, quirk: Quirk) {
        let endpoint = self.asked.endpoint;
        let tokens = endpoint.issues_tokens() && self.members.contains_key("access_token");
        let refused = self.status.is_client_error() && self.members.contains_key("error");
        match quirk {
            Quirk::CreatedStatus if tokens => self.status = StatusCode::CREATED,
            Quirk::TokenTypeMissing if tokens => drop(self.members.remove("token_type")),
            Quirk::BotTokenType if tokens => self.set("token_type", json!("bot")),
            Quirk::ScopeArray if tokens => {
                let scope = self.text_of("scope");
                self.set("scope", scope.split(' ').filter(|scope| !scope.is_empty()).collect());
            }
            Quirk::ExpiresInString if tokens => {
                let seconds = self.members.get("expires_in").map(Value::to_string).unwrap_or_default();
                self.set("expires_in", json!(seconds));
            }
            Quirk::ExpiresInFloat if tokens => {
                let seconds = self.members.get("expires_in").and_then(Value::as_f64).unwrap_or_default();
                self.set("expires_in", json!(seconds + 0.5));
            }
            Quirk::ExpiresInMissing if tokens => drop(self.members.remove("expires_in")),
            Quirk::EndlessTokens if tokens => {
                self.members.remove("expires_in");
                self.members.remove("refresh_token");
            }
            Quirk::AnnouncedConsent if endpoint == Endpoint::Metadata => {
                self.set("prompt_values_supported", json!(["none", "login", "consent"]));
            }
            Quirk::ExpiresInNegative if tokens => self.set("expires_in", json!(-1)),
            Quirk::ExpiresInZero if tokens => self.set("expires_in", json!(0)),
            Quirk::NullMembers => self.fill(&Value::Null),
            Quirk::EmptyMembers => self.fill(&json!("")),
            Quirk::VerificationUrl if endpoint == Endpoint::DeviceAuthorization => {
                if let Some(url) = self.members.remove("verification_uri") {
                    self.set("verification_url", url);
                }
                self.members.remove("verification_uri_complete");
            }
            Quirk::IssuerSlash if endpoint == Endpoint::Metadata => {
                let issuer = self.text_of("issuer");
                self.set("issuer", json!(format!("{issuer}/")));
            }
            Quirk::IssuerTemplate if endpoint == Endpoint::Metadata => {
                let issuer = self.text_of("issuer");
                self.set("issuer", json!(format!("{issuer}/{{tenantid}}/v2.0")));
            }
            Quirk::MetadataRedirect if endpoint == Endpoint::Metadata => self.redirect("/elsewhere"),
            Quirk::TokenRedirect if endpoint == Endpoint::Token => self.redirect("/token/"),
            Quirk::StrangeKeys if endpoint == Endpoint::Jwks => self.add_strange_keys(),
            Quirk::KeysWithoutIds if endpoint == Endpoint::Jwks => self.forget_ids(),
            Quirk::NeverActive if endpoint == Endpoint::Introspect && !refused => {
                self.say(json!({ "active": false }));
            }
            Quirk::AccessDenied if refused && self.is_about_credentials() => {
                self.status = StatusCode::UNAUTHORIZED;
                self.say(json!({ "error": "access_denied", "error_description": "Unauthorized" }));
            }
            Quirk::TooManyAttempts if endpoint == Endpoint::ButlrLogin => {
                self.status = StatusCode::TOO_MANY_REQUESTS;
                self.say(json!({
                    "error": "too_many_attempts",
                    "error_description": "Your account has been blocked. We have sent you an email.",
                }));
            }
            Quirk::ErrorStatusOk if refused => self.status = StatusCode::OK,
            _ if refused => self.reword(quirk),
            _ => {}
        }
    }

    /// Whether a login was refused, and not a refresh.
    fn is_about_credentials(&self) -> bool {
        self.asked.endpoint.issues_tokens()
            && self.asked.endpoint != Endpoint::ButlrRefresh
            && ["invalid_client", "invalid_grant"].contains(&self.text_of("error").as_str())
    }

    fn redirect(&mut self, path: &str) {
        self.status = StatusCode::MOVED_PERMANENTLY;
        let to = format!("{}{path}", self.asked.base_url);
        if let Ok(to) = HeaderValue::try_from(to) {
            self.headers.insert(LOCATION, to);
        }
        self.text = Some(String::new());
        self.headers.remove(CONTENT_TYPE);
    }

    /// Keys of other kinds and uses, before the right ones and behind them.
    fn add_strange_keys(&mut self) {
        let Some(keys) = self.members.get_mut("keys").and_then(Value::as_array_mut) else { return };
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            key.insert("x5c".to_owned(), json!(["MIIC"]));
            key.insert("x5t".to_owned(), Value::Null);
            key.insert("d".to_owned(), Value::Null);
            key.insert("issuer".to_owned(), json!("https://as.example.com"));
        }
        let kid = keys.first().and_then(|key| key.get("kid")).cloned().unwrap_or_default();
        keys.insert(0, json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": kid, "pub": "AA" }));
        keys.insert(
            1,
            json!({ "kty": "RSA", "use": "enc", "alg": "RSA-OAEP", "kid": kid, "n": "AQ", "e": "AQAB" }),
        );
        keys.push(json!({ "kty": "EC", "crv": "P-521", "kid": 7, "x": "AA", "y": "AA" }));
        keys.push(json!({ "kty": "oct", "k": "c2VjcmV0", "key_ops": ["sign"] }));
    }

    /// No key is named, and a stranger's comes first.
    fn forget_ids(&mut self) {
        let Some(keys) = self.members.get_mut("keys").and_then(Value::as_array_mut) else { return };
        for key in keys.iter_mut().filter_map(Value::as_object_mut) {
            key.remove("kid");
        }
        // RFC 7515, appendix A.3.
        let stranger = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        keys.insert(0, stranger);
    }

    /// Says an error in other words than RFC 6749 has for it.
    fn reword(&mut self, quirk: Quirk) {
        let (code, why) = (self.text_of("error"), self.text_of("error_description"));
        let status = self.status.as_u16();
        match quirk {
            Quirk::ErrorSummary => self.say(json!({ "errorCode": code, "errorSummary": why })),
            Quirk::ErrorObject => self.say(json!({
                "error": { "code": status, "message": why, "status": code.to_ascii_uppercase() },
            })),
            Quirk::ErrorList => self.say(json!({
                "errors": [{ "errorType": code, "message": why }],
                "success": false,
            })),
            Quirk::ErrorMessage => self.say(json!({ "message": why })),
            Quirk::ErrorProblem => {
                self.say(json!({ "type": "about:blank", "title": code, "detail": why, "status": status }));
                self.media_type("application/problem+json");
            }
            Quirk::ErrorPage => {
                self.text = Some(format!("<!doctype html><title>{why}</title><h1>{code}</h1>"));
                self.media_type("text/html");
            }
            Quirk::ErrorEmpty => {
                self.text = Some(String::new());
                self.headers.remove(CONTENT_TYPE);
            }
            _ => {}
        }
    }

    /// Gives every optional member that is absent this value. What is an error stays one, and what is none stays none.
    fn fill(&mut self, value: &Value) {
        let optional: &[&str] = match self.asked.endpoint {
            endpoint if endpoint.issues_tokens() => {
                &["refresh_token", "id_token", "scope", "error", "error_description", "error_uri"]
            }
            Endpoint::DeviceAuthorization => &["verification_uri_complete", "error", "error_description"],
            Endpoint::Introspect => &["scope", "client_id", "username", "sub", "iss"],
            Endpoint::Metadata => &[
                "revocation_endpoint",
                "userinfo_endpoint",
                "registration_endpoint",
                "op_policy_uri",
                "service_documentation",
            ],
            _ => &[],
        };
        for name in optional {
            self.members.entry(*name).or_insert_with(|| value.clone());
        }
        if self.asked.endpoint == Endpoint::Jwks {
            let keys = self.members.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten();
            for key in keys.filter_map(Value::as_object_mut) {
                for name in ["x5u", "x5t", "x5t#S256"] {
                    key.entry(name).or_insert_with(|| value.clone());
                }
            }
        }
    }

    fn say(&mut self, members: Value) {
        if let Value::Object(members) = members {
            self.members = members;
        }
    }

    fn set(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    fn text_of(&self, name: &str) -> String {
        self.members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn media_type(&mut self, media_type: &'static str) {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    }
}
