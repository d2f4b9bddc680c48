use async_trait::async_trait;
use butlr_auth_core::{
    AccessToken, ClientId, EndpointIdentity, Error, Grant, Provider, TokenEndpoint, TokenResponse,
};

use crate::Session;

/// Grants what is asked for, without naming a scope.
#[derive(Debug)]
struct Endpoint(EndpointIdentity);

#[async_trait]
impl TokenEndpoint for Endpoint {
    async fn exchange(&self, _: &Grant) -> Result<TokenResponse, Error> {
        Ok(TokenResponse::new(AccessToken::new("token")?))
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.0
    }
}

#[tokio::test]
async fn the_scope_of_the_grant_is_the_sessions_unless_that_has_its_own() {
    let builder = || {
        let identity = EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli"));
        let grant = Grant::client_credentials().with_scope("read:rooms".parse().unwrap());
        Session::builder(Endpoint(identity)).grant(grant)
    };
    let token = builder().open().unwrap().token().await.unwrap();
    assert_eq!(token.scope().to_string(), "read:rooms");
    let token = builder().scope("read:sensors".parse().unwrap()).open().unwrap().token().await.unwrap();
    assert_eq!(token.scope().to_string(), "read:sensors");
}
