//! Answers too large to keep as files, each generated.

use butlr_auth_core::{
    ClientSecret, Delivery, Dialect, Error, ErrorKind, Grant, Provider, Secret, TokenEndpoint, TokenResponse,
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
    verdict(&result, capture);
    capture.only_request();
    result
}

async fn json(body: &str) -> Result<TokenResponse, Error> {
    exchange(&Capture::json(body).await).await
}

async fn check_refused(body: &str, why: &str) {
    let error = json(body).await.unwrap_err();
    let found = (error.kind(), error.delivery());
    assert_eq!(found, (ErrorKind::InvalidResponse, Delivery::Unanswered), "{error:?}");
    assert!(error.to_string().contains(why), "{error}");
}

fn token(member: &str) -> String {
    format!(r#"{{"access_token":"canary-access","token_type":"Bearer",{member}}}"#)
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

// Security: C1.
#[tokio::test]
async fn megabytes_are_refused() {
    let long = "a".repeat(MIB);
    check_refused(&format!(r#"{{"access_token":"{long}","token_type":"Bearer"}}"#), "exceeds").await;
    check_refused(&token(&format!(r#""scope":"{long}""#)), "exceeds").await;
    let members: String = (0..100_000).map(|number| format!(r#""m{number}":{number},"#)).collect();
    check_refused(&token(&format!(r#"{members}"m":1"#)), "exceeds").await;
}

// Security: C4, C9.
#[tokio::test]
async fn numbers_and_depths_without_end_are_refused() {
    check_refused(&token(&format!(r#""expires_in":{}"#, "9".repeat(1000))), "is not").await;
    for depth in [200, 100_000] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check_refused(&token(&format!(r#""m":{deep}"#)), "is not JSON").await;
    }
}

// Security: B10.
#[tokio::test]
async fn of_a_hundred_megabytes_a_fraction_is_read() {
    for head in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 100 * MIB),
        "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(),
    ] {
        let capture = Capture::start(Play::Endless(head.into(), vec![b' '; 64 * 1024])).await;
        let error = exchange(&capture).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidResponse | ErrorKind::Refused), "{error:?}");
        // What the client has read, and what fits into the sockets between the two.
        assert!(capture.written() < 16 * MIB, "{} bytes", capture.written());
    }
}

// Security: C1.
#[tokio::test]
async fn ten_thousand_headers_or_one_of_a_megabyte_are_refused() {
    let many: String = (0..10_000).map(|number| format!("X-{number}: canary\r\n")).collect();
    for headers in [many, format!("X-Long: {}\r\n", "a".repeat(MIB))] {
        let answer = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n");
        let capture = Capture::start(Play::Close(answer.into())).await;
        let error = exchange(&capture).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (ErrorKind::Unreachable, Delivery::Unanswered));
    }
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
