use std::time::{Duration, SystemTime};

use butlr_auth_cache::{FileStore, Session};
use butlr_auth_core::{Clock as _, ErrorKind, Grant, ManualClock};

use crate::server::{Server, password};

const LIFETIME: Duration = Duration::from_secs(1000);

struct World {
    server: Server,
    clock: ManualClock,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { server: Server::new(LIFETIME), clock: ManualClock::new(), folder }
    }

    /// A handle of another process on the same store.
    fn session(&self) -> Session {
        let store = FileStore::open(self.folder.path().join("sessions")).unwrap();
        Session::builder(self.server.clone()).store(store).clock(self.clock.clone()).open().unwrap()
    }

    fn say_id_token_for(&self, seconds: u64) {
        let now = self.clock.now().wall.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        self.server.say_id_token_until(now.as_secs() + seconds);
    }
}

#[tokio::test]
async fn an_id_token_is_handed_out_while_its_own_end_allows_and_then_renewed_once() {
    let world = World::new();
    let session = world.session();
    world.say_id_token_for(300);
    session.login(&password()).await.unwrap();
    let first = session.id_token().await.unwrap();
    assert_eq!(world.server.exchanges(), 1);

    // The access token is good for much longer.
    world.clock.advance(Duration::from_secs(301));
    world.say_id_token_for(300);
    let second = world.session().id_token().await.unwrap();
    assert_ne!(first.expose(), second.expose());
    for _ in 0..3 {
        assert_eq!(session.id_token().await.unwrap().expose(), second.expose());
    }
    assert_eq!(world.server.exchanges(), 2);

    // One that shall last longer is a new one, however long that lasts.
    world.say_id_token_for(400);
    let third = session.id_token_outliving(Duration::from_secs(3600)).await.unwrap();
    assert_ne!(second.expose(), third.expose());
    assert_eq!(world.server.exchanges(), 3);
}

#[tokio::test]
async fn a_renewal_that_brings_no_id_token_is_not_repeated_before_the_access_token_needs_one() {
    let world = World::new();
    let session = world.session();
    world.say_id_token_for(300);
    session.login(&password()).await.unwrap();
    world.server.say_no_id_token();
    world.clock.advance(Duration::from_secs(301));
    for _ in 0..3 {
        let error = world.session().id_token().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LoginRequired);
        assert_eq!(
            error.to_string(),
            "session `default` has no id_token: the server's last answer brought none"
        );
    }
    assert_eq!(world.server.exchanges(), 2);
    // Who logged in is known all the same.
    assert_eq!(session.status().await.unwrap().subject.as_deref(), Some("alice"));

    world.clock.advance(LIFETIME);
    world.say_id_token_for(300);
    session.id_token().await.unwrap();
    assert_eq!(world.server.exchanges(), 3);
}

#[tokio::test]
async fn an_id_token_that_is_still_good_survives_an_answer_without_one() {
    let world = World::new();
    let session = world.session();
    world.say_id_token_for(5000);
    session.login(&password()).await.unwrap();
    let first = session.id_token().await.unwrap();
    world.server.say_no_id_token();
    world.clock.advance(LIFETIME);
    session.token().await.unwrap();
    assert_eq!(session.id_token().await.unwrap().expose(), first.expose());
    assert_eq!(world.server.exchanges(), 2);
}

#[tokio::test]
async fn a_session_without_an_id_token_says_so_and_asks_nobody() {
    let world = World::new();
    let session = world.session();
    assert_eq!(session.id_token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
    session.login(&password()).await.unwrap();
    assert_eq!(session.id_token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
    assert_eq!(world.server.exchanges(), 1);
    session.logout().await.unwrap();
    let error = session.id_token().await.unwrap_err();
    assert!(error.to_string().contains("logged out"), "{error}");

    let client = Session::builder(world.server.clone()).grant(Grant::client_credentials()).open().unwrap();
    assert_eq!(client.id_token().await.unwrap_err().kind(), ErrorKind::LoginRequired);
    assert_eq!(world.server.exchanges(), 2);
}

#[tokio::test]
async fn an_id_token_for_somebody_else_is_not_taken_and_its_successor_is() {
    let world = World::new();
    let session = world.session();
    world.server.say_id_token_for(r#"["cli","https://api.example.com"]"#);
    session.login(&password()).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    world.server.say_id_token_for(r#""cli""#);
    session.renew().await.unwrap();

    world.clock.advance(Duration::from_secs(10));
    world.server.say_id_token_for(r#""another""#);
    let error = session.renew().await.unwrap_err();
    assert!(error.to_string().contains("is not for whom the login's was"), "{error}");
    world.clock.advance(LIFETIME);
    world.server.say_id_token_for(r#""cli""#);
    session.token().await.unwrap();
    assert_eq!(world.server.reuse(), 0, "the refresh token of the answer that was not taken is the next one");
}

//= https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse
//= type=test
//# its azp Claim Value MUST be the same as in the ID Token issued when the original authentication occurred
#[tokio::test]
async fn an_id_token_by_another_client_is_not_taken_and_its_successor_is() {
    for at_login in [None, Some("cli"), Some("app")] {
        let world = World::new();
        let session = world.session();
        world.server.say_id_token_by(at_login);
        session.login(&password()).await.unwrap();
        // One that says the same, and one that says nothing, are as good.
        for party in [at_login, None] {
            world.clock.advance(Duration::from_secs(10));
            world.server.say_id_token_by(party);
            session.renew().await.unwrap();
        }
        world.clock.advance(Duration::from_secs(10));
        world.server.say_id_token_by(Some("another"));
        let error = session.renew().await.unwrap_err();
        assert!(error.to_string().contains("is not for whom the login's was"), "{error}");
        world.clock.advance(LIFETIME);
        world.server.say_id_token_by(None);
        session.token().await.unwrap();
        assert_eq!(world.server.reuse(), 0);
    }
}

#[tokio::test]
async fn an_id_token_for_an_api_alone_is_not_taken() {
    let world = World::new();
    let session = world.session();
    world.server.say_id_token_for(r#"["cli","https://api.example.com"]"#);
    session.login(&password()).await.unwrap();
    world.clock.advance(Duration::from_secs(10));
    world.server.say_id_token_for(r#""https://api.example.com""#);
    let error = session.renew().await.unwrap_err();
    assert!(error.to_string().contains("is not for whom the login's was"), "{error}");
}
