//! The layers together: sessions over HTTP, against the embedded authorization server, which counts and judges.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[cfg(all(feature = "reqwest-middleware", feature = "tower"))]
mod bearer;
mod canaries;
mod examples;
mod flows;
mod logout;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(feature = "encrypted")]
mod secret_types;
mod sharing;
#[cfg(feature = "verify")]
mod verify;

use butlr_auth::{
    ClientSecret, Dialect, FileStore, Grant, HttpTokenEndpoint, Password, Provider, Session, TokenEndpoint,
};
use butlr_auth_testkit::AuthorizationServer;

/// The embedded server as a provider with one token endpoint, spoken to in this dialect.
fn generic(server: &AuthorizationServer, dialect: Dialect) -> Provider {
    let at = |path: &str| format!("{}{path}", server.base_url()).parse().unwrap();
    Provider::new("generic", at("/token"), dialect)
        .with_authorization_endpoint(at("/authorize"))
        .with_revocation_endpoint(at("/revoke"))
        .with_issuer_identifier(server.issuer())
        .unwrap()
        .with_authorization_response_iss()
}

fn endpoint(server: &AuthorizationServer, provider: Provider) -> HttpTokenEndpoint {
    let client = server.client();
    let secret = ClientSecret::new(client.secret.clone()).unwrap();
    HttpTokenEndpoint::builder(provider).client_secret(client.id.clone(), secret).build().unwrap()
}

fn password(server: &AuthorizationServer) -> Grant {
    let user = server.user();
    Grant::password(user.username.clone(), Password::new(user.password.clone()).unwrap())
}

/// A session in a file, as each process of a host has it.
fn session(endpoint: impl TokenEndpoint + 'static, folder: &tempfile::TempDir) -> Session {
    let store = FileStore::open(folder.path().join("sessions")).unwrap();
    Session::builder(endpoint).store(store).open().unwrap()
}
