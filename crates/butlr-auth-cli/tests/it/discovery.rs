use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::world::World;

/// A world whose profile `work` names its issuer and nothing else of its server.
async fn world() -> World {
    let world = World::new().await;
    let (base, issuer) = (world.server.base_url(), world.server.issuer());
    let public = &world.server.public_client().id;
    let id = &world.server.client().id;
    world.configure(&format!(
        "[profile.work]\nbase_url = \"{base}\"\nissuer = \"{issuer}\"\nclient_id = \"{public}\"\nscopes = [\"openid\", \"offline_access\", \"read:rooms\"]\n[profile.robot]\nissuer = \"{issuer}\"\ngrant = \"client_credentials\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"secret\" }}\n"
    ));
    world
}

async fn log_in(world: &World) {
    let approve = async |server: &AuthorizationServer, address: &str| server.approve(address).await.unwrap();
    world.log_in_by_page(&["login", "work"], approve).await.succeeded();
}

/// The one document that is kept.
fn kept(world: &World) -> PathBuf {
    let folder = world.home.path().join(".local/state/butlr-auth/servers");
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).next().unwrap()
}

#[tokio::test]
async fn a_profile_by_its_issuer_alone_logs_in_renews_and_logs_out() {
    let world = world().await;
    log_in(&world).await;
    let asked = world.server.journal().requests(Endpoint::Metadata);
    let first = world.run(&["-p", "work", "token"]).succeeded().stdout;
    let second = world.run(&["-p", "work", "token", "--force-refresh"]).succeeded().stdout;
    assert_ne!(first, second);
    world.run(&["-p", "robot", "token"]).succeeded();
    assert_eq!(
        world.server.journal().requests(Endpoint::Metadata),
        asked,
        "what is known was asked for again"
    );
    let ended = world.run(&["--json", "logout", "work"]).succeeded().json();
    assert_eq!(ended["revoked"], true);
    assert_eq!(std::fs::metadata(kept(&world)).unwrap().permissions().mode() & 0o777, 0o600);
    let status = world.run(&["-p", "robot", "status", "--json"]).succeeded().json();
    assert_eq!(status["server"], world.server.base_url());
}

#[tokio::test]
async fn what_others_could_have_written_is_not_believed() {
    let world = world().await;
    world.run(&["-p", "robot", "token"]).succeeded();
    let asked = world.server.journal().requests(Endpoint::Metadata);
    let path = kept(&world);
    let elsewhere = AuthorizationServer::start().await.unwrap();
    let forged =
        std::fs::read_to_string(&path).unwrap().replace(world.server.base_url(), elsewhere.base_url());
    std::fs::write(&path, forged).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    world.run(&["-p", "robot", "token", "--force-refresh"]).succeeded();
    assert!(world.server.journal().requests(Endpoint::Metadata) > asked);
    assert_eq!(elsewhere.journal().token_requests(), 0);
}

#[tokio::test]
async fn a_warm_token_asks_nobody_and_a_server_that_is_down_is_temporary() {
    let world = world().await;
    let warm = world.run(&["-p", "robot", "token"]).succeeded().stdout;
    world.server.inject(Fault::status(503).on(Endpoint::Metadata));
    assert_eq!(world.run(&["-p", "robot", "token"]).succeeded().stdout, warm);
    std::fs::remove_file(kept(&world)).unwrap();
    assert_eq!(world.run(&["-p", "robot", "token"]).succeeded().stdout, warm);
    world.run(&["-p", "robot", "token", "--force-refresh"]).failed(6, "503");
    world.run(&["login", "work"]).failed(6, "503");
}
