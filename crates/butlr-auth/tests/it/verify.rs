//! Tokens of the embedded server, verified: keys are found, fetched and kept over HTTP.

use std::time::Duration;

use butlr_auth::http::JwksEndpoint;
use butlr_auth::verify::{Algorithm, ExpectedIdToken, Reason, Verifier, VerifierBuilder, VerifyingEndpoint};
use butlr_auth::{
    AuthorizationRequest, AuthorizationResponse, ClientId, Dialect, Error, ErrorKind, Grant, LoginReason,
    Scope, SessionState, TokenEndpoint, TokenResponse,
};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault, Quirk, SigningAlgorithm};

use crate::{endpoint, generic, session};

fn verifier(server: &AuthorizationServer) -> VerifierBuilder {
    Verifier::builder(server.issuer()).audience(server.audience())
}

async fn access_token(server: &AuthorizationServer) -> String {
    let endpoint = endpoint(server, generic(server, Dialect::form()));
    let response = endpoint.exchange(&Grant::client_credentials()).await.unwrap();
    response.access_token.expose().to_owned()
}

async fn outcome(verifier: &Verifier, token: &str) -> Result<(), Reason> {
    verifier.access_token(token).await.map(drop).map_err(|error| error.reason())
}

#[tokio::test]
async fn access_tokens_are_verified_by_the_issuer_alone() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::EdDsa, SigningAlgorithm::Rs256] {
        let server = AuthorizationServer::builder().signing_algorithm(algorithm).start().await.unwrap();
        let verifier = verifier(&server).build().unwrap();
        let token = access_token(&server).await;
        for _ in 0..10 {
            let verified = verifier.access_token(&token).await.unwrap();
            assert_eq!(verified.client_id(), Some(server.client().id.as_str()));
            verified.require_scope("read:spaces").unwrap();
        }
        assert_eq!(server.journal().requests(Endpoint::Jwks), 1);
        let elsewhere =
            Verifier::builder(server.issuer()).audience("https://other.example.com").build().unwrap();
        assert_eq!(outcome(&elsewhere, &token).await, Err(Reason::WrongAudience));
    }
}

#[tokio::test]
async fn e5_a_rotation_is_noticed_by_the_first_new_token() {
    let server = AuthorizationServer::start().await.unwrap();
    let verifier = verifier(&server).build().unwrap();
    let old = access_token(&server).await;
    assert_eq!(outcome(&verifier, &old).await, Ok(()));
    server.rotate_keys().unwrap();
    let new = access_token(&server).await;
    assert_eq!(outcome(&verifier, &new).await, Ok(()));
    assert_eq!(outcome(&verifier, &old).await, Ok(()));
    // A second one within a minute has to wait for its turn.
    server.rotate_keys().unwrap();
    let newest = access_token(&server).await;
    for _ in 0..50 {
        assert_eq!(outcome(&verifier, &newest).await, Err(Reason::UnknownKey));
    }
    assert_eq!(server.journal().requests(Endpoint::Jwks), 2);
}

