//! Logging out, as refresh.md orders it: forgotten at once, then revoked, the refresh token first.

use butlr_auth::{Dialect, ErrorKind, Logout, Session};
use butlr_auth_testkit::{AuthorizationServer, Endpoint, EventKind, Fault};

use crate::{endpoint, generic, password, session};

struct World {
    server: AuthorizationServer,
    session: Session,
    _folder: tempfile::TempDir,
}

async fn logged_in() -> World {
    let server = AuthorizationServer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let session = session(endpoint(&server, generic(&server, Dialect::form())), &folder);
    session.login(&password(&server)).await.unwrap();
    World { server, session, _folder: folder }
}

impl World {
    /// Logs out, after which nothing is left here, whatever the server does.
    async fn log_out(&self) -> Logout {
        let logout = self.session.logout().await.unwrap();
        assert!(logout.was_logged_in);
        assert_eq!(self.session.token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
        logout
    }

    /// What the server did for each revocation that reached it.
    fn revocations(&self) -> Vec<(bool, String)> {
        let journal = self.server.journal();
        let revocations = journal.events().iter().filter(|event| event.kind == EventKind::Revocation);
        revocations.map(|event| (event.presented.is_some(), event.outcome.clone())).collect()
    }
}

#[tokio::test]
async fn d11_the_refresh_token_is_revoked_first_then_the_access_token() {
    let world = logged_in().await;
    assert!(world.log_out().await.not_revoked.is_none());
    let revocations = world.revocations();
    // With its family the access token is gone already; that it is unknown then is answered with 200 all the same.
    assert_eq!(revocations.first().unwrap(), &(true, "revoked".to_owned()));
    assert_eq!(revocations.len(), 2);
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 2);
}

#[tokio::test]
async fn d11_a_server_that_is_busy_is_asked_again() {
    let world = logged_in().await;
    world.server.inject(Fault::status(503).times(2).on(Endpoint::Revoke));
    assert!(world.log_out().await.not_revoked.is_none());
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 4);
    assert_eq!(world.revocations().len(), 2);
}

#[tokio::test]
async fn d11_what_could_not_be_revoked_is_told_and_forgotten_all_the_same() {
    let world = logged_in().await;
    world.server.inject(Fault::status(503).header("Retry-After", "3600").on(Endpoint::Revoke));
    let error = world.log_out().await.not_revoked.unwrap();
    assert_eq!(error.kind(), ErrorKind::ServerFailed);
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 2, "an hour is waited for by nobody");

    let world = logged_in().await;
    world.server.inject(Fault::error("invalid_client").on(Endpoint::Revoke));
    assert_eq!(world.log_out().await.not_revoked.unwrap().kind(), ErrorKind::Refused);
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 2);
}

#[tokio::test]
async fn d11_an_access_token_that_the_server_does_not_revoke_is_no_failure() {
    let unsupported = || Fault::error("unsupported_token_type").times(1).on(Endpoint::Revoke);
    let world = logged_in().await;
    world.server.inject(unsupported().skip(1));
    assert!(world.log_out().await.not_revoked.is_none());
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 2);

    // A refresh token that lives on keeps the session alive, and that is told.
    let world = logged_in().await;
    world.server.inject(unsupported());
    assert_eq!(world.log_out().await.not_revoked.unwrap().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn d11_status_200_is_enough_whatever_the_body() {
    let world = logged_in().await;
    world
        .server
        .inject(Fault::status(200).header("Content-Type", "text/html").body("gone").on(Endpoint::Revoke));
    assert!(world.log_out().await.not_revoked.is_none());
    assert_eq!(world.server.journal().requests(Endpoint::Revoke), 2);
}
