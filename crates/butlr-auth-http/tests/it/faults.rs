//! Servers and networks that fail. Every fault costs one request and ends within the deadline.

use std::time::Duration;

use butlr_auth_core::{
    ClientSecret, Delivery, Dialect, Error, ErrorKind, Grant, GrantType, Provider, Secret, TokenEndpoint,
    TokenResponse,
};
use butlr_auth_http::{HttpTokenEndpoint, HttpTokenEndpointBuilder};
use tokio::net::TcpListener;

use crate::answers::verdict;
use crate::capture::{Capture, Play, response};

const TOKEN: &str = r#"{"access_token":"at","token_type":"Bearer","expires_in":1000}"#;

fn refresh() -> Grant {
    Grant::refresh_token(Secret::new("canary-refresh").unwrap())
}

fn endpoint(url: &str) -> HttpTokenEndpointBuilder {
    HttpTokenEndpoint::builder(Provider::new("example", url.parse().unwrap(), Dialect::form()))
        .client_secret("cli", ClientSecret::new("canary-secret").unwrap())
}

async fn exchange(capture: &Capture, deadline: Duration) -> Result<TokenResponse, Error> {
    let endpoint = endpoint(&capture.url("/token")).timeout(deadline).build().unwrap();
    let result = endpoint.exchange(&refresh()).await;
    verdict(&result, &capture.address.to_string());
    result
}

async fn check(play: Play, kind: ErrorKind, delivery: Delivery) -> Error {
    let short = matches!(play, Play::Stall(_));
    let capture = Capture::start(play).await;
    let deadline = Duration::from_millis(if short { 300 } else { 5000 });
    let error = exchange(&capture, deadline).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (kind, delivery), "{error:?}");
    capture.only_request();
    error
}

// Security: B6.
#[tokio::test]
async fn no_redirect_is_ever_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
        let sink = Capture::json(TOKEN).await;
        for target in [sink.url("/token"), "/token".to_owned()] {
            let answer = format!("HTTP/1.1 {status}\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
            let error =
                check(Play::Bytes(answer.into()), ErrorKind::InvalidResponse, Delivery::Answered).await;
            assert!(error.to_string().contains("redirect"), "{error}");
        }
        assert!(sink.requests().is_empty(), "{status}");
    }
}

// Security: B6.
#[tokio::test]
async fn a_refresh_header_moves_nothing() {
    let sink = Capture::json(TOKEN).await;
    let url = sink.url("/");
    let answer = format!("HTTP/1.1 200 OK\r\nRefresh: 0; url={url}\r\nContent-Length: 0\r\n\r\n");
    check(Play::Bytes(answer.into()), ErrorKind::InvalidResponse, Delivery::Unreadable).await;
    assert!(sink.requests().is_empty());
}

// Security: B10.
#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".into();
    let piece = format!("1000\r\n{}\r\n", " ".repeat(0x1000)).into();
    let error = check(Play::Endless(head, piece), ErrorKind::InvalidResponse, Delivery::Unreadable).await;
    assert!(error.to_string().contains("exceeds 262144 bytes"), "{error}");
}

#[tokio::test]
async fn an_endless_error_is_still_the_error() {
    let head = "HTTP/1.1 503 Down\r\nRetry-After: 3\r\nTransfer-Encoding: chunked\r\n\r\n".into();
    let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000)).into();
    let error = check(Play::Endless(head, piece), ErrorKind::ServerFailed, Delivery::Answered).await;
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn a_length_that_lies_is_not_believed() {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", u64::MAX / 2).into();
    let piece = " ".repeat(0x1000).into();
    check(Play::Endless(head, piece), ErrorKind::InvalidResponse, Delivery::Unreadable).await;
}

#[tokio::test]
async fn endless_headers_are_cut_off() {
    let piece = format!("X-More: {}\r\n", "x".repeat(0x1000)).into();
    let play = Play::Endless("HTTP/1.1 200 OK\r\n".into(), piece);
    check(play, ErrorKind::Unreachable, Delivery::Unanswered).await;
}

