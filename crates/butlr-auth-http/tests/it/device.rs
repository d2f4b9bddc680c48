//! The device grant: at the pace of the server, until the person has decided.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use butlr_auth_core::{
    Clock, Delivery, DeviceAuthorization, Dialect, Error, ErrorCode, ErrorKind, ErrorResponse, Grant,
    ManualClock, Provider, Scope, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::capture::{Capture, Play, response};
use crate::clock::{Leaping, Timers};

const ANSWER: &str = r#"{"device_code":"canary-device-code","user_code":"WDJB-MJHT",
    "verification_uri":"https://as.example.com/device","expires_in":600,"interval":5}"#;

fn endpoint(clock: impl Clock + 'static) -> HttpTokenEndpoint {
    let provider = Provider::new("example", "https://as.example.com/token".parse().unwrap(), Dialect::form());
    HttpTokenEndpoint::builder(provider).client_id("cli").clock(clock).build().unwrap()
}

fn device(clock: &dyn Clock) -> DeviceAuthorization {
    DeviceAuthorization::from_json(ANSWER.as_bytes(), "example", Scope::empty(), clock.now()).unwrap()
}

fn answered(code: ErrorCode) -> Error {
    let response = ErrorResponse::new(code, None);
    Error::new(ErrorKind::Refused, "no").with_delivery(Delivery::Answered).with_error_response(response)
}

/// Polls through a script and returns how it ended and when each poll was, in seconds.
async fn run(script: Vec<Error>) -> (Result<&'static str, Error>, Vec<u64>) {
    let clock = Timers::start();
    let began = Timers::start();
    let (mut script, mut polls) = (VecDeque::from(script), Vec::new());
    let result = endpoint(clock.clone())
        .poll_device(&device(&clock), || {
            polls.push(began.boot().as_secs());
            let next = script.pop_front();
            async move { next.map_or(Ok("token"), Err) }
        })
        .await;
    (result, polls)
}

#[tokio::test(start_paused = true)]
async fn g1_the_first_poll_and_each_next_one_wait_for_the_interval() {
    let pending = || answered(ErrorCode::AUTHORIZATION_PENDING);
    let (result, polls) = run(vec![pending(), pending()]).await;
    assert_eq!(result.unwrap(), "token");
    assert_eq!(polls, [5, 10, 15]);
}

#[tokio::test(start_paused = true)]
async fn g1_slow_down_three_times_adds_up_and_stays() {
    let (slow, pending) = (|| answered(ErrorCode::SLOW_DOWN), || answered(ErrorCode::AUTHORIZATION_PENDING));
    let (_, polls) = run(vec![slow(), slow(), slow(), pending(), pending()]).await;
    assert_eq!(polls, [5, 15, 30, 50, 70, 90]);
}

#[tokio::test(start_paused = true)]
async fn g1_a_server_that_is_down_is_asked_less_and_less() {
    let down = |kind| Error::new(kind, "down");
    let kinds = [ErrorKind::TimedOut, ErrorKind::Unreachable, ErrorKind::ServerFailed, ErrorKind::TimedOut];
    let (_, polls) = run(kinds.map(down).into()).await;
    assert_eq!(polls, [5, 15, 35, 75, 135]);
}

#[tokio::test(start_paused = true)]
async fn g1_pending_for_ever_ends_at_the_expiry_by_our_own_clock() {
    let began = Timers::start();
    let (result, polls) =
        run((0..10_000).map(|_| answered(ErrorCode::AUTHORIZATION_PENDING)).collect()).await;
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.error_response()), (ErrorKind::LoginRequired, None));
    assert_eq!(polls.len(), 119);
    assert!(began.boot() < Duration::from_secs(600));
}

