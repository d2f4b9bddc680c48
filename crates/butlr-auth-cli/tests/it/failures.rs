//! One table over all commands: each way to fail has its exit code, leaves stdout empty and ends by itself, in a pipe,
//! without any terminal, and at a terminal where nobody types.

use std::net::TcpListener;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::terminal::Terminal;
use crate::world::{Ended, World};

/// Nothing in the table takes longer: what does, hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seat {
    Pipe,
    NoTerminal,
    Terminal,
}

const TRUE: [&str; 3] = ["run", "--", "true"];

/// The commands that need a token, and so fail in every way in which getting one fails.
const NEED_A_TOKEN: [&[&str]; 9] = [
    &["token"],
    &["token", "--force-refresh"],
    &["token", "-o", "/dev/null/none", "--watch"],
    &TRUE,
    &["api", "graphql", "-f", "query={a}"],
    &["client", "list"],
    &["client", "show", "x"],
    &["client", "create", "x"],
    &["client", "delete", "x"],
];

/// The commands that look at a session.
const NEED_A_STORE: [&[&str]; 4] = [&["status"], &["logout"], &["inspect"], &["login"]];

/// A world with a profile for each way to fail, and the address that never answers.
async fn world() -> (World, TcpListener) {
    let world = World::new().await;
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (base, id) = (world.server.base_url(), &world.server.client().id);
    let robot = |name: &str, base: &str, secret: &str| {
        format!(
            "[profile.{name}]\npreset = \"butlr\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\nclient_secret = {{ file = \"{secret}\" }}\n"
        )
    };
    world.file("wrong", "not-the-secret", 0o600);
    world.configure(
        &[
            format!(
                "[profile.me]\npreset = \"butlr\"\nbase_url = \"{base}\"\nusername = \"ada@example.com\"\n"
            ),
            robot("robot", base, "secret"),
            robot("refused", base, "wrong"),
            robot("gone", "http://127.254.254.254:9", "secret"),
            robot("silent", &format!("http://{}", silent.local_addr().unwrap()), "secret"),
            robot("unsafe", base, "open"),
        ]
        .concat(),
    );
    world.file("open", "x", 0o644);
    (world, silent)
}

impl World {
    /// Runs it in a seat; whatever hangs is killed and is a failure.
    fn run_at(&self, seat: Seat, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = match seat {
            Seat::Terminal => {
                let mut terminal = Terminal::start_with(self, (100, 50), arguments, variables);
                if arguments.contains(&"helper") {
                    // Its caller says something and ends; a person who tries it out ends it with Ctrl-D.
                    terminal.types("\x04");
                }
                return terminal.end();
            }
            Seat::Pipe => self.command(arguments),
            Seat::NoTerminal => self.command_in_session(false, arguments),
        };
        command.envs(variables.iter().copied());
        if seat == Seat::NoTerminal {
            command.stdin(Stdio::null());
        }
        let mut child = command.spawn().unwrap();
        drop(child.stdin.take());
        let pid = rustix::process::Pid::from_child(&child);
        let (ended, end) = channel();
        std::thread::spawn(move || ended.send(child.wait_with_output()));
        let Ok(output) = end.recv_timeout(DEADLINE) else {
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            panic!("it hangs ({seat:?}): {arguments:?}");
        };
        let output = output.unwrap();
        Ended {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Fails with this code in every seat, as text and as a document.
    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str], variables: &[(&str, &str)]) {
        for seat in [Seat::Pipe, Seat::NoTerminal, Seat::Terminal] {
            let ended = self.run_at(seat, arguments, variables);
            let shown = format!("{seat:?} {arguments:?}: {} {:?}", ended.stderr, ended.stdout);
            assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{shown}");
            assert!(ended.stderr.contains("error:"), "{shown}");
            let document: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
            let ended = self.run_at(seat, &document, variables);
            let shown = format!("{seat:?} {document:?}: {} {:?}", ended.stderr, ended.stdout);
            assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{shown}");
            let last = ended.stderr.lines().last().unwrap_or_default();
            let error: serde_json::Value = serde_json::from_str(last).expect(&shown);
            assert_eq!(error.get("exit"), Some(&code.into()), "{shown}");
            assert!(error.get("kind").is_some() && error.get("message").is_some(), "{shown}");
            for line in ended.stderr.lines() {
                assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{shown}");
            }
        }
    }
}

