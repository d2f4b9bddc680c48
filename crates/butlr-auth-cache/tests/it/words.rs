//! What a token is for: whoever asks by other words gets nothing of what was issued before.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use butlr_auth_cache::{MemoryStore, Session, Sessions};
use butlr_auth_core::{
    AccessToken, ClientId, Dialect, EndpointIdentity, EndpointUrl, Error, ErrorKind, Grant, GrantType,
    Password, Provider, RefreshToken, Scope, TokenEndpoint, TokenResponse, Words,
};

/// Issues what it is asked for, and writes down how often and for which scope.
#[derive(Clone, Debug)]
struct Endpoint {
    identity: EndpointIdentity,
    asked: Arc<Mutex<Vec<(GrantType, String)>>>,
}

impl Endpoint {
    fn new(provider: &Provider) -> Self {
        Self::with(EndpointIdentity::new(provider, ClientId::new("cli")))
    }

    fn with(identity: EndpointIdentity) -> Self {
        Self { identity, asked: Arc::default() }
    }

    fn asked(&self) -> Vec<(GrantType, String)> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl TokenEndpoint for Endpoint {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((grant.grant_type(), grant.scope().to_string()));
            asked.len()
        };
        let mut response =
            TokenResponse::new(AccessToken::new(format!("{:p}-{number}", Arc::as_ptr(&self.asked)))?);
        if grant.grant_type() != GrantType::ClientCredentials {
            response.refresh_token = Some(RefreshToken::new(format!("refresh-{number}"))?);
        }
        Ok(response)
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.identity
    }
}

fn url(path: &str) -> EndpointUrl {
    format!("https://as.example.com{path}").parse().unwrap()
}

fn dialect(parameters: &[(&str, &str)]) -> Dialect {
    parameters.iter().fold(Dialect::form(), |dialect, (name, value)| dialect.with_parameter(*name, *value))
}

fn provider() -> Provider {
    Provider::new("example", url("/token"), dialect(&[("audience", "rooms")]))
}

/// Everything that may change under one name, each alone.
fn others() -> Vec<(&'static str, Endpoint)> {
    let at = |path, parameters: &[(&str, &str)]| Provider::new("example", url(path), dialect(parameters));
    let audience = [("audience", "rooms")];
    let identity = |client| EndpointIdentity::new(&provider(), ClientId::new(client));
    vec![
        ("token endpoint", Endpoint::new(&at("/other/token", &audience))),
        (
            "refresh endpoint",
            Endpoint::new(&provider().with_grant_endpoint(
                GrantType::RefreshToken,
                url("/refresh"),
                dialect(&audience),
            )),
        ),
        (
            "issuer",
            Endpoint::new(&provider().with_issuer_identifier("https://as.example.com/tenant").unwrap()),
        ),
        ("audience", Endpoint::new(&at("/token", &[("audience", "desks")]))),
        ("no audience", Endpoint::new(&at("/token", &[]))),
        ("organization", Endpoint::new(&at("/token", &[("audience", "rooms"), ("organization", "org_1")]))),
        (
            "authorization parameter",
            Endpoint::new(&provider().with_authorization_parameter("organization", "org_1")),
        ),
        ("client", Endpoint::with(identity("other"))),
        (
            "user name",
            Endpoint::with(identity("cli").with_words(&Words::of(&provider()).with_username("ada"))),
        ),
    ]
}

fn password() -> Grant {
    Grant::password("ada", Password::new("secret").unwrap())
}

// Security: I14.
#[tokio::test]
async fn a_persons_session_is_not_the_one_of_other_words() {
    let store = MemoryStore::new();
    let open = |endpoint: &Endpoint| Session::builder(endpoint.clone()).store(store.clone()).open().unwrap();
    let first = open(&Endpoint::new(&provider()));
    let token = first.login(&password()).await.unwrap();
    for (word, endpoint) in others() {
        let other = open(&endpoint);
        let error = other.token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoginRequired, "{word}");
        assert!(error.to_string().contains("nobody has logged in"), "{word}: {error}");
        assert!(!other.logout().await.unwrap().was_logged_in, "{word}");
        assert_eq!(endpoint.asked(), [], "{word}: nothing was sent");
        // Neither replaces the other's.
        let others = other.login(&password()).await.unwrap();
        assert_eq!(first.token().await.unwrap().fingerprint(), token.fingerprint(), "{word}");
        assert_eq!(other.token().await.unwrap().fingerprint(), others.fingerprint(), "{word}");
        other.logout().await.unwrap();
        assert_eq!(first.token().await.unwrap().fingerprint(), token.fingerprint(), "{word}");
    }
}

