//! What ends a program from outside, in the middle of an exchange: nothing that the server has issued is lost.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use butlr_auth_testkit::{Endpoint, Fault};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::world::{PROGRAM, World};

const ANSWER_TAKES: Duration = Duration::from_millis(400);

/// The profile that has a refresh token, and what it needs to be renewed.
const RENEW: [&str; 4] = ["-p", "json", "token", "--force-refresh"];

fn secret(world: &World) -> [(&str, &str); 1] {
    [("THE_SECRET", &world.server.client().secret)]
}

/// Starts a command, and returns when the server has its request and has not answered it.
async fn in_flight(world: &World, command: &mut Command, endpoint: Endpoint, answer: Fault) -> Child {
    let before = world.server.journal().token_requests();
    world.server.inject(answer.times(1).on(endpoint));
    let child = command.envs(secret(world)).spawn().unwrap();
    while world.server.journal().token_requests() == before {
        tokio::task::yield_now().await;
    }
    child
}

#[track_caller]
fn ends_with(child: Child, code: i32) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(code), &[][..]), "{said}");
}

/// The session has what the server issued last, and no refresh token was sent twice.
#[track_caller]
fn session_goes_on(world: &World) {
    let secret = secret(world);
    let requests = world.server.journal().token_requests();
    world.run_with(&["-p", "json", "token", "--offline"], &secret, "").succeeded();
    assert_eq!(world.server.journal().token_requests(), requests);
    world.run_with(&RENEW, &secret, "").succeeded();
    assert!(world.server.journal().judge().is_clean());
}

// Security: M6.
#[tokio::test]
async fn each_signal_that_ends_a_program_waits_for_the_exchange_in_flight() {
    let world = World::new().await;
    world.log_in("json");
    for (signal, code) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::QUIT, 131), (Signal::TERM, 143)] {
        for slow in [Fault::delay(ANSWER_TAKES), Fault::delay(ANSWER_TAKES).after_commit()] {
            let child = in_flight(&world, &mut world.command(&RENEW), Endpoint::Token, slow).await;
            kill_process(Pid::from_child(&child), signal).unwrap();
            ends_with(child, code);
            session_goes_on(&world);
        }
    }
}

#[tokio::test]
async fn a_clients_own_token_is_kept_as_well() {
    let world = World::new().await;
    let mut command = world.command(&["-p", "robot", "token"]);
    let child = in_flight(&world, &mut command, Endpoint::ButlrClientLogin, Fault::delay(ANSWER_TAKES)).await;
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    ends_with(child, 129);
    world.run(&["-p", "robot", "token", "--offline"]).succeeded();
    assert_eq!(world.server.journal().token_requests(), 1);
}

#[tokio::test]
async fn a_second_signal_leaves_at_once() {
    let world = World::new().await;
    world.log_in("json");
    world.server.inject(Fault::delay(Duration::from_secs(20)).times(1).on(Endpoint::Token));
    let before = world.server.journal().token_requests();
    let mut renewing = world.start_with(&RENEW, &secret(&world));
    while world.server.journal().token_requests() == before {
        tokio::task::yield_now().await;
    }
    renewing.signal(Signal::TERM);
    renewing.line(|line| line.contains("a second signal leaves at once").then_some(()));
    renewing.signal(Signal::HUP);
    renewing.end().failed(129, "ended by SIGHUP");
}

/// As `nohup` does, and a shell for what it starts with `&`.
fn ignoring(world: &World, arguments: &[&str]) -> Command {
    let mut command = world.command(&[]);
    let variables: Vec<_> =
        command.get_envs().map(|(name, value)| (name.to_owned(), value.unwrap().to_owned())).collect();
    command = Command::new("sh");
    command.args(["-c", "trap '' HUP INT QUIT; exec \"$@\"", "sh"]).arg(PROGRAM).args(arguments);
    command.env_clear().envs(variables).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let world = World::new().await;
    world.log_in("json");
    let slow = Fault::delay(ANSWER_TAKES);
    let child = in_flight(&world, &mut ignoring(&world, &RENEW), Endpoint::Token, slow).await;
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT] {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.stdout.is_empty());
}

#[tokio::test]
async fn the_command_that_run_becomes_ignores_what_was_ignored() {
    let world = World::new().await;
    let arguments = ["-p", "robot", "run", "--", "grep", "SigIgn", "/proc/self/status"];
    let bits = |mut command: Command| {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        u64::from_str_radix(said.trim_start_matches("SigIgn:").trim(), 16).unwrap()
    };
    assert_eq!(bits(ignoring(&world, &arguments)) & 0b111, 0b111);
    assert_eq!(bits(world.command(&arguments)) & 0b111, 0);
}

#[tokio::test]
async fn a_terminal_that_is_gone_ends_nothing_before_the_commit() {
    let world = World::new().await;
    world.log_in("json");
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let theirs = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
    let arguments = ["-vv", "-p", "json", "token", "--force-refresh"];
    let mut command = world.command_in_session(true, &arguments);
    command.stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
    let mut child = in_flight(&world, &mut command, Endpoint::Token, Fault::delay(ANSWER_TAKES)).await;
    drop((command, terminal));
    assert_eq!(child.wait().unwrap().code(), Some(129));
    session_goes_on(&world);
}
