//! Bodies: of requests, which are sent again only if they can be, and of answers, which reach the caller whole.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use reqwest_middleware::ClientBuilder;
use tower::{Layer as _, ServiceExt as _, service_fn};

use super::clients::{Client, reqwest};
use super::{bearer, sent, server, tokens};
use crate::capture::Capture;

const UNAUTHENTICATED: &str =
    r#"{"data":null,"errors":[{"message":"no","extensions":{"code":"UNAUTHENTICATED"}}]}"#;

/// One piece whose end is not known beforehand, as a file or a socket gives it.
fn stream() -> impl http_body::Body<Data = Bytes, Error = Infallible> + Send + Sync + Unpin {
    StreamBody::new(stream::iter([Ok(Frame::data(Bytes::from_static(b"piece")))]))
}

// Security: D10.
#[tokio::test]
async fn a_stream_is_not_sent_twice_and_the_next_request_has_another_token() {
    let server = server().await;
    let (bearer, source) = bearer(&server);
    let request =
        || Request::post(server.url("/")).header("x-refuse", "canary-1").header("content-length", "5");
    let client = HyperClient::builder(TokioExecutor::new()).build_http();
    let client = bearer.layer_with(|_| None).layer(client);
    for status in [401, 200] {
        let answer = client.clone().oneshot(request().body(stream()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!((tokens(&server), source.rejected()), (sent(&["canary-1", "canary-2"]), 1));
}

// Security: D10.
#[tokio::test]
async fn a_stream_of_reqwest_is_not_sent_twice_either() {
    let server = server().await;
    let (bearer, source) = bearer(&server);
    let client = ClientBuilder::new(reqwest()).with(bearer).build();
    for status in [401, 200] {
        let request =
            client.post(server.url("/")).header("x-refuse", "canary-1").header("content-length", "5");
        let answer = request.body(reqwest::Body::wrap(stream())).send().await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert_eq!((tokens(&server), source.rejected()), (sent(&["canary-1", "canary-2"]), 1));
}

/// A request whose body is what the server answers with, as long as it carries `canary-1`.
fn echo(capture: &Capture, kind: &str, body: &str) -> Request<String> {
    Request::post(capture.url("/graphql"))
        .header("x-refuse", "canary-1")
        .header("x-status", "200 OK")
        .header("x-challenges", "|")
        .header("x-type", kind)
        .body(body.to_owned())
        .unwrap()
}

const LOOK: [Client; 3] = [Client::Tower, Client::TowerAround, Client::Reqwest];

#[tokio::test]
async fn a_refusal_in_graphql_counts_where_it_is_asked_for() {
    let batch = format!("[{UNAUTHENTICATED},{UNAUTHENTICATED}]");
    for client in LOOK {
        for kind in ["application/json", "application/graphql-response+json; charset=utf-8"] {
            for body in [UNAUTHENTICATED, &batch] {
                let server = server().await;
                let (bearer, source) = bearer(&server);
                let answer = client.send(&bearer, echo(&server, kind, body)).await.unwrap();
                assert_eq!(answer.body, body, "not asked for");
                assert_eq!(source.rejected(), 0);

                let answer = client.send(&bearer.graphql(), echo(&server, kind, body)).await.unwrap();
                assert_eq!(answer.body, "x".repeat(body.len()), "{client:?}");
                assert_eq!(tokens(&server), sent(&["canary-1", "canary-1", "canary-2"]));
            }
        }
    }
}

#[tokio::test]
async fn what_was_carried_out_in_part_is_not_repeated() {
    let body = r#"{"data":{"a":1,"b":null},"errors":[{"extensions":{"code":"UNAUTHENTICATED"}}]}"#;
    for client in LOOK {
        let server = server().await;
        let (bearer, source) = bearer(&server);
        let answer = client.send(&bearer.graphql(), echo(&server, "application/json", body)).await.unwrap();
        assert_eq!(answer.body, body);
        assert_eq!((tokens(&server), source.rejected()), (sent(&["canary-1"]), 1), "{client:?}");
    }
}

#[tokio::test]
async fn every_other_answer_reaches_the_caller_whole() {
    let long = format!("{}{UNAUTHENTICATED}", " ".repeat(64 * 1024));
    let text = UNAUTHENTICATED.replace("code", "kind");
    for (kind, body) in [
        ("application/json", r#"{"data":{"sites":[]}}"#),
        ("application/json", r#"{"data":{"note":"UNAUTHENTICATED"}}"#),
        ("application/json", &text),
        ("application/json", "UNAUTHENTICATED"),
        ("application/json", ""),
        ("application/json", "[]"),
        ("application/json", &long),
        ("text/event-stream", UNAUTHENTICATED),
        ("text/html", UNAUTHENTICATED),
    ] {
        for client in LOOK {
            let server = server().await;
            let (bearer, source) = bearer(&server);
            let answer = client.send(&bearer.graphql(), echo(&server, kind, body)).await.unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (200, body), "{client:?} {kind}");
            assert_eq!((server.requests().len(), source.rejected()), (1, 0));
        }
    }
}

#[tokio::test]
async fn an_answer_that_reqwest_hands_on_knows_where_it_came_from() {
    let server = server().await;
    let (bearer, _) = bearer(&server);
    let client = ClientBuilder::new(reqwest()).with(bearer.graphql()).build();
    let url = server.url("/graphql?a=b");
    let request = client.post(&url).header("x-type", "application/json").body("12345").send();
    let answer = request.await.unwrap();
    assert_eq!((answer.url().as_str(), answer.content_length()), (url.as_str(), Some(5)));
    assert_eq!(answer.text().await.unwrap(), "xxxxx");
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_at_the_same_place() {
    let server = server().await;
    let (bearer, source) = bearer(&server);
    let network = service_fn(|_: Request<Full<Bytes>>| async {
        let pieces = [Ok("{\"data\":"), Ok("[1,"), Err("broken")];
        let body = StreamBody::new(stream::iter(
            pieces.map(|piece| piece.map(|text| Frame::data(Bytes::from(text)))),
        ));
        Response::builder().header("content-type", "application/json").body(body)
    });
    let request = Request::post(server.url("/")).body(Full::default()).unwrap();
    let answer = bearer.graphql().layer().layer(network).oneshot(request).await.unwrap();
    let mut body = answer.into_body();
    let mut seen = Vec::new();
    while let Some(frame) = body.frame().await {
        seen.push(frame.map(|frame| frame.into_data().unwrap()));
    }
    assert_eq!(seen, [Ok(Bytes::from("{\"data\":")), Ok(Bytes::from("[1,")), Err("broken")]);
    assert_eq!(source.rejected(), 0);
}
