//! RFC 7009.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use butlr_auth_core::{
    AccessToken, ClientAuthenticationMethod, ClientSecret, Delivery, Dialect, Error, ErrorKind, Provider,
    RefreshToken, Revocation, TokenEndpoint,
};
use butlr_auth_http::HttpTokenEndpoint;

use crate::capture::{Capture, Play, response};

fn endpoint(capture: &Capture, dialect: Dialect) -> HttpTokenEndpoint {
    let provider = Provider::new("example", capture.url("/token").parse().unwrap(), dialect)
        .with_revocation_endpoint(capture.url("/revoke").parse().unwrap());
    let secret = ClientSecret::new("canary-secret").unwrap();
    HttpTokenEndpoint::builder(provider).client_secret("cli", secret).build().unwrap()
}

async fn revoke(capture: &Capture) -> Result<(), Error> {
    let token = RefreshToken::new("canary-token").unwrap();
    let result = endpoint(capture, Dialect::form()).revoke(Revocation::RefreshToken(&token)).await;
    assert!(!format!("{result:?}").contains("canary"), "{result:?}");
    result
}

async fn check(status: &str, body: &str, kind: ErrorKind) {
    let capture = Capture::start(Play::Bytes(response(status, "application/json", body))).await;
    let error = revoke(&capture).await.unwrap_err();
    assert_eq!((error.kind(), error.delivery()), (kind, Delivery::Answered), "{error:?}");
    capture.only_request();
}

// Security: D11.
#[tokio::test]
async fn any_2xx_is_success_whatever_the_body() {
    for body in ["", "{}", "gone", r#"{"error":"invalid_token"}"#] {
        let capture = Capture::start(Play::Bytes(response("200 OK", "text/plain", body))).await;
        revoke(&capture).await.unwrap();
        capture.only_request();
    }
    for status in ["201 Created", "202 Accepted", "204 No Content"] {
        let capture = Capture::start(Play::Bytes(response(status, "text/plain", ""))).await;
        revoke(&capture).await.unwrap();
        capture.only_request();
    }
}

#[tokio::test]
async fn the_token_goes_in_a_form_with_the_clients_authentication() {
    for method in ClientAuthenticationMethod::ALL {
        for dialect in [Dialect::form(), Dialect::json()] {
            let capture = Capture::json("").await;
            let dialect = dialect.with_client_authentication(method);
            let token = RefreshToken::new("8xLOx &Bt%3d").unwrap();
            endpoint(&capture, dialect).revoke(Revocation::RefreshToken(&token)).await.unwrap();
            let sent = capture.only_request();
            let mut shown = format!("{} {}", sent.method, sent.target);
            for name in ["accept", "authorization", "content-type"] {
                shown += &sent.header(name).map(|value| format!("\n{name}: {value}")).unwrap_or_default();
            }
            shown += &format!("\n\n{}", sent.body);
            let shown = shown
                .replace(&STANDARD.encode("cli:canary-secret"), "[base64(cli:[client_secret])]")
                .replace("=canary-secret", "=[client_secret]")
                .replace("=8xLOx+%26Bt%253d&", "=[refresh_token]&");
            insta::allow_duplicates! {
                insta::assert_snapshot!(format!("revocation-{}", method.as_str()), shown);
            }
        }
    }
}

#[tokio::test]
async fn an_access_token_is_named_as_one() {
    let capture = Capture::json("").await;
    let token = AccessToken::new("at").unwrap();
    endpoint(&capture, Dialect::form()).revoke(Revocation::AccessToken(&token)).await.unwrap();
    assert_eq!(capture.only_request().body, "token=at&token_type_hint=access_token");
}

#[tokio::test]
async fn failures_are_typed() {
    check("503 Down", "", ErrorKind::ServerFailed).await;
    check("401 Unauthorized", r#"{"error":"invalid_client"}"#, ErrorKind::Refused).await;
    check("400 Bad Request", r#"{"error":"unsupported_token_type"}"#, ErrorKind::Unsupported).await;
    check("302 Found", "", ErrorKind::InvalidResponse).await;
}

#[tokio::test]
async fn without_an_endpoint_it_is_unsupported() {
    let endpoint = HttpTokenEndpoint::builder(Provider::butlr()).client_id("cli").build().unwrap();
    let token = AccessToken::new("at").unwrap();
    let error = endpoint.revoke(Revocation::AccessToken(&token)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
