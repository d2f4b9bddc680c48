//! What servers leave out of what they send back through the browser.

use butlr_auth_core::{
    AuthorizationRequest, AuthorizationResponse, ClientId, Error, ErrorKind, Hint, Scope, TokenEndpoint as _,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::{AuthorizationServer, Quirk};

use crate::runtime;

const REDIRECT_URI: &str = "http://127.0.0.1:8910/callback";

async fn with(quirk: Quirk) -> (AuthorizationServer, HttpTokenEndpoint) {
    let server = AuthorizationServer::builder().quirk(quirk).start().await.unwrap();
    let endpoint = HttpTokenEndpoint::discover(server.issuer()).await.unwrap();
    let endpoint = endpoint.client_id(server.public_client().id.as_str()).build().unwrap();
    (server, endpoint)
}

fn request(endpoint: &HttpTokenEndpoint, server: &AuthorizationServer, scope: &str) -> AuthorizationRequest {
    let client = ClientId::new(server.public_client().id.as_str());
    let scope: Scope = scope.parse().unwrap();
    AuthorizationRequest::code(endpoint.provider(), &client, REDIRECT_URI, scope).unwrap()
}

// Security: A5, A7.
#[test]
fn a_denial_that_nobody_can_prove_is_told_and_not_acted_on() {
    for (quirk, without) in [(Quirk::DenialWithoutIss, "iss"), (Quirk::DenialWithoutState, "state")] {
        runtime().block_on(async {
            let (server, endpoint) = with(quirk).await;
            let mut request = request(&endpoint, &server, "read:rooms");
            let denied = server.deny(request.url().as_str()).await.unwrap();
            let error = request.accept(&denied).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidCallback);
            assert_eq!(error.hint(), Some(&Hint::UnprovenDenial { without }));
            assert!(error.to_string().contains("access_denied"), "{error}");
            // The attempt goes on: the right answer is still taken.
            let approved = server.approve(request.url().as_str()).await.unwrap();
            assert!(matches!(request.accept(&approved), Ok(AuthorizationResponse::Code(_))));
        });
    }
}

async fn login(quirk: Quirk, scope: &str) -> Result<(), Error> {
    let (server, endpoint) = with(quirk).await;
    let mut request = request(&endpoint, &server, scope);
    let approved = server.approve(request.url().as_str()).await.unwrap();
    let AuthorizationResponse::Code(grant) = request.accept(&approved)? else { panic!("a code") };
    endpoint.exchange(&grant).await.map(drop)
}

// Security: A9.
#[test]
fn an_id_token_without_the_nonce_is_refused_and_said_to_be_that() {
    runtime().block_on(async {
        let error = login(Quirk::NonceMissing, "openid read:rooms").await.unwrap_err();
        assert_eq!((error.kind(), error.hint()), (ErrorKind::InvalidResponse, Some(&Hint::NoNonce)));
        assert!(error.to_string().contains("without the `nonce`"), "{error}");
        login(Quirk::NonceMissing, "read:rooms").await.unwrap();
    });
}