#[tokio::test(start_paused = true)]
async fn g1_a_machine_that_was_suspended_past_the_expiry_polls_no_more() {
    let clock = ManualClock::new();
    let device = device(&clock);
    let endpoint = endpoint(clock.clone());
    let polls = AtomicUsize::new(0);
    let polling = endpoint.poll_device(&device, || {
        polls.fetch_add(1, Ordering::Relaxed);
        async { Ok::<(), Error>(()) }
    });
    let suspended = async {
        // Sleeps because a paused timer moves only when somebody waits for one.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        clock.advance(Duration::from_secs(7200));
    };
    let (result, ()) = tokio::join!(polling, suspended);
    assert_eq!(result.unwrap_err().kind(), ErrorKind::LoginRequired);
    assert_eq!(polls.into_inner(), 0);
}

#[tokio::test(start_paused = true)]
async fn g1_cancelling_is_immediate_and_leaves_nothing_behind() {
    let clock = Timers::start();
    let (endpoint, device) = (endpoint(clock.clone()), device(&clock));
    let alive = Arc::new(());
    for wait in [2, 7] {
        let polling = endpoint.poll_device(&device, || {
            let held = Arc::clone(&alive);
            async move {
                std::future::pending::<()>().await;
                drop(held);
                Ok::<(), Error>(())
            }
        });
        let began = Timers::start();
        assert!(tokio::time::timeout(Duration::from_secs(wait), polling).await.is_err());
        assert_eq!(began.boot().as_secs(), wait);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

/// A server whose codes live for an hour.
async fn patient() -> AuthorizationServer {
    AuthorizationServer::builder().device_code_lifetime(Duration::from_secs(3600)).start().await.unwrap()
}

/// A server, a client that never waits, and a person's device at it.
async fn begin(server: &AuthorizationServer) -> (HttpTokenEndpoint, DeviceAuthorization) {
    let builder = HttpTokenEndpoint::discover(server.issuer()).await.unwrap();
    let endpoint =
        builder.client_id(server.public_client().id.as_str()).clock(Leaping::new()).build().unwrap();
    let device = endpoint.authorize_device("openid read:rooms".parse().unwrap()).await.unwrap();
    (endpoint, device)
}

/// Polls while the server's time goes on by `step` before each.
async fn poll(
    server: &AuthorizationServer,
    endpoint: &HttpTokenEndpoint,
    device: &DeviceAuthorization,
    step: u64,
) -> Result<TokenResponse, Error> {
    let grant = device.grant();
    let poll = || {
        server.advance_time(Duration::from_secs(step));
        endpoint.exchange(&grant)
    };
    endpoint.poll_device(device, poll).await
}

fn outcomes(server: &AuthorizationServer) -> Vec<String> {
    let journal = server.journal();
    journal
        .events()
        .iter()
        .filter(|event| event.grant_type.is_some())
        .map(|event| event.outcome.clone())
        .collect()
}

#[tokio::test]
async fn a_device_gets_its_tokens_when_the_person_has_allowed_it() {
    let server = patient().await;
    let (endpoint, device) = begin(&server).await;
    assert!(device.verification_uri_complete().unwrap().as_str().ends_with(device.user_code()));
    let early = endpoint.exchange(&device.grant()).await.unwrap_err();
    assert_eq!(early.error_response().unwrap().error, ErrorCode::SLOW_DOWN);
    server.approve_device(&device.user_code().to_lowercase().replace('-', "")).await.unwrap();
    let token = poll(&server, &endpoint, &device, 6).await.unwrap();
    assert!(token.refresh_token.is_some() && token.id_token.is_some());
    endpoint.exchange(&Grant::refresh_token(token.refresh_token.unwrap())).await.unwrap();
    let again = endpoint.exchange(&device.grant()).await.unwrap_err();
    assert_eq!(again.error_response().unwrap().error, ErrorCode::INVALID_GRANT, "a device code is good once");
}

#[tokio::test]
async fn g1_pending_and_slow_down_are_waited_out() {
    let server = patient().await;
    let (endpoint, device) = begin(&server).await;
    server.inject(Fault::error("slow_down").times(2).on(Endpoint::Token));
    server.inject(Fault::error("authorization_pending").times(2).on(Endpoint::Token));
    server.inject(Fault::status(503).header("Retry-After", "1").times(1).on(Endpoint::Token));
    server.inject(Fault::cut().times(1).on(Endpoint::Token));
    server.approve_device(device.user_code()).await.unwrap();
    poll(&server, &endpoint, &device, 6).await.unwrap();
    assert_eq!(server.journal().requests(Endpoint::Token), 7);
    assert_eq!(outcomes(&server), ["issued"]);
}

#[tokio::test]
async fn g3_a_person_who_declines_ends_it() {
    let server = patient().await;
    let (endpoint, device) = begin(&server).await;
    server.deny_device(device.user_code()).await.unwrap();
    let error = poll(&server, &endpoint, &device, 6).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.error_response().unwrap().error, ErrorCode::ACCESS_DENIED);
    assert_eq!(outcomes(&server), ["access_denied"]);
}

#[tokio::test]
async fn g3_an_expired_code_ends_it_by_either_clock() {
    let server = patient().await;
    let (endpoint, device) = begin(&server).await;
    server.advance_time(Duration::from_secs(3601));
    let error = poll(&server, &endpoint, &device, 6).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LoginRequired);
    assert_eq!(error.error_response().unwrap().error, ErrorCode::EXPIRED_TOKEN);
    assert!(server.approve_device(device.user_code()).await.is_err());

    let (endpoint, device) = begin(&server).await;
    let error = poll(&server, &endpoint, &device, 0).await.unwrap_err();
    assert_eq!((error.kind(), error.error_response()), (ErrorKind::LoginRequired, None));
}