// Security: B10.
#[tokio::test]
async fn a_server_that_falls_silent_meets_the_one_deadline() {
    for begun in ["", "HTTP/1.1 200 OK\r\nConte", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"acc"] {
        check(Play::Stall(begun.into()), ErrorKind::TimedOut, Delivery::Unanswered).await;
    }
}

// Security: B10.
#[tokio::test]
async fn a_body_that_drips_meets_the_one_deadline() {
    let capture =
        Capture::start(Play::Drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".into())).await;
    let error = exchange(&capture, Duration::from_millis(300)).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::TimedOut, Delivery::Unanswered));
    capture.only_request();
}

#[tokio::test]
async fn a_refusal_whose_body_stalls_is_a_refusal() {
    let begun = "HTTP/1.1 400 Bad Request\r\nContent-Length: 50\r\n\r\n{\"err";
    let error = check(Play::Stall(begun.into()), ErrorKind::Refused, Delivery::Answered).await;
    assert_eq!(error.status(), Some(400));
}

// Security: D5.
#[tokio::test]
async fn a_connection_that_breaks_leaves_the_request_unanswered() {
    for begun in ["", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"acc"] {
        check(Play::Reset(begun.into()), ErrorKind::Unreachable, Delivery::Unanswered).await;
        check(Play::Close(begun.into()), ErrorKind::Unreachable, Delivery::Unanswered).await;
    }
}

#[tokio::test]
async fn a_refused_connection_sends_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token?key=canary", listener.local_addr().unwrap());
    drop(listener);
    let error = endpoint(&url).build().unwrap().exchange(&refresh()).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::Unreachable, Delivery::NotSent), "{error:?}");
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
async fn a_name_that_does_not_resolve_sends_nothing() {
    let error =
        endpoint("https://nowhere.invalid/token").build().unwrap().exchange(&refresh()).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent, "{error:?}");
    assert!(error.is_transient(), "{error:?}");
}

// Security: B10.
#[tokio::test]
async fn a_handshake_that_stalls_meets_the_connect_deadline() {
    // The server waits for an empty line, which no handshake has.
    let capture = Capture::start(Play::Close(Vec::new())).await;
    let url = capture.url("/token").replace("http:", "https:");
    let endpoint = endpoint(&url).connect_timeout(Duration::from_millis(300)).build().unwrap();
    let error = endpoint.exchange(&refresh()).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::TimedOut, Delivery::NotSent), "{error:?}");
    assert!(capture.requests().is_empty());
}

#[tokio::test]
async fn a_connection_is_used_again_and_a_dead_one_costs_no_request() {
    let capture = Capture::json(TOKEN).await;
    let kept = endpoint(&capture.url("/token")).build().unwrap();
    for _ in 0..3 {
        kept.exchange(&refresh()).await.unwrap();
    }
    assert_eq!((capture.requests().len(), capture.connections()), (3, 1));

    let closing = Capture::start(Play::Close(response("200 OK", "application/json", TOKEN))).await;
    let lost = endpoint(&closing.url("/token")).build().unwrap();
    for sent in 1..=20 {
        lost.exchange(&refresh()).await.unwrap();
        assert_eq!(closing.requests().len(), sent);
        closing.closed(sent).await;
    }
}

// Security: B11.
#[tokio::test]
async fn a_request_that_was_read_on_a_kept_connection_is_not_sent_again() {
    let answer = response("200 OK", "application/json", TOKEN);
    for end in [Play::Reset(Vec::new()), Play::Close(Vec::new())] {
        let capture = Capture::start(Play::First(answer.clone(), Box::new(end))).await;
        let kept = endpoint(&capture.url("/token")).build().unwrap();
        kept.exchange(&refresh()).await.unwrap();
        let error = kept.exchange(&refresh()).await.unwrap_err();
        assert_eq!((error.kind(), error.delivery()), (ErrorKind::Unreachable, Delivery::Unanswered));
        assert_eq!((capture.requests().len(), capture.connections()), (2, 1));
    }
}

