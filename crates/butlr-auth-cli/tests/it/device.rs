use std::time::Duration;

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::world::World;

/// A world whose profile `dev` logs in on another device.
async fn world(server: butlr_auth_testkit::Builder) -> World {
    let world = World::with(server.device_poll_interval(Duration::from_secs(1))).await;
    let (base, issuer) = (world.server.base_url(), world.server.issuer());
    let public = &world.server.public_client().id;
    world.configure(&format!(
        "[profile.dev]\nbase_url = \"{base}\"\nissuer = \"{issuer}\"\ngrant = \"device_code\"\nclient_id = \"{public}\"\nscopes = [\"openid\", \"offline_access\", \"read:rooms\"]\n"
    ));
    world
}

#[tokio::test]
async fn a_person_approves_on_another_device() {
    let world = world(AuthorizationServer::builder()).await;
    let mut login = world.start(&["--json", "login", "dev"]);
    let code = login.member("user_code");
    world.server.approve_device(&code).await.unwrap();
    let ended = login.end().succeeded();
    assert_eq!(ended.json()["profile"], "dev");
    world.run(&["-p", "dev", "token"]).succeeded();
    let status = world.run(&["-p", "dev", "status", "--json"]).succeeded().json();
    assert_eq!((&status["grant"], &status["renewable"]), (&"device_code".into(), &true.into()));
}

#[tokio::test]
async fn a_person_sees_address_and_code_and_no_picture_in_a_pipe() {
    let world = world(AuthorizationServer::builder()).await;
    let mut login = world.start(&["login", "dev"]);
    let said = login.line(|line| line.starts_with("On any device").then(|| line.trim().to_owned()));
    let (said, code) = said.rsplit_once(' ').unwrap();
    assert!(said.ends_with("/device and enter"), "{said}");
    world.server.approve_device(code).await.unwrap();
    let ended = login.end().succeeded();
    assert!(!ended.stderr.contains(['█', '\x1b']), "{}", ended.stderr);
}

#[tokio::test]
async fn a_server_that_asks_to_slow_down_is_obeyed() {
    let world = world(AuthorizationServer::builder()).await;
    world.server.inject(Fault::error("slow_down").times(1).on(Endpoint::Token));
    let mut login = world.start(&["--json", "login", "dev"]);
    let code = login.member("user_code");
    world.server.approve_device(&code).await.unwrap();
    login.end().succeeded();
    assert_eq!(world.server.journal().requests(Endpoint::Token), 2);
}

#[tokio::test]
async fn denial_is_exit_5_and_an_expired_code_exit_4() {
    let world = world(AuthorizationServer::builder().device_code_lifetime(Duration::from_secs(3))).await;
    let mut login = world.start(&["--json", "login", "dev"]);
    let code = login.member("user_code");
    world.server.deny_device(&code).await.unwrap();
    login.end().failed(5, "access_denied");
    let mut login = world.start(&["--json", "login", "dev"]);
    login.member("user_code");
    let ended = login.end().failed(4, "no longer good");
    assert!(ended.stderr.contains("\"help\":\"run `butlr-auth login dev`\""), "{}", ended.stderr);
}

#[tokio::test]
async fn an_interruption_ends_the_wait_at_once() {
    let world = world(AuthorizationServer::builder()).await;
    let mut login = world.start(&["--json", "login", "dev"]);
    login.member("user_code");
    login.signal(rustix::process::Signal::INT);
    login.end().failed(130, "interrupted");
    world.run(&["login", "code", "--device"]).failed(3, "there is no profile `code`");
}

#[tokio::test]
async fn a_server_without_the_grant_is_told_so() {
    let world = World::new().await;
    world.run(&["login", "code", "--device"]).failed(3, "no device authorization endpoint");
    world.run(&["login", "robot", "--device"]).failed(3, "would log in somebody else");
}