// Security: I14.
#[tokio::test]
async fn a_client_takes_a_new_token_for_other_words_and_keeps_the_old_one() {
    let store = MemoryStore::new();
    let open = |endpoint: &Endpoint| {
        let session = Session::builder(endpoint.clone()).store(store.clone());
        session.grant(Grant::client_credentials()).open().unwrap()
    };
    let (tenant, resource) = (
        Endpoint::new(&Provider::new("example", url("/b/token"), dialect(&[("audience", "rooms")]))),
        Endpoint::new(&provider().with_resource("https://rooms.example.com").unwrap()),
    );
    let audience = Endpoint::new(&Provider::new("example", url("/token"), dialect(&[("audience", "desks")])));
    let endpoints = [Endpoint::new(&provider()), tenant, resource, audience];
    for _ in 0..5 {
        for endpoint in &endpoints {
            open(endpoint).token().await.unwrap();
        }
    }
    for endpoint in &endpoints {
        assert_eq!(endpoint.asked().len(), 1, "{endpoint:?}");
    }
}

// Security: I14.
#[tokio::test]
async fn another_resource_and_another_scope_are_refreshed_for_by_the_same_login() {
    let store = MemoryStore::new();
    let rooms = Endpoint::new(&provider().with_resource("https://rooms.example.com").unwrap());
    let desks = Endpoint::new(&provider().with_resource("https://desks.example.com").unwrap());
    let open = |endpoint: &Endpoint, scope: &str| {
        let session = Session::builder(endpoint.clone()).store(store.clone()).scope(scope.parse().unwrap());
        session.open().unwrap()
    };
    let first = open(&rooms, "read write").login(&password()).await.unwrap();
    // The session is renewed for what its login was for without a word.
    open(&rooms, "read write").renew().await.unwrap();
    assert_eq!(rooms.asked().last().unwrap(), &(GrantType::RefreshToken, String::new()));
    let narrower = open(&rooms, "read").token().await.unwrap();
    assert_eq!(rooms.asked().last().unwrap(), &(GrantType::RefreshToken, "read".to_owned()));
    let other = open(&desks, "read write").token().await.unwrap();
    assert_eq!(desks.asked(), [(GrantType::RefreshToken, String::new())]);
    assert_ne!(narrower.fingerprint(), first.fingerprint());
    assert_ne!(other.fingerprint(), first.fingerprint());
    // Each is kept beside the others.
    let asked = rooms.asked().len();
    assert_eq!(open(&rooms, "read").token().await.unwrap().fingerprint(), narrower.fingerprint());
    assert_eq!(open(&desks, "read write").token().await.unwrap().fingerprint(), other.fingerprint());
    assert_eq!((rooms.asked().len(), desks.asked().len()), (asked, 1));
}

#[tokio::test]
async fn many_identities_with_endpoints_of_their_own_are_for_what_each_endpoint_says() {
    let store = MemoryStore::new();
    let sessions = |audience: &'static str| {
        let each = move |tenant: &str| {
            let provider = Provider::new("example", url("/token"), dialect(&[("audience", audience)]));
            Ok(Endpoint::with(EndpointIdentity::new(&provider, ClientId::new(tenant))))
        };
        let sessions = Sessions::builder_for_each(each).grant(Grant::client_credentials());
        sessions.scope(Scope::empty()).store(store.clone()).open().unwrap()
    };
    let (rooms, desks) = (sessions("rooms"), sessions("desks"));
    let first = rooms.token("acme").await.unwrap();
    assert_ne!(desks.token("acme").await.unwrap().fingerprint(), first.fingerprint());
    assert_eq!(sessions("rooms").token("acme").await.unwrap().fingerprint(), first.fingerprint());
}
