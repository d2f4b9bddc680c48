//! What a command does with its time: it asks again what may be asked again, and it ends when its time is over.

use std::time::{Duration, Instant};

use butlr_auth_testkit::{AuthorizationServer, Endpoint, Fault};

use crate::world::World;

const ROBOT: [&str; 3] = ["-p", "robot", "token"];
const RENEW: [&str; 4] = ["-p", "json", "token", "--force-refresh"];

/// A person's clock: how long a command takes is what is shown here.
#[expect(clippy::disallowed_methods, reason = "the command is another process, and has the system's clock")]
fn now() -> Instant {
    Instant::now()
}

fn secret(world: &World) -> [(&str, &str); 1] {
    [("THE_SECRET", &world.server.client().secret)]
}

#[tokio::test]
async fn a_clients_token_is_asked_for_again_after_trouble_that_passes() {
    for status in [429, 502, 503, 504] {
        let world = World::new().await;
        world.server.inject(Fault::status(status).times(1));
        world.run(&ROBOT).succeeded();
        assert_eq!(world.server.journal().token_requests(), 2, "{status}");
    }
}

#[tokio::test]
async fn many_commands_ask_as_often_as_one() {
    let world = World::new().await;
    world.server.inject(Fault::status(503).times(2));
    let mut commands: Vec<_> = (0..32).map(|_| world.command(&ROBOT).spawn().unwrap()).collect();
    for command in &mut commands {
        assert!(command.wait().unwrap().success());
    }
    assert_eq!(world.server.journal().token_requests(), 3);
}

#[tokio::test]
async fn without_retries_the_first_failure_is_the_last() {
    let world = World::new().await;
    world.server.inject(Fault::status(503));
    let began = now();
    world.run(&["-p", "robot", "token", "--no-retry"]).failed(6, "503");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_pause_that_is_longer_than_the_time_ends_it_at_once_and_is_told() {
    let world = World::new().await;
    world.server.inject(Fault::status(429).header("Retry-After", "40"));
    let began = now();
    world.run(&["-p", "robot", "token", "--timeout", "20s"]).failed(6, "try again in 40 s");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_refresh_token_that_was_sent_back_is_sent_again() {
    let world =
        World::with(AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(1))).await;
    world.log_in("json");
    while world.run(&["-p", "json", "token", "--offline"]).code == 0 {}
    world.server.inject(Fault::status(503).times(1).on(Endpoint::Token));
    let ended = world.run_with(&["-p", "json", "token"], &secret(&world), "");
    ended.succeeded();
    assert!(world.server.journal().judge().is_clean());
}

#[tokio::test]
async fn a_password_is_sent_once() {
    let world = World::new().await;
    world.server.inject(Fault::status(503));
    let login = ["login", "json", "--secret-stdin"];
    let began = now();
    world.run_with(&login, &secret(&world), world.password()).failed(6, "503");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_good_token_is_none_the_worse_for_a_renewal_that_fails_and_nobody_waits_for_another() {
    let world = World::new().await;
    world.log_in("json");
    world.server.inject(Fault::status(503).on(Endpoint::Token));
    let began = now();
    world.run_with(&RENEW, &secret(&world), "").failed(6, "503");
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// A slow server is not a lost one, and a successor that nobody waits for would be.
#[tokio::test]
async fn an_answer_to_a_refresh_token_is_waited_for_beyond_the_time() {
    let world = World::new().await;
    world.log_in("json");
    world.server.inject(Fault::delay(Duration::from_secs(8)).times(1).on(Endpoint::Token));
    let mut arguments = RENEW.to_vec();
    arguments.extend(["--timeout", "5s"]);
    let ended = world.run_with(&arguments, &secret(&world), "").succeeded();
    assert!(ended.stderr.contains("a refresh token has left"), "{}", ended.stderr);
    world.run_with(&RENEW, &secret(&world), "").succeeded();
    assert!(world.server.journal().judge().is_clean());
}

#[tokio::test]
async fn a_clients_own_request_is_not_waited_for_beyond_the_time() {
    let world = World::new().await;
    world.server.inject(Fault::delay(Duration::from_secs(20)));
    let began = now();
    world.run(&["-p", "robot", "token", "--timeout", "1s"]).failed(6, "");
    assert!(began.elapsed() < Duration::from_secs(10));
}

fn with_command(world: &World, words: &str) {
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    world.configure(&format!(
        "[profile.robot]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\nclient_secret = {{ command = {words} }}\n"
    ));
}

#[tokio::test]
async fn a_command_that_fetches_a_secret_has_the_time_of_the_command_and_ends_with_what_it_started() {
    let world = World::new().await;
    let left = world.home.path().join("left");
    with_command(&world, &format!(r#"["sh", "-c", "sleep 300 & echo $! > {}; wait"]"#, left.display()));
    let began = now();
    // Without a terminal it can ask nobody.
    let mut command = world.command_in_session(false, &["-p", "robot", "token", "--timeout", "2s"]);
    command.stdin(std::process::Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(6), "{said}");
    assert!(said.contains("did not end in time"), "{said}");
    assert!(began.elapsed() < Duration::from_secs(10));
    let started = std::fs::read_to_string(left).unwrap();
    let state = std::fs::read_to_string(format!("/proc/{}/stat", started.trim())).unwrap_or_default();
    // It is gone, or nobody has taken note of its end yet.
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[tokio::test]
async fn a_command_that_prints_without_end_is_ended() {
    let world = World::new().await;
    with_command(&world, r#"["yes", "secret"]"#);
    world.run(&ROBOT).failed(3, "printed more than 64 KiB");
}

/// A holder that somebody has stopped is named, and nothing is done to it.
#[tokio::test]
async fn a_stopped_holder_is_named() {
    let world = World::new().await;
    world.log_in("json");
    world.server.inject(Fault::delay(Duration::from_secs(60)).times(1).on(Endpoint::Token));
    let before = world.server.journal().token_requests();
    let mut holder = world.start_with(&RENEW, &secret(&world));
    while world.server.journal().token_requests() == before {
        tokio::task::yield_now().await;
    }
    holder.signal(rustix::process::Signal::STOP);
    let pid = holder.child.id();
    let mut arguments = RENEW.to_vec();
    arguments.extend(["--timeout", "4s"]);
    let said = world.run_with(&arguments, &secret(&world), "").failed(6, "").stderr;
    assert!(said.contains(&format!("process {pid} on ")) && said.contains("which is stopped"), "{said}");
    // It is stopped as before.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(stat.contains(") T "), "{stat}");
    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
}

/// The record is damaged once, and told of until a login replaces it.
#[tokio::test]
async fn a_damaged_record_is_told_with_its_place_until_the_next_login() {
    let world = World::new().await;
    world.log_in("json");
    let folder = world.home.path().join(".local/state/butlr-auth/sessions");
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let record = files.find(|path| path.extension().is_some_and(|end| end == "json")).unwrap();
    std::fs::write(&record, "{").unwrap();
    let token = ["-p", "json", "token"];
    world.run_with(&token, &secret(&world), "").failed(7, "it was set aside as");
    for _ in 0..2 {
        let said = world.run_with(&token, &secret(&world), "").failed(4, "nobody has logged in").stderr;
        assert!(said.contains("was damaged and set aside as") && said.contains(".corrupt-"), "{said}");
    }
    world.log_in("json");
    world.run_with(&token, &secret(&world), "").succeeded();
}
