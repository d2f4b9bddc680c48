//! Many commands at once: one request for all of them.

use std::collections::BTreeSet;
use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Rotation};

use crate::world::World;

const PROCESSES: usize = 20;

/// The tokens that twenty commands print that are started at once.
fn tokens(world: &World, profile: &str) -> BTreeSet<String> {
    let started: Vec<_> =
        (0..PROCESSES).map(|_| world.start(&["--no-input", "-p", profile, "token"])).collect();
    started.into_iter().map(|started| started.end().succeeded().stdout).collect()
}

// Security: D3.
#[tokio::test]
async fn twenty_commands_without_a_token_cost_one_request() {
    let world = World::new().await;
    assert_eq!(tokens(&world, "robot").len(), 1);
    assert_eq!(world.server.journal().token_requests(), 1);
}

// Security: D3.
#[tokio::test]
async fn twenty_commands_on_an_expired_session_spend_its_refresh_token_once() {
    const LIFETIME: Duration = Duration::from_secs(3);
    let server = AuthorizationServer::builder().rotation(Rotation::Rotate).access_token_lifetime(LIFETIME);
    let world = World::with(server).await;
    world
        .log_in_by_page(&["login", "code"], async |server, url| server.approve(url).await.unwrap())
        .await
        .succeeded();

    let before = world.server.journal().token_requests();
    // Sleeps because the token has to end on the real clock.
    tokio::time::sleep(LIFETIME).await;
    let seen = tokens(&world, "code");
    // On a machine that is busy for longer than a token lives, the last commands find the next one.
    let spent = world.server.journal().token_requests() - before;
    assert_eq!(usize::try_from(spent).unwrap(), seen.len());
    assert!(seen.len() < PROCESSES, "{} tokens", seen.len());
    assert!(world.server.journal().judge().is_clean());
}
