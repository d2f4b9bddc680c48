//! A tiny HTTP client in the words of the tests.

use std::sync::LazyLock;

use butlr_auth_testkit::AuthorizationServer;
use serde_json::Value;

/// What came back: status, headers and body, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One client for all tests of a runtime would outlive it, so each request brings its own.
pub(crate) fn http() -> reqwest::Client {
    static PROVIDER: LazyLock<()> = LazyLock::new(|| ());
    LazyLock::force(&PROVIDER);
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

pub(crate) async fn send(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, text: response.text().await.unwrap() }
}

pub(crate) async fn post_json(server: &AuthorizationServer, path: &str, body: &Value) -> Reply {
    send(http().post(format!("{}{path}", server.base_url())).json(body)).await
}