#[tokio::test]
async fn a_connection_reset_at_once_is_no_answer() {
    let capture = Capture::start(Play::Slam).await;
    let error = exchange(&capture, Duration::from_secs(5)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    // Whether the reset comes before the first byte leaves or after is the network's to say.
    assert_ne!(error.delivery(), Delivery::Answered);
    assert_eq!((capture.requests().len(), capture.connections()), (0, 1));
}

#[tokio::test]
async fn endpoints_can_share_connections() {
    let capture = Capture::json(TOKEN).await;
    let one = endpoint(&capture.url("/token")).build().unwrap();
    let other = endpoint(&capture.url("/token")).share_http_client(&one).build().unwrap();
    one.exchange(&refresh()).await.unwrap();
    other.exchange(&refresh()).await.unwrap();
    assert_eq!((capture.requests().len(), capture.connections()), (2, 1));
}

// Security: B6, N6.
#[tokio::test]
async fn a_callers_settings_do_not_switch_redirects_on() {
    let sink = Capture::json(TOKEN).await;
    let url = sink.url("/token");
    let answer = format!("HTTP/1.1 307 Temporary\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n");
    let capture = Capture::start(Play::Bytes(answer.into())).await;
    let settings = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::limited(10))
        .proxy(reqwest::Proxy::all(sink.url("")).unwrap())
        .user_agent("canary");
    let endpoint = endpoint(&capture.url("/token")).http_client(settings).build().unwrap();
    endpoint.exchange(&refresh()).await.unwrap_err();
    // The proxy would have seen the request, too: to this machine none is used.
    assert!(sink.requests().is_empty());
    assert!(capture.only_request().header("user-agent").unwrap().starts_with("butlr-auth/"));
}

#[tokio::test]
async fn a_grant_without_an_endpoint_is_unsupported() {
    let endpoint = HttpTokenEndpoint::builder(Provider::butlr()).client_id("cli").build().unwrap();
    assert!(endpoint.supports(GrantType::Password));
    assert!(!endpoint.supports(GrantType::RefreshToken));
    let error = endpoint.exchange(&refresh()).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::Unsupported, Delivery::NotSent));
}

// Security: A8.
#[tokio::test]
async fn a_code_goes_to_no_other_provider() {
    let capture = Capture::json(TOKEN).await;
    let url: butlr_auth_core::EndpointUrl = capture.url("/token").parse().unwrap();
    let honest = Provider::new("honest", url.clone(), Dialect::form());
    let hostile = Provider::new("hostile", url, Dialect::form());
    let grant = crate::wire::code_grant(&hostile);
    let endpoint = HttpTokenEndpoint::builder(honest).client_id("cli").build().unwrap();
    let error = endpoint.exchange(&grant).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::InvalidCallback, Delivery::NotSent));
    assert!(capture.requests().is_empty());
}

#[test]
fn a_client_must_be_named() {
    let error = HttpTokenEndpoint::builder(Provider::butlr()).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[test]
fn a_json_member_stands_once() {
    let dialect = Dialect::json().with_parameter("resource", "a").with_parameter("resource", "b");
    let provider = Provider::new("example", "https://as.example.com/token".parse().unwrap(), dialect);
    let error = HttpTokenEndpoint::builder(provider).client_id("cli").build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

// Security: H1.
#[test]
fn debug_shows_no_secret() {
    let endpoint = endpoint("https://as.example.com/token?key=canary");
    let shown = format!("{endpoint:?}");
    let shown = format!("{shown} {:?}", endpoint.build().unwrap());
    assert!(!shown.contains("canary"), "{shown}");
}
