//! A person at a terminal: what is asked, what is shown, what is not echoed, and how Ctrl-C ends it.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use butlr_auth::{Clock as _, SystemClock};
use butlr_auth_testkit::AuthorizationServer;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::world::{Ended, World};

/// Nothing that these tests wait for takes longer: what does, hangs.
const DEADLINE: Duration = Duration::from_secs(30);

const CTRL_C: &str = "\x03";

/// The program at a terminal of its own: stdin and stderr are the terminal, stdout is caught.
pub(crate) struct Terminal {
    child: Child,
    keyboard: std::fs::File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Terminal {
    pub(crate) fn start(world: &World, (columns, rows): (u16, u16), arguments: &[&str]) -> Self {
        Self::start_with(world, (columns, rows), arguments, &[])
    }

    pub(crate) fn start_with(
        world: &World,
        (ws_col, ws_row): (u16, u16),
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = std::fs::OpenOptions::new().read(true).write(true).open(name).unwrap();
        tcsetwinsize(&theirs, Winsize { ws_row, ws_col, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let mut command = world.command_in_session(true, arguments);
        command.stdin(theirs.try_clone().unwrap()).stderr(theirs).stdout(Stdio::piped());
        command.env("TERM", "xterm-256color").env("LANG", "C.UTF-8").envs(variables.iter().copied());
        let child = command.spawn().unwrap();
        // The command keeps a copy of the terminal's end, which would keep it open.
        drop(command);
        let keyboard = std::fs::File::from(ours);
        let mut screen = keyboard.try_clone().unwrap();
        let (shown, seen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The end of the program is an error here, as terminals have it.
            while let Ok(length @ 1..) = screen.read(&mut buffer) {
                if shown.send(buffer.get(..length).unwrap_or_default().to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen: seen, seen: String::new() }
    }

    /// Waits until this is on the screen.
    #[track_caller]
    pub(crate) fn sees(&mut self, text: &str) {
        while !self.seen.contains(text) {
            self.look().unwrap_or_else(|| panic!("`{text}` never came: {}", self.seen));
        }
    }

    pub(crate) fn seen(&self) -> &str {
        &self.seen
    }

    /// Waits until there is more on the screen.
    #[track_caller]
    pub(crate) fn looks(&mut self) {
        self.look().unwrap_or_else(|| panic!("nothing more came: {}", self.seen));
    }

    fn look(&mut self) -> Option<()> {
        let bytes = self.screen.recv_timeout(DEADLINE).ok()?;
        self.seen.push_str(&String::from_utf8_lossy(&bytes));
        Some(())
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until each key goes to the program at once.
    fn is_raw_at_last(&self) {
        let clock = SystemClock::new();
        let began = clock.boot();
        while tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ICANON) {
            assert!(clock.boot() - began < DEADLINE, "nothing reads the terminal: {}", self.seen);
            std::thread::yield_now();
        }
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.keyboard).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits for the end, which has to come. What was written just before Ctrl-C or just after it may not be seen:
    /// the key throws away what the terminal has not shown yet.
    #[track_caller]
    pub(crate) fn end(&mut self) -> Ended {
        loop {
            match self.screen.recv_timeout(DEADLINE) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    self.child.kill().unwrap();
                    panic!("it hangs: {}", self.seen);
                }
            }
        }
        let mut stdout = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        let code = self.child.wait().unwrap().code().unwrap_or(-1);
        Ended { code, stdout, stderr: std::mem::take(&mut self.seen) }
    }
}

const USUAL: (u16, u16) = (100, 50);

// Security: H7.
#[tokio::test]
async fn a_password_is_asked_for_without_echo() {
    let world = World::new().await;
    let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
    terminal.sees("Password of ada@example.com: ");
    assert!(!terminal.echoes());
    terminal.types(&format!("{}\n", world.password()));
    terminal.sees("logged in as profile `me`");
    assert!(terminal.echoes());
    let ended = terminal.end().succeeded();
    assert_eq!(ended.stdout, "");
    assert!(!ended.stderr.contains(world.password()), "the password was shown");
    world.run(&["-p", "me", "token"]).succeeded();
}

#[tokio::test]
async fn a_user_name_is_asked_for_where_none_is_configured() {
    let world = World::new().await;
    world.configure("");
    let base = [("BUTLR_BASE_URL", world.server.base_url())];
    let mut terminal = Terminal::start_with(&world, USUAL, &["login"], &base);
    terminal.sees("User name: ");
    terminal.types("ada@example.com\n");
    terminal.sees("Password of ada@example.com: ");
    terminal.types(&format!("{}\n", world.password()));
    terminal.end().succeeded();
    world.run_with(&["token"], &base, "").succeeded();
}

#[tokio::test]
async fn an_empty_name_is_asked_for_again_and_the_end_of_input_is_none() {
    let world = World::new().await;
    world.configure("");
    let base = [("BUTLR_BASE_URL", world.server.base_url())];
    let mut terminal = Terminal::start_with(&world, USUAL, &["login"], &base);
    terminal.sees("User name: ");
    terminal.types("\n");
    terminal.types("  \n");
    terminal.types("ada@example.com\n");
    terminal.sees("Password of ada@example.com: ");
    terminal.types(&format!("{}\n", world.password()));
    terminal.end().succeeded();
    let mut terminal = Terminal::start_with(&world, USUAL, &["login"], &base);
    terminal.sees("User name: ");
    terminal.types("\x04");
    terminal.end().failed(4, "no answer came");
}

#[tokio::test]
async fn a_wrong_password_may_be_typed_again_three_times_in_all() {
    let world = World::new().await;
    let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
    for password in ["wrong", "wrong again", world.password()] {
        terminal.sees("Password of ada@example.com: ");
        terminal.seen.clear();
        terminal.is_raw_at_last();
        terminal.types(&format!("{password}\n"));
    }
    terminal.end().succeeded();
    assert_eq!(world.server.journal().token_requests(), 3);
    let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
    for _ in 0..3 {
        terminal.sees("Password of ada@example.com: ");
        terminal.seen.clear();
        terminal.is_raw_at_last();
        terminal.types("wrong\n");
    }
    terminal.end().failed(5, "error: ");
    assert_eq!(world.server.journal().token_requests(), 6);
}

#[tokio::test]
async fn what_says_nothing_of_a_password_is_not_tried_again() {
    use butlr_auth_testkit::{Endpoint, Fault};
    let world = World::new().await;
    let json =
        |status: u16, body: &str| Fault::status(status).header("Content-Type", "application/json").body(body);
    for (answer, code) in [
        (json(429, r#"{"error":"invalid_grant"}"#), 6),
        (json(429, r#"{"error":"too_many_attempts"}"#), 6),
        (json(503, ""), 6),
        (json(400, r#"{"error":"invalid_request"}"#), 5),
        (json(400, r#"{"error":"invalid_scope"}"#), 5),
    ] {
        world.server.clear_faults();
        world.server.inject(answer.times(1).on(Endpoint::ButlrLogin));
        let before = world.server.journal().token_requests();
        let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
        terminal.sees("Password of ada@example.com: ");
        terminal.is_raw_at_last();
        terminal.types("wrong\n");
        let ended = terminal.end();
        assert!(ended.code == code || ended.code == 5, "{}: {}", ended.code, ended.stderr);
        assert_eq!(ended.stderr.matches("Password of").count(), 1, "{}", ended.stderr);
        assert!(world.server.journal().token_requests() <= before + 1);
    }
}

// Security: M6.
#[tokio::test]
async fn ctrl_c_at_a_question_is_130_and_the_terminal_is_as_it_was() {
    let world = World::new().await;
    let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
    terminal.sees("Password of");
    terminal.types(CTRL_C);
    terminal.end().failed(130, "");
    assert!(terminal.echoes(), "the terminal shows nothing that is typed");
    assert_eq!(world.server.journal().token_requests(), 0);
    // A little later the terminal sends no signal any more, and the key itself arrives.
    let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
    terminal.sees("Password of");
    terminal.is_raw_at_last();
    terminal.types(CTRL_C);
    terminal.end().failed(130, "interrupted");
    let mut terminal = Terminal::start(&world, USUAL, &["login", "me"]);
    terminal.sees("Password of");
    terminal.is_raw_at_last();
    terminal.types("\x04");
    terminal.end().failed(4, "could not read an answer");
}

#[tokio::test]
async fn no_input_asks_nothing_on_a_terminal_either() {
    let world = World::new().await;
    Terminal::start(&world, USUAL, &["--no-input", "login", "me"])
        .end()
        .failed(4, "--no-input forbids to ask");
}

/// A world whose profile `dev` logs in on another device.
async fn device() -> World {
    let server = AuthorizationServer::builder().device_poll_interval(Duration::from_secs(1));
    let world = World::with(server).await;
    let (base, issuer) = (world.server.base_url(), world.server.issuer());
    let public = &world.server.public_client().id;
    world.configure(&format!(
        "[profile.dev]\nbase_url = \"{base}\"\nissuer = \"{issuer}\"\ngrant = \"device_code\"\nclient_id = \"{public}\"\n"
    ));
    world
}

#[tokio::test]
async fn a_phone_can_read_the_picture_of_the_address_and_the_wait_moves() {
    let world = device().await;
    let mut terminal = Terminal::start(&world, USUAL, &["login", "dev"]);
    terminal.sees("and enter ");
    terminal.sees("the code is good for ");
    terminal.sees("waiting for you; Ctrl-C ends it");
    let seen = terminal.seen.clone();
    let code: String =
        seen.split_once("and enter ").unwrap().1.chars().take_while(|c| !c.is_control()).collect();
    assert!(seen.contains('█') && seen.contains('▀'), "no picture: {seen}");
    world.server.approve_device(code.trim()).await.unwrap();
    let ended = terminal.end().succeeded();
    // The line that moved is gone.
    assert!(ended.stderr.contains("\r\x1b[2Klogged in as profile `dev`"), "{}", ended.stderr);
}

#[tokio::test]
async fn where_a_picture_does_not_fit_there_is_none() {
    let world = device().await;
    for (size, locale, quiet) in [
        ((30, 50), "C.UTF-8", false),
        ((100, 10), "C.UTF-8", false),
        (USUAL, "C", false),
        (USUAL, "C.UTF-8", true),
    ] {
        let mut arguments = vec!["login", "dev"];
        arguments.extend(quiet.then_some("--quiet"));
        let mut terminal = Terminal::start_with(&world, size, &arguments, &[("LANG", locale)]);
        terminal.sees("and enter ");
        if !quiet {
            terminal.sees("the code is good for ");
        }
        assert!(!terminal.seen.contains('█'), "{}", terminal.seen);
        terminal.types(CTRL_C);
        terminal.end().failed(130, "");
    }
}

#[tokio::test]
async fn errors_are_coloured_on_a_terminal_unless_the_environment_says_no() {
    let world = World::new().await;
    let token = ["-p", "me", "token"];
    let coloured = Terminal::start(&world, USUAL, &token).end().failed(4, "nobody has logged in");
    assert!(coloured.stderr.contains("\x1b["), "{}", coloured.stderr);
    for variables in [[("NO_COLOR", "1")], [("TERM", "dumb")]] {
        let plain = Terminal::start_with(&world, USUAL, &token, &variables).end();
        assert!(!plain.failed(4, "nobody has logged in").stderr.contains('\x1b'));
    }
}
