//! Every way to a token, at a strict server that judges what it sees.

use butlr_auth_core::{
    AuthorizationRequest, AuthorizationResponse, BodyEncoding, ClientAuthenticationMethod, ClientId,
    ClientSecret, Dialect, EndpointUrl, Error, ErrorCode, ErrorKind, Grant, GrantType, Password, Provider,
    RefreshToken, Revocation, Scope, TokenEndpoint, TokenResponse,
};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::{AuthorizationServer, Client, Endpoint};

const REDIRECT_URI: &str = "http://127.0.0.1:8910/callback";

fn url(server: &AuthorizationServer, endpoint: Endpoint) -> EndpointUrl {
    format!("{}{}", server.base_url(), endpoint.path()).parse().unwrap()
}

fn provider(server: &AuthorizationServer, dialect: Dialect) -> Provider {
    Provider::new("testkit", url(server, Endpoint::Token), dialect)
        .with_authorization_endpoint(url(server, Endpoint::Authorize))
        .with_revocation_endpoint(url(server, Endpoint::Revoke))
        .with_device_authorization_endpoint(url(server, Endpoint::DeviceAuthorization))
}

fn endpoint(provider: Provider, client: &Client) -> HttpTokenEndpoint {
    let builder = HttpTokenEndpoint::builder(provider);
    let builder = if client.is_public() {
        builder.client_id(client.id.as_str())
    } else {
        builder.client_secret(client.id.as_str(), ClientSecret::new(client.secret.as_str()).unwrap())
    };
    builder.build().unwrap()
}

fn password(server: &AuthorizationServer) -> Grant {
    let user = server.user();
    Grant::password(user.username.as_str(), Password::new(user.password.as_str()).unwrap())
}

fn refresh(token: &TokenResponse) -> Grant {
    Grant::refresh_token(refresh_token(token))
}

fn refresh_token(token: &TokenResponse) -> RefreshToken {
    token.refresh_token.clone().expect("a refresh token")
}

/// Sends a person to the page and takes the code that comes back on the redirect.
async fn code(server: &AuthorizationServer, provider: &Provider, client: &Client) -> Grant {
    let scope = "openid read:rooms".parse().unwrap();
    let mut request =
        AuthorizationRequest::code(provider, &ClientId::new(client.id.as_str()), REDIRECT_URI, scope)
            .unwrap();
    let redirect = server.approve(request.url().as_str()).await.unwrap();
    match request.accept(&redirect).unwrap() {
        AuthorizationResponse::Code(grant) => grant,
        other => panic!("{other:?}"),
    }
}

/// Uses the access token where it is meant to be used.
async fn api(server: &AuthorizationServer, token: &TokenResponse) -> u16 {
    let query = r#"{"query":"{ __typename }"}"#;
    let sent = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = sent
        .post(format!("{}{}", server.base_url(), Endpoint::GraphQl.path()))
        .bearer_auth(token.access_token.expose())
        .header("content-type", "application/json")
        .body(query);
    request.send().await.unwrap().status().as_u16()
}

/// Exchanges each grant once; what they bring is good at the API.
async fn each_grant(server: &AuthorizationServer, client: &Client, dialect: Dialect) {
    let provider = provider(server, dialect);
    let endpoint = endpoint(provider.clone(), client);
    let mut refreshable = None;
    for grant_type in GrantType::ALL {
        let grant = match grant_type {
            GrantType::AuthorizationCode => code(server, &provider, client).await,
            GrantType::Password => password(server).with_scope("read:rooms".parse().unwrap()),
            GrantType::ClientCredentials => Grant::client_credentials(),
            GrantType::RefreshToken => refresh(refreshable.as_ref().expect("an earlier grant brought one")),
            GrantType::DeviceCode => {
                let device = endpoint.authorize_device("read:rooms".parse().unwrap()).await.unwrap();
                server.approve_device(device.user_code()).await.unwrap();
                device.grant()
            }
            other => panic!("say here how the {other} grant is got"),
        };
        let before = server.journal().token_requests();
        let result = endpoint.exchange(&grant).await;
        assert_eq!(server.journal().token_requests(), before + 1, "one exchange is one request");
        if grant_type == GrantType::ClientCredentials && client.is_public() {
            //= https://www.rfc-editor.org/rfc/rfc6749#section-4.4
            //= type=test
            //# The client credentials grant type MUST only be used by confidential clients.
            assert_eq!(result.unwrap_err().kind(), ErrorKind::Refused);
            continue;
        }
        let token = result.unwrap_or_else(|error| panic!("{grant_type}: {error:?}"));
        assert_eq!(api(server, &token).await, 200, "{grant_type}");
        assert!(token.expires_in.is_some_and(|lifetime| lifetime.as_secs() > 0));
        assert_eq!(token.id_token.is_some(), grant_type == GrantType::AuthorizationCode, "{grant_type}");
        if grant_type == GrantType::Password {
            refreshable = Some(token);
        }
    }
}