// Security: B6.
#[tokio::test]
async fn e6_hostile_answers_give_no_keys() {
    let sink = AuthorizationServer::start().await.unwrap();
    let redirect = |status| Fault::status(status).header("Location", format!("{}/jwks", sink.base_url()));
    let huge = format!("{{\"keys\":[{}]}}", "{},".repeat(200_000).trim_end_matches(','));
    let json = |body: &str| Fault::status(200).header("Content-Type", "application/json").body(body);
    for fault in [
        redirect(301),
        redirect(302),
        redirect(303),
        redirect(307),
        redirect(308),
        Fault::status(204),
        Fault::status(404),
        Fault::status(500),
        Fault::cut(),
        Fault::garbage(),
        Fault::raw("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"keys\":["),
        Fault::raw("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\u{1f}\u{7f}"),
        json("<!doctype html><title>Log in to the wireless network</title>"),
        json("{\"keys\":{}}"),
        json("{\"keys\":[]}{\"keys\":[]}"),
        json("{\"keys\":[],\"keys\":[]}"),
        json(&format!("{{\"keys\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000))),
        json(&huge),
    ] {
        let server = AuthorizationServer::start().await.unwrap();
        let verifier = verifier(&server).build().unwrap();
        let token = access_token(&server).await;
        server.inject(fault.clone().on(Endpoint::Jwks));
        let error = verifier.access_token(&token).await.unwrap_err();
        assert_eq!(error.reason(), Reason::KeysUnavailable, "{fault:?}");
        assert_eq!((error.status(), error.www_authenticate()), (503, None), "{fault:?}");
    }
    assert_eq!(sink.journal().requests(Endpoint::Jwks), 0, "a redirect was followed");
}

#[tokio::test]
async fn e6_keys_that_fit_nothing_are_no_failure() {
    let server = AuthorizationServer::start().await.unwrap();
    let verifier = verifier(&server).build().unwrap();
    let token = access_token(&server).await;
    server.inject(Fault::status(200).body(r#"{"keys":[]}"#).on(Endpoint::Jwks).times(1));
    // The look for an unknown key finds it.
    assert_eq!(outcome(&verifier, &token).await, Ok(()));
}

// Security: B10.
#[tokio::test]
async fn e6_a_silent_server_ends_at_a_deadline() {
    let server = AuthorizationServer::start().await.unwrap();
    let short = Duration::from_millis(300);
    let discovery = butlr_auth::http::Discovery::builder(server.issuer()).timeout(short).build().unwrap();
    let address = format!("{}/jwks", server.base_url()).parse().unwrap();
    let token = access_token(&server).await;
    for keys in [JwksEndpoint::of(discovery), JwksEndpoint::at(address).timeout(short)] {
        let verifier = verifier(&server).key_source(keys).build().unwrap();
        server.inject(Fault::delay(Duration::from_secs(60)).on(Endpoint::Jwks));
        let error = verifier.access_token(&token).await.unwrap_err();
        assert_eq!(error.reason(), Reason::KeysUnavailable);
        assert_eq!(Error::from(error).kind(), ErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn e7_an_algorithm_off_the_list_fetches_nothing() {
    let server = AuthorizationServer::start().await.unwrap();
    let verifier = verifier(&server).algorithms([Algorithm::Rs256]).build().unwrap();
    let token = access_token(&server).await;
    assert_eq!(outcome(&verifier, &token).await, Err(Reason::AlgorithmRefused));
    assert_eq!(server.journal().requests(Endpoint::Jwks), 0);
    assert_eq!(server.journal().requests(Endpoint::Metadata), 0);
}

#[tokio::test]
async fn keys_are_found_at_an_address_that_is_given() {
    let server = AuthorizationServer::start().await.unwrap();
    let uri = format!("{}/jwks", server.base_url()).parse().unwrap();
    let verifier = verifier(&server).jwks_uri(uri).build().unwrap();
    assert_eq!(outcome(&verifier, &access_token(&server).await).await, Ok(()));
    assert_eq!(server.journal().requests(Endpoint::Metadata), 0);
}

/// A login by authorization code, up to the code.
#[expect(clippy::panic, reason = "a test that cannot go on fails")]
async fn code(server: &AuthorizationServer) -> Grant {
    let provider = generic(server, Dialect::form());
    let scope: Scope = "openid offline_access".parse().unwrap();
    let client_id = ClientId::new(server.client().id.clone());
    let mut request =
        AuthorizationRequest::code(&provider, &client_id, "http://127.0.0.1:8910/callback", scope).unwrap();
    let redirect = server.approve(request.url().as_str()).await.unwrap();
    let AuthorizationResponse::Code(grant) = request.accept(&redirect).unwrap() else { panic!("a code") };
    grant
}

/// An answer of the token endpoint with these tokens.
fn answer(response: &TokenResponse, id_token: &str) -> Fault {
    let (access_token, refresh_token) = (&response.access_token, response.refresh_token.as_ref().unwrap());
    let (access_token, refresh_token) = (access_token.expose(), refresh_token.expose());
    let body = format!(
        r#"{{"token_type":"Bearer","access_token":"{access_token}","refresh_token":"{refresh_token}","id_token":"{id_token}"}}"#
    );
    Fault::status(200).header("Content-Type", "application/json").body(body).on(Endpoint::Token).times(1)
}

// Security: A9.
#[tokio::test]
async fn e11_a_login_is_verified_before_it_is_stored() {
    let server = AuthorizationServer::start().await.unwrap();
    let plain = endpoint(&server, generic(&server, Dialect::form()));
    let verifier = Verifier::builder(server.issuer()).build().unwrap();
    let verifying = || VerifyingEndpoint::new(plain.clone(), verifier.clone());

    let folder = tempfile::tempdir().unwrap();
    let good = session(verifying(), &folder);
    good.login(&code(&server).await).await.unwrap();
    assert_eq!(good.status().await.unwrap().subject.as_deref(), Some(server.user().subject.as_str()));
    good.renew().await.unwrap();

    // The answer to this login as it would be, but for one character of the signature, or with another access token.
    let grant = code(&server).await;
    let response = plain.exchange(&grant).await.unwrap();
    let genuine = response.id_token.as_ref().unwrap().expose().to_owned();
    let at = genuine.rfind('.').unwrap() + 5;
    let other = if genuine.as_bytes()[at] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &genuine[..at], &genuine[at + 1..]);
    let stranger = plain.exchange(&Grant::client_credentials()).await.unwrap();
    let mut swapped = response.clone();
    swapped.access_token = stranger.access_token;
    for (fault, why) in [
        (answer(&response, &forged), Reason::BadSignature),
        (answer(&swapped, &genuine), Reason::WrongTokenHash),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let refused = session(verifying(), &folder);
        server.inject(fault);
        let error = refused.login(&grant).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        assert!(error.to_string().contains(&why.to_string()), "{error}");
        let status = refused.status().await.unwrap();
        assert_eq!(status.state, SessionState::NeedsLogin(LoginReason::NeverLoggedIn), "{why:?}");
        assert!(status.token.is_none());
    }
    // And as it is.
    server.inject(answer(&response, &genuine));
    session(verifying(), &tempfile::tempdir().unwrap()).login(&grant).await.unwrap();
}

#[tokio::test]
async fn e9_the_servers_tokens_do_not_pass_for_each_other() {
    let server = AuthorizationServer::start().await.unwrap();
    let response = endpoint(&server, generic(&server, Dialect::form())).exchange(&code(&server).await).await;
    let response = response.unwrap();
    let (access, id) = (response.access_token.expose(), response.id_token.as_ref().unwrap().expose());
    let client = server.client().id.as_str();
    let verifier = verifier(&server).audience(client).plain_jwt().build().unwrap();
    assert_eq!(outcome(&verifier, id).await, Err(Reason::WrongType));
    let error = verifier.id_token(access, ExpectedIdToken::by_client(client)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::WrongType);
    let verified = verifier.id_token(id, ExpectedIdToken::by_client(client)).await.unwrap();
    assert_eq!(verified.subject(), server.user().subject);
}

// Security: E6, E11.
#[tokio::test]
async fn an_id_token_for_several_audiences_and_an_odd_key_set_are_no_hindrance() {
    for quirk in
        [Quirk::SeveralAudiences, Quirk::SeveralAudiencesAlone, Quirk::StrangeKeys, Quirk::KeysWithoutIds]
    {
        let server = AuthorizationServer::builder().quirk(quirk).start().await.unwrap();
        let endpoint = endpoint(&server, generic(&server, Dialect::form()));
        let grant = code(&server).await;
        let verifying = VerifyingEndpoint::new(endpoint, verifier(&server).build().unwrap());
        let response = verifying.exchange(&grant).await;
        assert!(response.as_ref().is_ok_and(|response| response.id_token.is_some()), "{quirk}: {response:?}");
    }
}
