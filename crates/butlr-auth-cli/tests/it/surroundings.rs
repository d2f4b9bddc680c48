//! Odd surroundings: what is missing, closed, taken or no text is an error like any other, and never a panic.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use crate::world::{Ended, World, end};

const BINARY: &str = env!("CARGO_BIN_EXE_butlr-auth");

/// The program behind a limit that a shell sets.
fn limited(world: &World, limit: &str, arguments: &[&str]) -> Ended {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limit} && exec \"$0\" \"$@\""), BINARY]);
    end(world.configured(shell, arguments), "")
}

#[track_caller]
fn does_not_panic(ended: &Ended) {
    assert!(!ended.stderr.contains("panicked") && !ended.stderr.contains("fault"), "{}", ended.stderr);
    assert!((0..=8).contains(&ended.code), "{}: {}", ended.code, ended.stderr);
}

#[tokio::test]
async fn too_few_files_are_an_error_that_names_the_limit() {
    let world = World::new().await;
    for arguments in [&["-p", "robot", "token"][..], &["status"], &["demo", "--script"], &["doctor"]] {
        limited(&world, "ulimit -n 8", arguments).failed(3, "raise its limit: `ulimit -n 1024`");
    }
    // Where a few are left, what fails is whoever comes too late for one.
    for limit in 19..32 {
        let limit = format!("ulimit -n {limit}");
        does_not_panic(&limited(&world, &limit, &["-p", "robot", "token", "--force-refresh"]));
        does_not_panic(&limited(&world, &limit, &["-p", "robot", "api", "/api/v1/client"]));
    }
}

/// Root has no such limit: there another user is put in its place.
#[tokio::test]
async fn without_a_thread_it_says_so() {
    let world = World::new().await;
    let mut command = Command::new("prlimit");
    command.args(["--nproc=0", "--", BINARY]);
    if rustix::process::geteuid().is_root() {
        // Nobody but root may go into the folder of the build.
        let copy = world.home.path().join("butlr-auth");
        std::fs::copy(BINARY, &copy).unwrap();
        std::fs::set_permissions(world.home.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        command = Command::new("setpriv");
        command.args(["--reuid=54321", "--clear-groups", "prlimit", "--nproc=0", "--"]).arg(copy);
    }
    let mut command = world.configured(command, &["token"]);
    command.env_remove("BUTLR_AUTH_CONFIG");
    end(command, "").failed(6, "may not start a thread");
}

#[tokio::test]
async fn a_home_that_is_no_text_is_a_home() {
    let world = World::new().await;
    let home = world.home.path().join(OsStr::from_bytes(b"a\xff\xfeb"));
    std::fs::create_dir(&home).unwrap();
    for arguments in [
        &["--json", "status"][..],
        &["--json", "status", "--all"],
        &["--json", "doctor", "--offline"],
        &["--json", "profile", "list"],
        &["--json", "logout"],
        &["status"],
        &["token"],
    ] {
        let mut command = world.command(arguments);
        command.env("HOME", &home).env_remove("BUTLR_AUTH_CONFIG");
        does_not_panic(&end(command, ""));
    }
    let mut command = world.command(&["--json", "status"]);
    command.env("HOME", &home).env_remove("BUTLR_AUTH_CONFIG");
    let status = end(command, "").succeeded().json();
    assert!(status["configuration"].as_str().unwrap().contains("a\u{fffd}\u{fffd}b/.config"), "{status}");
}

#[tokio::test]
async fn arguments_and_variables_that_are_no_text_are_refused_or_taken_as_paths() {
    let world = World::new().await;
    let odd = OsStr::from_bytes(b"/tmp/\xff\xfe");
    for arguments in [&["token"][..], &["-p", "robot", "--json", "status"], &["completions", "bash"]] {
        for name in [
            "BUTLR_PROFILE",
            "BUTLR_BASE_URL",
            "BUTLR_CLIENT_ID",
            "BUTLR_AUTH_LOG",
            "TERM",
            "LANG",
            "COLUMNS",
            "BUTLR_AUTH_CONFIG",
            "BUTLR_AUTH_STATE_DIR",
            "XDG_STATE_HOME",
            "HTTPS_PROXY",
            "BROWSER",
            "PATH",
        ] {
            let mut command = world.command(arguments);
            command.env(name, odd);
            does_not_panic(&end(command, ""));
        }
    }
    for before in [
        &["-p"][..],
        &["--config"],
        &["--base-url"],
        &["api"],
        &["token", "-o"],
        &["run", "--"],
        &["man"],
        &[],
    ] {
        let mut command = world.command(before);
        command.arg(odd);
        does_not_panic(&end(command, ""));
    }
}

#[tokio::test]
async fn streams_that_take_nothing_end_nothing_by_a_panic() {
    let world = World::new().await;
    for arguments in [
        &["-vv", "-p", "robot", "token"][..],
        &["--json", "-vv", "status"],
        &["--help"],
        &["nonsense"],
        &["--json", "nonsense"],
        &["completions", "bash"],
        &["inspect", "-"],
    ] {
        let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
        let broken = || std::io::pipe().unwrap().1;
        for streams in
            [[Stdio::from(full()), Stdio::from(full())], [Stdio::from(broken()), Stdio::from(broken())]]
        {
            let [stdout, stderr] = streams;
            let mut command = world.command(arguments);
            let ended = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).status().unwrap();
            assert!((0..=8).contains(&ended.code().unwrap()), "{arguments:?}: {ended}");
        }
        let mut shell = Command::new("sh");
        shell.args(["-c", "exec \"$0\" \"$@\" <&- >&- 2>&-", BINARY]);
        let ended = world.configured(shell, arguments).status().unwrap();
        assert!((0..=8).contains(&ended.code().unwrap()), "{arguments:?}: {ended}");
    }
}

#[tokio::test]
async fn a_folder_that_is_gone_is_an_error_where_it_is_needed() {
    let world = World::new().await;
    for arguments in [
        &["--config", "x.toml", "token"][..],
        &["-p", "robot", "token", "-o", "t"],
        &["man", "."],
        &["--config", "x.toml", "profile", "add", "x", "--preset", "butlr"],
    ] {
        let mut shell = Command::new("sh");
        shell.args(["-c", "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" \"$@\"", BINARY]);
        let mut command = world.configured(shell, arguments);
        command.current_dir(world.home.path());
        does_not_panic(&end(command, ""));
    }
}

#[tokio::test]
async fn what_would_fill_the_memory_is_refused() {
    let world = World::new().await;
    for field in [&["--input", "/dev/zero"][..], &["-F", "query=@/dev/zero"]] {
        let arguments: Vec<&str> = ["-p", "robot", "api", "graphql"].iter().chain(field).copied().collect();
        world.run(&arguments).failed(2, "it is longer than 64 MiB");
    }
    world
        .run(&["-p", "robot", "token", "--min-ttl", "18446744073709551615"])
        .failed(2, "a hundred years at most");
    world.run(&["-p", "robot", "--timeout", "876000h", "token", "--min-ttl", "876000h"]).succeeded();
}

#[tokio::test]
async fn a_demo_on_a_port_that_is_taken_names_it() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ended = world.run(&["demo", "--serve", "--port", &port]).failed(6, "Address already in use");
    assert!(ended.stderr.contains(&port) && ended.stderr.contains("leave --port out"), "{}", ended.stderr);
}
