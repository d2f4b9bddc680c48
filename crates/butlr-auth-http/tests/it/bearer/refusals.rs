//! What a refusal does: at most two requests, and a typed error where another token would fare no better.

use butlr_auth_core::{Delivery, Error, ErrorKind, Scope};
use http::Request;
use proptest::prelude::*;

use super::clients::{Client, Failure};
use super::{Source, bearer, sent, server, tokens};
use crate::capture::Capture;

/// A request that is refused with this status and these challenges, as long as it carries `refuse`.
fn refused(capture: &Capture, refuse: &str, status: &str, challenges: &str) -> Request<String> {
    Request::post(capture.url("/"))
        .header("x-refuse", refuse)
        .header("x-status", status)
        .header("x-challenges", challenges)
        .body("mutation".to_owned())
        .unwrap()
}

// Security: D10.
#[tokio::test]
async fn a_refused_token_is_renewed_and_the_request_sent_once_more() {
    for challenges in [
        "Bearer",
        "bearer realm=\"api\"",
        "Bearer realm=\"a, b=c\", error=\"invalid_token\", error_description=\"expired\"",
        "Bearer error=invalid_token",
        "Basic realm=\"api\", Bearer error=\"invalid_token\"",
        "Basic realm=\"api\"|Bearer error=\"invalid_token\"",
        "Negotiate|Bearer",
        // What cannot be read says as little as nothing.
        "Bearer error=\"invalid_token",
        ",,,",
        "|",
    ] {
        for client in Client::ALL {
            let server = server().await;
            let (bearer, source) = bearer(&server);
            let answer = client.send(&bearer, refused(&server, "canary-1", "401 No", challenges)).await;
            assert_eq!(answer.unwrap().status, 200, "{challenges}");
            assert_eq!(tokens(&server), sent(&["canary-1", "canary-2"]), "{client:?} {challenges}");
            assert!(server.requests().iter().all(|request| request.body == "mutation"));
            assert_eq!(source.rejected(), 1);
        }
    }
}

// Security: D10.
#[tokio::test]
async fn whoever_always_refuses_sees_two_requests_a_call() {
    for client in Client::ALL {
        let server = server().await;
        let (bearer, source) = bearer(&server);
        for calls in 1..=3 {
            let answer = client.send(&bearer, refused(&server, "all", "401 No", "Bearer")).await.unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (401, "mutation"));
            assert_eq!(server.requests().len(), 2 * calls, "{client:?}");
            assert_eq!(source.rejected(), calls);
        }
    }
}

#[tokio::test]
async fn a_source_without_another_token_is_not_tried_twice() {
    for client in Client::ALL {
        let server = server().await;
        let source = Source { stubborn: true, ..Source::default() };
        let bearer = butlr_auth_http::Bearer::new(source).origin(&server.url("")).unwrap();
        let answer = client.send(&bearer, refused(&server, "all", "401 No", "Bearer")).await.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (401, "mutation"));
        assert_eq!(tokens(&server), sent(&["canary-1"]), "{client:?}");
    }
}

#[tokio::test]
async fn what_does_not_concern_the_token_is_handed_on() {
    for (status, challenges) in [
        ("401 No", "Basic realm=\"api\""),
        ("401 No", "DPoP algs=\"ES256\""),
        ("401 No", "Bearer error=\"invalid_request\""),
        ("403 Forbidden", "Bearer"),
        ("403 Forbidden", "Bearer error=\"invalid_token\""),
        ("400 Bad Request", "Bearer error=\"invalid_token\""),
        ("400 Bad Request", "Bearer error=\"insufficient_scope\""),
        ("407 Proxy", "Bearer"),
        ("500 Failed", "Bearer error=\"invalid_token\""),
    ] {
        for client in Client::ALL {
            let server = server().await;
            let (bearer, source) = bearer(&server);
            let answer = client.send(&bearer, refused(&server, "all", status, challenges)).await.unwrap();
            assert!(status.starts_with(&answer.status.to_string()), "{challenges}");
            assert_eq!(answer.body, "mutation");
            assert_eq!(tokens(&server), sent(&["canary-1"]), "{client:?} {status} {challenges}");
            assert_eq!(source.rejected(), 0);
        }
    }
}

async fn insufficient(client: Client, status: &str, challenges: &str) -> Error {
    let server = server().await;
    let (bearer, source) = bearer(&server);
    let failure = client.send(&bearer, refused(&server, "all", status, challenges)).await.unwrap_err();
    assert_eq!(tokens(&server), sent(&["canary-1"]), "{client:?} {challenges}");
    assert_eq!(source.rejected(), 0);
    let Failure::Token(error) = failure else { panic!("{failure:?}") };
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::InsufficientScope, Delivery::Answered));
    assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    error
}

#[tokio::test]
async fn a_scope_that_is_not_enough_is_an_error_that_names_it() {
    let challenge = "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"read:rooms write:rooms\", error_description=\"more\"";
    for client in Client::ALL {
        for status in ["403 Forbidden", "401 No"] {
            let error = insufficient(client, status, challenge).await;
            assert_eq!(error.required_scope(), Some(&"read:rooms write:rooms".parse::<Scope>().unwrap()));
            assert_eq!(error.status(), status.split(' ').next().and_then(|status| status.parse().ok()));
            assert!(error.to_string().contains("`read:rooms write:rooms`"), "{error}");
            assert!(error.to_string().contains("127.0.0.1"), "{error}");
            assert_eq!(error.error_response().unwrap().description.as_deref(), Some("more"));
        }
    }
}

// Security: C10.
#[tokio::test]
async fn of_a_hostile_challenge_nothing_dangerous_is_left() {
    let reflected =
        "Bearer error=insufficient_scope, scope=\"canary-1\", error_description=\"you sent canary-1\"";
    let long = format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", "a ".repeat(3000));
    for client in Client::ALL {
        let error = insufficient(client, "403 Forbidden", reflected).await;
        assert!(format!("{error:?}").contains("[redacted]"), "{error:?}");
        let error = insufficient(client, "403 Forbidden", &long).await;
        assert!(error.to_string().len() < 512, "{error}");
        let error = insufficient(client, "403 Forbidden", "Bearer error=\"insufficient_scope\"").await;
        assert_eq!(error.required_scope(), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a server says, it sees two requests at most, and the caller gets its answer or a scope.
    #[test]
    fn no_challenge_costs_more_than_two_requests(
        status in prop::sample::select(vec!["200 OK", "401 No", "403 Forbidden"]),
        challenges in r#"[ -~]{0,60}|(Bearer|Basic|,| |=|"|\\|error|scope|invalid_token|insufficient_scope|a){0,12}"#,
    ) {
        crate::runtime().block_on(async {
            let server = server().await;
            let (bearer, source) = bearer(&server);
            for client in [Client::Tower, Client::Reqwest] {
                let before = server.requests().len();
                match client.send(&bearer, refused(&server, "all", status, challenges.trim())).await {
                    Ok(answer) => assert_eq!(answer.body, "mutation"),
                    Err(Failure::Token(error)) => assert_eq!(error.kind(), ErrorKind::InsufficientScope),
                    Err(Failure::Client(error)) => panic!("{error}"),
                }
                assert!((1..=2).contains(&(server.requests().len() - before)));
            }
            assert!(source.rejected() <= 2);
        });
    }
}