#[tokio::test]
async fn every_grant_in_both_encodings_with_each_client_authentication() {
    for body in [BodyEncoding::Form, BodyEncoding::Json] {
        for method in ClientAuthenticationMethod::ALL {
            let server = AuthorizationServer::start().await.unwrap();
            let mut dialect = Dialect::form().with_client_authentication(method);
            dialect.body = body;
            let public = method == ClientAuthenticationMethod::None;
            let client = if public { server.public_client() } else { server.client() };
            each_grant(&server, client, dialect).await;
            assert!(server.journal().judge().is_clean(), "{body:?} {method:?}");
        }
    }
}

//= https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
//= type=test
//# The client identifier is encoded using the "application/x-www-form-urlencoded" encoding algorithm per Appendix B
// Security: B1.
#[tokio::test]
async fn an_id_and_a_secret_with_every_odd_character_arrive_whole() {
    for dialect in [Dialect::form(), Dialect::json()] {
        for method in
            [ClientAuthenticationMethod::ClientSecretBasic, ClientAuthenticationMethod::ClientSecretPost]
        {
            let server = AuthorizationServer::start().await.unwrap();
            assert_eq!(
                (server.odd_client().id.as_str(), server.odd_client().secret.as_str()),
                ("cc:odd id", "p%a+s/s:w&o=r d~")
            );
            each_grant(&server, server.odd_client(), dialect.clone().with_client_authentication(method))
                .await;
        }
    }
}

// Security: C10.
#[tokio::test]
async fn a_wrong_secret_is_refused_and_named_in_no_error() {
    let server = AuthorizationServer::start().await.unwrap();
    for method in
        [ClientAuthenticationMethod::ClientSecretBasic, ClientAuthenticationMethod::ClientSecretPost]
    {
        let wrong = Client::confidential(server.client().id.as_str(), "canary");
        let dialect = Dialect::form().with_client_authentication(method);
        let endpoint = endpoint(provider(&server, dialect), &wrong);
        let error = endpoint.exchange(&Grant::client_credentials()).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Refused, Some(401)));
        assert_eq!(error.error_response().unwrap().error, ErrorCode::INVALID_CLIENT);
        assert!(!format!("{error:?}").contains("canary"));
    }
}

// Security: A11.
#[tokio::test]
async fn a_code_is_good_once() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = provider(&server, Dialect::form());
    let grant = code(&server, &provider, server.client()).await;
    let endpoint = endpoint(provider, server.client());
    endpoint.exchange(&grant).await.unwrap();
    let error = endpoint.exchange(&grant).await.unwrap_err();
    assert_eq!(error.error_response().unwrap().error, ErrorCode::INVALID_GRANT);
}

#[tokio::test]
async fn a_person_who_declines_is_an_error_that_says_so() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = provider(&server, Dialect::form());
    let client = ClientId::new(server.client().id.as_str());
    let mut request = AuthorizationRequest::code(&provider, &client, REDIRECT_URI, Scope::empty()).unwrap();
    let redirect = server.deny(request.url().as_str()).await.unwrap();
    let error = request.accept(&redirect).unwrap_err();
    assert_eq!(error.error_response().unwrap().error, ErrorCode::ACCESS_DENIED);
}

#[tokio::test]
async fn the_implicit_grant_brings_its_token_on_the_redirect() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = provider(&server, Dialect::form());
    let client = ClientId::new(server.public_client().id.as_str());
    let scope = "read:rooms".parse().unwrap();
    let mut request = AuthorizationRequest::implicit(&provider, &client, REDIRECT_URI, scope).unwrap();
    let redirect = server.approve(request.url().as_str()).await.unwrap();
    let AuthorizationResponse::Token(token) = request.accept(&redirect).unwrap() else {
        panic!("a token was asked for");
    };
    assert!(token.refresh_token.is_none());
    assert_eq!(api(&server, &token).await, 200);
    assert_eq!(server.journal().token_requests(), 0);
}

