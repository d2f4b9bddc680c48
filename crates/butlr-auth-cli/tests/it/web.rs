//! Logins that the browser brings back by itself. The browser is a script that tells how it was called.

use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::terminal::Terminal;
use crate::world::World;

/// Nothing that these tests wait for takes longer: what does, hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// There is no browser at all.
const NOWHERE: [(&str, &str); 2] = [("PATH", "/nonexistent"), ("BROWSER", "/nonexistent/browser")];

/// What `BROWSER` names: it passes on what it was given, and ends.
pub(crate) struct Browser {
    pub(crate) program: PathBuf,
    calls: Receiver<String>,
}

impl Browser {
    pub(crate) fn new(world: &World) -> Self {
        let pipe = world.home.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let script = format!("#!/bin/sh\n{{ echo $#; echo \"$1\"; env; }} > '{}'\n", pipe.display());
        let program = world.file("browser", &script, 0o700);
        let (called, calls) = channel();
        std::thread::spawn(move || called.send(std::fs::read_to_string(pipe).unwrap()));
        Self { program, calls }
    }

    pub(crate) fn program(&self) -> &str {
        self.program.to_str().unwrap()
    }

    /// Waits for the call, and returns its number of arguments, the first of them, and the environment.
    #[track_caller]
    fn call(&self) -> (usize, String, String) {
        let call = self.calls.recv_timeout(DEADLINE).expect("no browser was opened");
        let mut lines = call.splitn(3, '\n');
        let count = lines.next().unwrap().parse().unwrap();
        (count, lines.next().unwrap().to_owned(), lines.next().unwrap().to_owned())
    }

    /// Waits for the address that it is to open.
    #[track_caller]
    pub(crate) fn address(&self) -> String {
        self.call().1
    }
}

pub(crate) async fn visit(address: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(address).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

// Security: A16, A18.
#[tokio::test]
async fn the_browser_gets_the_address_alone_and_brings_the_code_back() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let variables =
        [("BROWSER", browser.program()), ("THE_SECRET", "canary-1"), ("BUTLR_PASSWORD", "canary-2")];
    let login = world.start_with(&["login", "code", "--web"], &variables);
    let (arguments, address, environment) = browser.call();
    assert_eq!(arguments, 1);
    assert!(address.starts_with(&format!("{}/authorize?", world.server.base_url())), "{address}");
    assert!(!environment.contains("canary"), "{environment}");
    let redirect = world.server.approve(&address).await.unwrap();
    assert!(redirect.starts_with("http://127.0.0.1:"), "{redirect}");
    let (status, page) = visit(&redirect).await;
    assert_eq!(status, 200);
    assert!(page.contains(r#"<main data-shown="done""#), "{page}");
    let ended = login.end().succeeded();
    assert!(ended.stderr.contains("logged in as profile `code`"), "{}", ended.stderr);
    world.run(&["-p", "code", "token"]).succeeded();
    let port: url::Url = redirect.parse().unwrap();
    std::net::TcpStream::connect(port.socket_addrs(|| None).unwrap()[0]).unwrap_err();
}

#[tokio::test]
async fn at_a_terminal_with_a_screen_the_browser_is_the_way() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let variables = [("DISPLAY", ":0"), ("BROWSER", browser.program())];
    let mut terminal = Terminal::start_with(&world, (100, 50), &["login", "code"], &variables);
    let redirect = world.server.approve(&browser.address()).await.unwrap();
    terminal.sees("Log in in your browser.");
    terminal.sees("waiting for you in the browser");
    visit(&redirect).await;
    terminal.end().succeeded();

    for far_away in [&["login", "code", "--no-browser"][..], &["login", "code", "--implicit", "--no-browser"]]
    {
        let mut terminal = Terminal::start_with(&world, (100, 50), far_away, &variables);
        terminal.sees("Paste it here: ");
        terminal.types("\u{3}");
        assert_eq!(terminal.end().code, 130);
    }
}

#[tokio::test]
async fn without_a_browser_the_address_is_opened_by_hand() {
    let world = World::new().await;
    let mut login = world.start_with(&["--json", "login", "code", "--web"], &NOWHERE);
    let address = login.member("url");
    let said = login.member("message");
    assert!(said.contains("no browser could be opened: open the address yourself"), "{said}");
    visit(&world.server.approve(&address).await.unwrap()).await;
    assert_eq!(login.end().succeeded().json()["profile"], "code");
}

// Security: A5, A7.
#[tokio::test]
async fn what_the_browser_brings_back_wrong_ends_the_login() {
    let world = World::new().await;
    for (change, code, said) in [
        (
            &(|redirect: &str| redirect.replace("iss=http", "iss=https")) as &dyn Fn(&str) -> String,
            5,
            "names the issuer `https",
        ),
        (&|redirect: &str| redirect.replace("code=", "code=a&code="), 5, "gives a parameter twice"),
        (&|redirect: &str| redirect.replace("code=", "error=access_denied&was="), 5, "access_denied"),
    ] {
        let mut login = world.start_with(&["login", "code", "--web"], &NOWHERE);
        let address = login.line(|line| line.starts_with("http").then(|| line.trim().to_owned()));
        let redirect = world.server.approve(&address).await.unwrap();
        let (_, page) = visit(&change(&redirect)).await;
        assert!(!page.contains(r#"<main data-shown="done""#), "{page}");
        login.end().failed(code, said);
    }
    assert_eq!(world.server.journal().token_requests(), 0);
}

#[tokio::test]
async fn a_port_that_is_taken_and_a_redirect_elsewhere_say_what_to_do() {
    let world = World::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = format!("http://{}/callback", taken.local_addr().unwrap());
    for (redirect_uri, code, said) in [
        (here.as_str(), 6, "help: end that program, or paste the address yourself: --no-browser"),
        ("http://x.localhost/callback", 3, "help: set `redirect_uri` in the profile to such an address"),
    ] {
        let base = world.server.base_url();
        world.configure(&format!(
            r#"
            version = 1
            [profile.code]
            base_url = "{base}"
            client_id = "cli"
            redirect_uri = "{redirect_uri}"
            [profile.code.endpoints]
            token = "{base}/token"
            authorization = "{base}/authorize"
            "#
        ));
        world.run(&["login", "code", "--web"]).failed(code, said);
    }
}

// Security: A18.
#[tokio::test]
async fn nothing_but_a_web_address_is_opened() {
    let world = World::new().await;
    let marker = world.home.path().join("called");
    let script = format!("#!/bin/sh\ntouch '{}'\n", marker.display());
    let program = world.file("browser", &script, 0o700);
    let variables = [("BROWSER", program.to_str().unwrap())];
    for address in
        ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "--version=1", "calc.exe"]
    {
        world.run_with(&["open", "--", address], &variables, "").failed(2, "");
        world.run_with(&["open", address], &variables, "").failed(2, "");
    }
    assert!(!marker.exists());
}
