//! What goes over the wire to the other endpoints than the token endpoint: one snapshot per request × client
//! authentication. They take forms only, whatever the token endpoint takes.

use butlr_auth_core::{
    AccessToken, AuthorizationRequest, ClientAuthenticationMethod, ClientId, ClientSecret, Dialect, Provider,
    Scope,
};
use butlr_auth_http::HttpTokenEndpoint;

use crate::capture::{Capture, Request};
use crate::wire::{CLIENT_ID, CLIENT_SECRET, head, without_client_secret};

const ANSWER: &str = r#"{"active":true,"request_uri":"urn:a","expires_in":60,
    "device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://as.example.com/device"}"#;

fn endpoint(capture: &Capture, method: ClientAuthenticationMethod, dialect: Dialect) -> HttpTokenEndpoint {
    let at = |path: &str| capture.url(path).parse().unwrap();
    let dialect = dialect.with_client_authentication(method).with_parameter("of_the_token_endpoint", "1");
    let provider = Provider::new("example", at("/token"), dialect)
        .with_authorization_endpoint(at("/authorize?tenant=1"))
        .with_authorization_parameter("audience", "https://api.example.com/")
        .with_device_authorization_endpoint(at("/device_authorization"))
        .with_pushed_authorization_request_endpoint(at("/par?tenant=1"))
        .with_introspection_endpoint(at("/introspect"));
    let secret = ClientSecret::new(CLIENT_SECRET).unwrap();
    HttpTokenEndpoint::builder(provider).client_secret(CLIENT_ID, secret).build().unwrap()
}

fn show(request: &Request) -> String {
    without_client_secret(&format!("{}\n{}", head(request), request.body.replace('&', "\n&")))
}

async fn each(name: &str, ask: impl AsyncFn(&HttpTokenEndpoint) -> Vec<(String, &'static str)>) {
    for method in ClientAuthenticationMethod::ALL {
        for dialect in [Dialect::form(), Dialect::json()] {
            let capture = Capture::json(ANSWER).await;
            let drawn = ask(&endpoint(&capture, method, dialect)).await;
            let mut shown = show(&capture.only_request());
            for (value, name) in drawn {
                assert!(shown.contains(&value), "{shown}");
                shown = shown.replace(&value, name);
            }
            insta::allow_duplicates! {
                insta::assert_snapshot!(format!("{name}-{}", method.as_str()), shown);
            }
        }
    }
}

#[tokio::test]
async fn a_device_authorization_request() {
    each("device-authorization", async |endpoint| {
        endpoint.authorize_device("openid read:rooms".parse().unwrap()).await.unwrap();
        Vec::new()
    })
    .await;
}

//= https://www.rfc-editor.org/rfc/rfc9126#section-2.1
//= type=test
//# The client_id parameter is defined with the same semantics for both authorization requests and requests
//# to the token endpoint; as a required authorization request parameter, it is similarly required in a
//# pushed authorization request.
#[tokio::test]
async fn f6_a_pushed_request_names_its_client_in_the_body_whatever_proves_it() {
    each("pushed-authorization", async |endpoint| {
        let (client, scope) = (ClientId::new(CLIENT_ID), "openid read:rooms".parse::<Scope>().unwrap());
        let redirect_uri = "http://127.0.0.1:8910/callback?a=b%20c";
        let request = AuthorizationRequest::code(endpoint.provider(), &client, redirect_uri, scope).unwrap();
        endpoint.push(&request).await.unwrap();
        let drawn = |name: &str| request.parameters().iter().find(|(own, _)| own == name).unwrap().1.clone();
        [("state", "[state]"), ("nonce", "[nonce]"), ("code_challenge", "[code_challenge]")]
            .map(|(name, shown)| (drawn(name), shown))
            .into()
    })
    .await;
}

#[tokio::test]
async fn an_introspection_request() {
    each("introspection", async |endpoint| {
        endpoint.introspect(&AccessToken::new("canary%2Ftoken").unwrap()).await.unwrap();
        vec![("canary%252Ftoken".to_owned(), "[access_token]")]
    })
    .await;
}
