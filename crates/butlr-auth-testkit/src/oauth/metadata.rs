//! What the server says of itself: metadata and keys.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Extract;
use serde_json::{Value, json};

use crate::registry::{API_SCOPES, IDENTITY_SCOPES};
use crate::state::State;

pub(crate) async fn jwks(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(state.keys().jwks())
}

/// [RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2).
pub(crate) async fn authorization_server(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    Json(metadata(&state))
}

/// [OpenID Connect Discovery §3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata).
pub(crate) async fn openid(Extract(state): Extract<Arc<State>>) -> Json<Value> {
    let mut document = metadata(&state);
    if let Some(members) = document.as_object_mut() {
        members.insert("subject_types_supported".to_owned(), json!(["public"]));
        members.insert(
            "id_token_signing_alg_values_supported".to_owned(),
            json!([state.keys().algorithm_name()]),
        );
        members.insert(
            "claims_supported".to_owned(),
            json!([
                "iss",
                "sub",
                "aud",
                "azp",
                "exp",
                "iat",
                "auth_time",
                "nonce",
                "at_hash",
                "name",
                "email"
            ]),
        );
    }
    Json(document)
}

fn metadata(state: &State) -> Value {
    let base = &state.base_url;
    let methods = ["client_secret_basic", "client_secret_post", "none"];
    json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "revocation_endpoint": format!("{base}/revoke"),
        "introspection_endpoint": format!("{base}/introspect"),
        "device_authorization_endpoint": format!("{base}/device_authorization"),
        "pushed_authorization_request_endpoint": format!("{base}/par"),
        "require_pushed_authorization_requests": state.settings.require_pushed_authorization_requests,
        "jwks_uri": format!("{base}/jwks"),
        "scopes_supported": IDENTITY_SCOPES.iter().chain(&API_SCOPES).collect::<Vec<_>>(),
        "response_types_supported": ["code", "token", "id_token token"],
        "response_modes_supported": ["query", "fragment"],
        "grant_types_supported": ["authorization_code", "implicit", "password", "client_credentials", "refresh_token", super::token::DEVICE_CODE],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    })
}
