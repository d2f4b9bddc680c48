use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Rotation, Successor};

use crate::support::{butlr_login, butlr_refresh, graphql};

const SITES: &str = "{ sites { data { id } } }";

#[tokio::test]
async fn reuse_without_an_interval_kills_the_family() {
    let server = AuthorizationServer::start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    let reply = butlr_refresh(&server, &first).await;
    let (second, access) = (reply.member("refresh_token"), reply.member("access_token"));
    assert_eq!(butlr_refresh(&server, &first).await.error(), (400, "invalid_grant".to_owned()));
    assert_eq!(butlr_refresh(&server, &second).await.error().1, "invalid_grant");
    // The access token that honest callers hold lives on.
    assert_eq!(graphql(&server, &access, SITES).await.status, 200);
    let judgement = server.journal().judge();
    assert_eq!((judgement.reuse, judgement.invalid_grant, judgement.forks), (1, 2, 0));
    assert!(judgement.families[&1].revoked);
    assert!(!judgement.is_clean());
}

#[tokio::test]
async fn inside_the_interval_the_same_successor_comes_again_until_it_is_spent() {
    let server =
        AuthorizationServer::builder().reuse_interval(Duration::from_secs(30)).start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    let second = butlr_refresh(&server, &first).await.member("refresh_token");
    assert_eq!(butlr_refresh(&server, &first).await.member("refresh_token"), second);
    butlr_refresh(&server, &second).await.member("refresh_token");
    assert_eq!(butlr_refresh(&server, &first).await.error().1, "invalid_grant");
    assert_eq!(server.journal().judge().forks, 0);
}

#[tokio::test]
async fn siblings_are_seen_as_forks_and_the_interval_ends() {
    let builder =
        AuthorizationServer::builder().reuse_interval(Duration::from_secs(30)).successor(Successor::Sibling);
    let server = builder.start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    let second = butlr_refresh(&server, &first).await.member("refresh_token");
    let sibling = butlr_refresh(&server, &first).await.member("refresh_token");
    assert_ne!(second, sibling);
    assert_eq!(server.journal().judge().forks, 1);
    server.advance_time(Duration::from_secs(30));
    assert_eq!(butlr_refresh(&server, &first).await.error().1, "invalid_grant");
}

#[tokio::test]
async fn servers_that_do_not_rotate() {
    for (rotation, again) in [(Rotation::Same, true), (Rotation::Omit, false)] {
        let server = AuthorizationServer::builder().rotation(rotation).start().await.unwrap();
        let first = butlr_login(&server).await.member("refresh_token");
        let reply = butlr_refresh(&server, &first).await;
        assert_eq!(reply.json()["refresh_token"].as_str(), again.then_some(first.as_str()));
        assert_eq!(butlr_refresh(&server, &first).await.status, 200);
    }
}

#[tokio::test]
async fn a_renewal_says_how_old_the_token_was() {
    let server =
        AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(100)).start().await.unwrap();
    let reply = butlr_login(&server).await;
    assert_eq!(reply.json()["expires_in"], 100);
    server.advance_time(Duration::from_secs(70));
    butlr_refresh(&server, &reply.member("refresh_token")).await.member("access_token");
    let judgement = server.journal().judge();
    let renewal = judgement.families[&1].renewals[0];
    assert_eq!(renewal.lifetime, 100_000);
    assert!((70_000..100_000).contains(&renewal.age), "{renewal:?}");
    // The old access token has 30 seconds left, then it is refused as expired.
    server.advance_time(Duration::from_secs(30));
    assert_eq!(graphql(&server, &reply.member("access_token"), SITES).await.status, 401);
    assert_eq!(server.journal().judge().expired_served, 1);
}

#[tokio::test]
async fn a_refresh_token_left_alone_expires() {
    let server =
        AuthorizationServer::builder().refresh_token_lifetime(Duration::from_secs(60)).start().await.unwrap();
    let first = butlr_login(&server).await.member("refresh_token");
    server.advance_time(Duration::from_secs(60));
    assert_eq!(butlr_refresh(&server, &first).await.error().1, "invalid_grant");
    assert_eq!(server.journal().judge().reuse, 0);
}
