//! A tiny HTTP client in the words of the tests.

use butlr_auth_testkit::{AuthorizationServer, Client};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

/// [`insta::assert_json_snapshot`] with members in the order of their names: whether `serde_json` keeps the order that
/// they came in depends on what else is in the build.
macro_rules! json_snapshot {
    ($($argument:tt)*) => {{
        let mut settings = insta::Settings::clone_current();
        settings.set_sort_maps(true);
        let _bound = settings.bind_to_scope();
        insta::assert_json_snapshot!($($argument)*);
    }};
}

/// The verifier and challenge of RFC 7636, Appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:53682/callback";

/// What came back: status, headers and body, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    #[track_caller]
    pub(crate) fn member(&self, name: &str) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()[name].as_str().unwrap().to_owned()
    }

    pub(crate) fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

pub(crate) async fn send(request: RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

pub(crate) async fn get(server: &AuthorizationServer, path: &str) -> Reply {
    send(http().get(format!("{}{path}", server.base_url()))).await
}

pub(crate) async fn post_json(server: &AuthorizationServer, path: &str, body: &Value) -> Reply {
    send(http().post(format!("{}{path}", server.base_url())).json(body)).await
}

pub(crate) async fn post_form(server: &AuthorizationServer, path: &str, form: &[(&str, &str)]) -> Reply {
    send(http().post(format!("{}{path}", server.base_url())).form(form)).await
}

/// Calls an endpoint of the API with a bearer token.
pub(crate) async fn call(server: &AuthorizationServer, token: &str, path: &str, body: &Value) -> Reply {
    send(http().post(format!("{}{path}", server.base_url())).bearer_auth(token).json(body)).await
}

pub(crate) async fn graphql(server: &AuthorizationServer, token: &str, query: &str) -> Reply {
    call(server, token, "/api/v3/graphql", &json!({ "query": query, "variables": {} })).await
}

/// Logs in at Butlr's password endpoint and gives the whole answer.
pub(crate) async fn butlr_login(server: &AuthorizationServer) -> Reply {
    let user = server.user();
    post_json(server, "/api/v2/login", &json!({ "username": user.username, "password": user.password })).await
}

/// Refreshes a Butlr session.
pub(crate) async fn butlr_refresh(server: &AuthorizationServer, refresh_token: &str) -> Reply {
    let body = json!({ "grant_type": "refresh_token", "refresh_token": refresh_token });
    post_json(server, "/api/v2/refresh", &body).await
}

/// Asks `/token` as a form, the client in the body.
pub(crate) async fn token(server: &AuthorizationServer, client: &Client, form: &[(&str, &str)]) -> Reply {
    let mut whole = vec![("client_id", client.id.as_str())];
    if !client.is_public() {
        whole.push(("client_secret", client.secret.as_str()));
    }
    whole.extend_from_slice(form);
    post_form(server, "/token", &whole).await
}

pub(crate) fn authorization_url(
    server: &AuthorizationServer,
    client: &Client,
    more: &[(&str, &str)],
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &client.id).append_pair("state", "a state/+&").extend_pairs(more);
    format!("{}/authorize?{}", server.base_url(), query.finish())
}

/// An authorization code by the real page, and the whole redirect it came on.
pub(crate) async fn code(
    server: &AuthorizationServer,
    client: &Client,
    more: &[(&str, &str)],
) -> (String, Url) {
    let mut parameters = vec![
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    parameters.extend_from_slice(more);
    let location = server.approve(&authorization_url(server, client, &parameters)).await.unwrap();
    let location = Url::parse(&location).unwrap();
    (query(&location, "code"), location)
}

pub(crate) fn query(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// A JSON answer with its secrets and times replaced, for snapshots.
pub(crate) fn redacted(mut answer: Value) -> Value {
    if let Some(members) = answer.as_object_mut() {
        for (name, value) in members {
            if ["access_token", "refresh_token", "id_token", "client_secret", "client_id"]
                .contains(&name.as_str())
            {
                *value = Value::String(format!("[{name}]"));
            }
        }
    }
    answer
}

/// The claims of a JWT, unverified.
pub(crate) fn claims(jwt: &str) -> Value {
    use base64::Engine as _;
    let payload = jwt.split('.').nth(1).unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap())
        .unwrap()
}