#[tokio::test]
async fn revoking_a_refresh_token_ends_its_whole_family() {
    for method in ClientAuthenticationMethod::ALL {
        let server = AuthorizationServer::start().await.unwrap();
        let dialect = Dialect::form().with_client_authentication(method);
        let public = method == ClientAuthenticationMethod::None;
        let client = if public { server.public_client() } else { server.client() };
        let endpoint = endpoint(provider(&server, dialect), client);
        let token = endpoint.exchange(&password(&server)).await.unwrap();
        assert_eq!(api(&server, &token).await, 200);
        endpoint.revoke(Revocation::RefreshToken(&refresh_token(&token))).await.unwrap();
        assert_eq!(api(&server, &token).await, 401);
        let error = endpoint.exchange(&refresh(&token)).await.unwrap_err();
        assert_eq!(error.error_response().unwrap().error, ErrorCode::INVALID_GRANT);
        assert_eq!(server.journal().requests(Endpoint::Revoke), 1);
    }
}

#[tokio::test]
async fn revoking_an_access_token_leaves_the_refresh_token() {
    let server = AuthorizationServer::start().await.unwrap();
    let endpoint = endpoint(provider(&server, Dialect::json()), server.client());
    let token = endpoint.exchange(&password(&server)).await.unwrap();
    endpoint.revoke(Revocation::AccessToken(&token.access_token)).await.unwrap();
    assert_eq!(api(&server, &token).await, 401);
    let token = endpoint.exchange(&refresh(&token)).await.unwrap();
    assert_eq!(api(&server, &token).await, 200);
}

#[tokio::test]
async fn butlrs_logins_get_tokens_that_its_api_takes() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = Provider::butlr_at(&server.base_url().parse().unwrap())
        .with_butlr_refresh_endpoint(url(&server, Endpoint::ButlrRefresh));
    let endpoint = endpoint(provider, server.client());
    let person = endpoint.exchange(&password(&server)).await.unwrap();
    let renewed = endpoint.exchange(&refresh(&person)).await.unwrap();
    let program = endpoint.exchange(&Grant::client_credentials()).await.unwrap();
    for token in [&person, &renewed, &program] {
        assert_eq!(api(&server, token).await, 200);
    }
    assert!(program.refresh_token.is_none());
    assert_ne!(refresh_token(&person).fingerprint(), refresh_token(&renewed).fingerprint());
    assert!(server.journal().judge().is_clean());
}

async fn lost(server: &AuthorizationServer, grant: &Grant) -> Error {
    endpoint(provider(server, Dialect::form()), server.client()).exchange(grant).await.unwrap_err()
}

// Security: D5.
#[tokio::test]
async fn a_lost_answer_is_told_from_a_refusal() {
    use butlr_auth_core::Delivery;
    use butlr_auth_testkit::Fault;

    let server = AuthorizationServer::start().await.unwrap();
    let grant = Grant::client_credentials();
    server.inject(Fault::cut().after_commit().times(1));
    assert_eq!(lost(&server, &grant).await.delivery(), Delivery::Unanswered);
    server.inject(Fault::garbage().after_commit().times(1));
    assert_eq!(lost(&server, &grant).await.delivery(), Delivery::Unreadable);
    server.inject(Fault::status(503).header("Retry-After", "2").times(1));
    let error = lost(&server, &grant).await;
    assert_eq!((error.kind(), error.delivery()), (ErrorKind::ServerFailed, Delivery::Answered));
    assert_eq!(error.retry_after().unwrap().as_secs(), 2);
    assert_eq!(server.journal().token_requests(), 3);
}

#[tokio::test]
async fn butlrs_dashboard_gives_a_token_through_its_issuer() {
    let server = AuthorizationServer::start().await.unwrap();
    let provider = Provider::butlr().with_issuer(server.issuer()).unwrap();
    let endpoint = endpoint(provider.clone(), server.public_client());
    let grant = code(&server, &provider, server.public_client()).await;
    let token = endpoint.exchange(&grant).await.unwrap();
    assert_eq!(api(&server, &token).await, 200);
    let renewed = endpoint.exchange(&refresh(&token)).await.unwrap();
    assert_eq!(api(&server, &renewed).await, 200);
}
