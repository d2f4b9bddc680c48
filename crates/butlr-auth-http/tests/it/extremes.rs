//! Large answers that are taken as they are, and large ones of which little is kept.

use butlr_auth_core::{
    ClientSecret, Dialect, Error, ErrorKind, Grant, Provider, Secret, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::HttpTokenEndpoint;

use crate::answers::verdict;
use crate::capture::{Capture, Play, response};

const MIB: usize = 1024 * 1024;

async fn exchange(capture: &Capture) -> Result<TokenResponse, Error> {
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), Dialect::form());
    let secret = ClientSecret::new("canary-secret").unwrap();
    let endpoint = HttpTokenEndpoint::builder(provider).client_secret("cli", secret).build().unwrap();
    let result = endpoint.exchange(&Grant::refresh_token(Secret::new("canary-refresh").unwrap())).await;
    verdict(&result, &capture.address.to_string());
    capture.only_request();
    result
}

async fn json(body: &str) -> Result<TokenResponse, Error> {
    exchange(&Capture::json(body).await).await
}

// Security: C1.
#[tokio::test]
async fn a_token_of_ten_kilobytes_is_accepted() {
    let long = "a".repeat(10 * 1024);
    let accepted = json(&format!(r#"{{"access_token":"{long}","token_type":"Bearer"}}"#)).await.unwrap();
    assert_eq!(accepted.access_token.expose(), long);
}

// Security: C1.
#[tokio::test]
async fn a_token_of_every_character_that_is_allowed_is_accepted_as_it_is() {
    let every: String = ('!'..='~').collect();
    let body = serde_json::json!({ "access_token": every, "token_type": "Bearer", "refresh_token": format!(" {every}") });
    let accepted = json(&body.to_string()).await.unwrap();
    assert_eq!(accepted.access_token.expose(), every);
    assert_eq!(accepted.refresh_token.unwrap().expose(), format!(" {every}"));
}

// Security: C6.
#[tokio::test]
async fn an_error_of_a_megabyte_is_kept_short() {
    let body = format!(r#"{{"error":"x","error_description":"{}"}}"#, "d".repeat(200 * 1024));
    let capture = Capture::start(Play::Bytes(response("400 Bad Request", "application/json", &body))).await;
    let error = exchange(&capture).await.unwrap_err();
    assert!(format!("{error:?}").len() < 2048);
    let page = format!("<html>{}", "p".repeat(MIB));
    let capture = Capture::start(Play::Bytes(response("502 Bad Gateway", "text/html", &page))).await;
    let error = exchange(&capture).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ServerFailed);
    assert!(format!("{error:?}").len() < 2048);
}