#[tokio::test]
async fn g3_a_code_that_the_server_no_longer_has_ends_it() {
    let server = patient().await;
    let (endpoint, device) = begin(&server).await;
    let gone =
        Fault::status(404).header("Content-Type", "application/json").body(r#"{"error":"device_not_found"}"#);
    server.inject(gone.times(1).on(Endpoint::Token));
    let error = poll(&server, &endpoint, &device, 6).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (ErrorKind::LoginRequired, Some(404)));
}

async fn asked(play: Play) -> Result<DeviceAuthorization, Error> {
    let capture = Capture::start(play).await;
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), Dialect::form())
        .with_device_authorization_endpoint(capture.url("/device_authorization").parse().unwrap());
    let endpoint = HttpTokenEndpoint::builder(provider).client_id("cli").build().unwrap();
    let result = endpoint.authorize_device(Scope::empty()).await;
    assert!(!format!("{result:?}").contains("canary"), "{result:?}");
    capture.only_request();
    result
}

#[tokio::test]
async fn a_device_authorization_that_fails_is_typed() {
    let json = |status, body| Play::Bytes(response(status, "application/json", body));
    for (play, kind) in [
        (json("400 Bad Request", r#"{"error":"unauthorized_client"}"#), ErrorKind::Refused),
        (json("200 OK", r#"{"error":"device_flow_disabled"}"#), ErrorKind::Refused),
        (json("401 Unauthorized", r#"{"error":"invalid_client"}"#), ErrorKind::Refused),
        (json("429 Slow", ""), ErrorKind::Throttled),
        (json("503 Down", ""), ErrorKind::ServerFailed),
        (json("201 Created", ANSWER), ErrorKind::InvalidResponse),
        (json("200 OK", "<html>"), ErrorKind::InvalidResponse),
        (json("200 OK", r#"{"device_code":"canary"}"#), ErrorKind::InvalidResponse),
        (json("302 Found", ""), ErrorKind::InvalidResponse),
        (Play::Reset(Vec::new()), ErrorKind::Unreachable),
    ] {
        let error = asked(play).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
    assert_eq!(asked(json("200 OK", ANSWER)).await.unwrap().user_code(), "WDJB-MJHT");
}

#[tokio::test]
async fn without_an_endpoint_or_at_another_provider_nothing_is_sent() {
    let clock = ManualClock::new();
    let endpoint = endpoint(clock.clone());
    assert_eq!(endpoint.authorize_device(Scope::empty()).await.unwrap_err().kind(), ErrorKind::Unsupported);
    let other =
        DeviceAuthorization::from_json(ANSWER.as_bytes(), "other", Scope::empty(), clock.now()).unwrap();
    let error = endpoint.exchange(&other.grant()).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::InvalidCallback, Delivery::NotSent));
}