fn of<'a>(profile: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    ["--no-input", "--timeout", "1s", "-p", profile].iter().chain(command).copied().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_arguments_are_2() {
    let (world, _silent) = world().await;
    let commands: [&[&str]; 22] = [
        &["login"],
        &["token"],
        &["run"],
        &["api"],
        &["status"],
        &["logout"],
        &["client"],
        &["client", "list"],
        &["client", "create"],
        &["profile"],
        &["profile", "list"],
        &["profile", "add"],
        &["profile", "show"],
        &["inspect"],
        &["doctor"],
        &["demo"],
        &["helper"],
        &["helper", "git"],
        &["helper", "docker"],
        &["completions"],
        &["man"],
        &["whoami"],
    ];
    for command in commands {
        world.fails(2, &[command, &["--frobnicate"]].concat(), &[]);
    }
    let more: [&[&str]; 14] = [
        &["frobnicate"],
        &["--timeout", "0s", "token"],
        &["--color", "blue", "token"],
        &["-p", "one", "login", "two"],
        &["token", "--watch"],
        &["token", "--force-refresh", "--offline"],
        &["token", "-f", "xml"],
        &["run"],
        &["inspect", "a.b.c"],
        &["man"],
        &["completions", "tcsh"],
        &["demo"],
        &["login", "--device", "--implicit"],
        &["login", "me", "--store", "cloud"],
    ];
    for arguments in more {
        world.fails(2, arguments, &[]);
    }
    for arguments in [
        &["api", "/x", "-f", "nothing"][..],
        &["api", "/x", "-H", "nothing"],
        &["api", "https://evil.example/x"],
    ] {
        world.fails(2, &of("robot", arguments), &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_3() {
    let (world, _silent) = world().await;
    let commands: [&[&str]; 8] = [
        &["profile", "list"],
        &["profile", "show", "x"],
        &["profile", "use", "x"],
        &["profile", "remove", "x"],
        &["helper", "git", "get"],
        &["helper", "docker", "get"],
        &["status", "--all"],
        &["logout", "--all"],
    ];
    let bad = world.file("bad.toml", "[profile.me]\nprest = 1\n", 0o600);
    for command in NEED_A_TOKEN.into_iter().chain(NEED_A_STORE).chain(commands) {
        world.fails(3, &[&["--config", bad.to_str().unwrap()], command].concat(), &[]);
    }
    for command in NEED_A_TOKEN {
        world.fails(3, &of("nobody", command), &[]);
        world.fails(3, &of("unsafe", command), &[]);
    }
    world.fails(3, &["demo", "--serve", "--config-out", bad.to_str().unwrap()], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_login_it_is_4() {
    let (world, _silent) = world().await;
    let commands: [&[&str]; 5] = [
        &["token", "--offline"],
        &["status", "--check"],
        &["inspect"],
        &["login"],
        &["login", "--user-password"],
    ];
    for command in NEED_A_TOKEN.into_iter().chain(commands) {
        world.fails(4, &of("me", command), &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_server_refuses_is_5() {
    let (world, _silent) = world().await;
    for command in NEED_A_TOKEN.into_iter().chain([&["login"][..]]) {
        world.fails(5, &of("refused", command), &[]);
    }
    let wrong = [("BUTLR_PASSWORD", "wrong")];
    world.fails(5, &of("me", &["login"]), &wrong);
    assert!(world.server.journal().token_requests() > 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_or_says_nothing_is_6() {
    let (world, _silent) = world().await;
    for command in NEED_A_TOKEN.into_iter().chain([&["login"][..]]) {
        world.fails(6, &of("gone", command), &[]);
    }
    for command in [&["token"][..], &TRUE, &["api", "graphql", "-f", "query={a}"], &["login"]] {
        world.fails(6, &of("silent", command), &[]);
    }
    world.fails(6, &of("robot", &["token", "--offline"]), &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_takes_nothing_is_7() {
    let (world, _silent) = world().await;
    // Root writes everywhere but where the kernel itself says what is there.
    let nowhere = [("BUTLR_AUTH_STATE_DIR", "/proc/state")];
    for command in NEED_A_TOKEN.into_iter().chain(NEED_A_STORE) {
        world.fails(7, &of("me", command), &nowhere);
    }
    let ended = world.run_at(Seat::Pipe, &of("me", &["token"]), &nowhere);
    assert!(
        ended.stderr.contains("/proc/state") && ended.stderr.contains("choose another"),
        "{}",
        ended.stderr
    );
    world.fails(7, &of("robot", &["token", "-o", "/proc/token"]), &[]);
    world.fails(7, &["man", "/proc/man"], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_be_run_is_126_or_127() {
    let (world, _silent) = world().await;
    let plain = world.file("plain", "no program", 0o644);
    world.fails(126, &of("robot", &["run", plain.to_str().unwrap()]), &[]);
    world.fails(127, &of("robot", &["run", "/nowhere/command"]), &[]);
}

/// The three commands that have something to say on stdout when they fail: it is what they were asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_api_a_report_and_dockers_word_are_on_stdout() {
    let (world, _silent) = world().await;
    for seat in [Seat::Pipe, Seat::NoTerminal, Seat::Terminal] {
        let ended = world.run_at(seat, &of("robot", &["api", "/api/v1/client/none"]), &[]);
        assert_eq!(ended.code, 8, "{}", ended.stderr);
        assert_ne!(ended.stdout, "");
        let ended = world.run_at(seat, &of("me", &["doctor"]), &[]);
        assert_eq!((ended.code, ended.stdout.contains("FAIL  session")), (4, true), "{}", ended.stdout);
    }
    let ended = world.run_with(&of("robot", &["helper", "docker", "get"]), &[], "registry.example.com");
    assert_eq!((ended.code, ended.stdout.as_str()), (1, "credentials not found in native keychain\n"));
}

/// What nobody takes is a failure, and nothing is taken for written.
#[tokio::test(flavor = "multi_thread")]
async fn a_stdout_that_is_full_or_closed_is_1() {
    let (world, _silent) = world().await;
    for command in [
        &["token"][..],
        &["status"],
        &["api", "graphql", "-f", "query={ sites { data { id } } }"],
        &["completions", "bash"],
        &["profile", "list"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = world.command(&of("robot", command)).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        assert!(said.contains("could not write to stdout"), "{command:?}: {said}");
    }
}
