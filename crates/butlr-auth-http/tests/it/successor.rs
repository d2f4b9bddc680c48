//! What an answer to a refresh leaves of the refresh token.

use std::time::Duration;

use butlr_auth_core::{
    Delivery, Dialect, ErrorKind, Grant, Provider, RefreshError, Secret, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::capture::{Capture, Play, response};

async fn refresh(play: Play) -> Result<TokenResponse, RefreshError> {
    let capture = Capture::start(play).await;
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), Dialect::form());
    let endpoint = HttpTokenEndpoint::builder(provider).client_id("cli").build().unwrap();
    endpoint.refresh(&Grant::refresh_token(Secret::new("canary-refresh").unwrap())).await
}

async fn refused(status: &str, body: &str) -> RefreshError {
    let refused = refresh(Play::Bytes(response(status, "application/json", body))).await.unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains("canary"), "{refused:?}");
    refused
}

// Security: D14.
#[tokio::test]
async fn a_refresh_token_in_an_answer_that_is_refused_is_not_lost() {
    for rest in
        [r#""access_token":"a","token_type":"mac""#, r#""token_type":"Bearer""#, r#""access_token":[]"#]
    {
        let refused = refused("200 OK", &format!(r#"{{"refresh_token":"canary-next",{rest}}}"#)).await;
        assert_eq!(refused.successor.unwrap().expose(), "canary-next", "{rest}");
        assert_eq!(
            (refused.error.kind(), refused.error.delivery()),
            (ErrorKind::InvalidResponse, Delivery::Answered)
        );
    }
}

// Security: D14.
#[tokio::test]
async fn a_whole_answer_without_a_successor_leaves_the_refresh_token_as_it_was() {
    for (status, body) in
        [("200 OK", r#"{"token_type":"Bearer"}"#), ("200 OK", r#"{"error":"no"}"#), ("400 No", "")]
    {
        let refused = refused(status, body).await;
        assert!(refused.successor.is_none());
        assert_eq!(refused.error.delivery(), Delivery::Answered, "{body}");
    }
}

// Security: D14.
#[tokio::test]
async fn a_whole_answer_that_cannot_be_read_is_none_that_was_lost() {
    let twice =
        r#"{"access_token":"a","token_type":"Bearer","refresh_token":"canary-1","refresh_token":"canary-2"}"#;
    let number = r#"{"access_token":"a","token_type":"Bearer","refresh_token":7}"#;
    let both = r#"{"access_token":"a","token_type":"Bearer","refresh_token":"canary-1","error":"no"}"#;
    for body in ["", "<html>welcome to the hotel</html>", twice, number, both] {
        let refused = refused("200 OK", body).await;
        assert!(refused.successor.is_none());
        assert_eq!(refused.error.delivery(), Delivery::Unreadable, "{body}");
    }
}

// Security: D5.
#[tokio::test]
async fn what_a_gateway_says_of_a_silent_server_is_no_answer() {
    for status in ["502 Bad Gateway", "504 Gateway Timeout"] {
        assert_eq!(refused(status, "<html></html>").await.error.delivery(), Delivery::Unanswered);
        assert_eq!(
            refused(status, r#"{"error":"server_error"}"#).await.error.delivery(),
            Delivery::Unanswered
        );
    }
    assert_eq!(refused("503 Down", "").await.error.delivery(), Delivery::Answered);
}

#[tokio::test]
async fn trouble_that_passes_is_temporary_whatever_its_status() {
    for code in ["temporarily_unavailable", "server_error"] {
        for status in ["400 Bad Request", "403 Forbidden", "200 OK"] {
            let refused = refused(status, &format!(r#"{{"error":"{code}"}}"#)).await;
            assert_eq!(refused.error.kind(), ErrorKind::ServerFailed, "{status} {code}");
        }
    }
}

// Security: D5.
#[tokio::test]
async fn an_answer_to_a_refresh_token_is_waited_for_beyond_the_deadline_of_other_requests() {
    let server = AuthorizationServer::start().await.unwrap();
    let url = format!("{}{}", server.base_url(), Endpoint::Token.path()).parse().unwrap();
    let provider = Provider::new("example", url, Dialect::form());
    let endpoint = HttpTokenEndpoint::builder(provider)
        .client_id(server.public_client().id.as_str())
        .timeout(Duration::from_millis(200))
        .build()
        .unwrap();
    let grant = Grant::refresh_token(Secret::new("unknown").unwrap());
    server.inject(Fault::delay(Duration::from_millis(600)).times(2));
    assert_eq!(endpoint.exchange(&grant).await.unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(endpoint.refresh(&grant).await.unwrap_err().error.kind(), ErrorKind::Refused);
}
