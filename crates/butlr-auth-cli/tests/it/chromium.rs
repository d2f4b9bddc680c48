//! Logins as a person does them: a real browser, the real pages, typing and clicks.
//!
//! With `BUTLR_AUTH_SCREENSHOTS` in the environment, what the person sees is kept in that folder.

use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use butlr_auth_testkit::servers::{ChromeDriver, or_skip};
use thirtyfour::prelude::*;

use crate::web::Browser;
use crate::world::{Started, World};

/// Nothing that these tests wait for takes longer: what does, hangs.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often a page is asked whether it has changed.
const POLL: Duration = Duration::from_millis(50);

/// A person who has a browser.
struct Person {
    driver: WebDriver,
    // Dropped last: the browser's commands go through it.
    _chrome: ChromeDriver,
}

impl Person {
    /// Nobody, after saying so, where the browser is not installed.
    async fn new() -> Option<Self> {
        let chrome = or_skip(ChromeDriver::start())?;
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in chrome.arguments() {
            capabilities.add_arg(&argument).unwrap();
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let driver = WebDriver::builder(chrome.url(), capabilities).client(client).await.unwrap();
        driver.set_window_rect(0, 0, 900, 760).await.unwrap();
        Some(Self { driver, _chrome: chrome })
    }

    async fn types(&self, field: &str, text: &str) {
        let field = self.driver.find(By::Name(field)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    async fn clicks(&self, decision: &str) {
        let button = By::Css(format!("button[name=decision][value={decision}]"));
        self.driver.find(button).await.unwrap().click().await.unwrap();
    }

    /// Waits until this is to be seen, and returns its text.
    async fn sees(&self, css: &str) -> String {
        let wanted = self.driver.query(By::Css(css)).and_displayed().wait(DEADLINE, POLL).first().await;
        wanted.unwrap_or_else(|error| panic!("`{css}` never came: {error}")).text().await.unwrap()
    }

    /// Logs in on the server's page and allows what it asks.
    async fn logs_in(&self, world: &World, address: &str) {
        self.driver.goto(address).await.unwrap();
        self.types("username", "ada@example.com").await;
        self.types("password", world.password()).await;
        self.clicks("allow").await;
    }

    /// What came with the address is out of it, and nowhere on the page.
    async fn finds_nothing_secret(&self) {
        let address = self.driver.current_url().await.unwrap();
        assert_eq!((address.path(), address.query(), address.fragment()), ("/callback", None, None));
        let page = self.driver.source().await.unwrap();
        assert!(!page.contains("state=") && !page.contains("code=") && !page.contains("eyJ"), "{page}");
    }

    async fn looks(&self, name: &str) {
        let Some(folder) = std::env::var_os("BUTLR_AUTH_SCREENSHOTS") else { return };
        let picture = PathBuf::from(folder).join(format!("{name}.png"));
        self.driver.screenshot(&picture).await.unwrap();
    }

    async fn leaves(self) {
        self.driver.quit().await.unwrap();
    }
}

/// A login that waits for the browser, and the address that it opened.
fn login(world: &World, arguments: &[&str]) -> (Started, String) {
    let browser = Browser::new(world);
    let login = world.start_with(arguments, &[("BROWSER", browser.program())]);
    let address = browser.address();
    (login, address)
}

#[tokio::test]
async fn a_person_logs_in_and_the_session_works() {
    let Some(person) = Person::new().await else { return };
    let world = World::new().await;
    let (login, address) = login(&world, &["login", "code", "--web"]);
    person.driver.goto(&address).await.unwrap();
    person.looks("login").await;
    person.types("username", "ada@example.com").await;
    person.types("password", "wrong").await;
    person.clicks("allow").await;
    assert!(person.sees("[role=alert]").await.contains("do not belong together"));
    person.looks("wrong-password").await;
    person.types("password", world.password()).await;
    person.clicks("allow").await;
    let done = person.sees("section.done").await;
    assert!(done.contains("You can close this page."), "{done}");
    person.looks("done").await;
    person.finds_nothing_secret().await;
    login.end().succeeded();
    world.run(&["-p", "code", "token"]).succeeded();
    let status = world.run(&["-p", "code", "status", "--json"]).succeeded().json();
    assert_eq!((&status["logged_in"], &status["renewable"]), (&true.into(), &true.into()));
    person.leaves().await;
}

// Security: A12.
#[tokio::test]
async fn an_implicit_token_is_handed_over_by_the_page() {
    let Some(person) = Person::new().await else { return };
    let world = World::new().await;
    let (login, address) = login(&world, &["login", "code", "--implicit", "--web"]);
    person.logs_in(&world, &address).await;
    person.sees("section.done").await;
    person.finds_nothing_secret().await;
    login.end().succeeded();
    world.run(&["-p", "code", "token"]).succeeded();
    assert_eq!(world.server.journal().token_requests(), 0);
    person.leaves().await;
}

// Security: A5.
#[tokio::test]
async fn a_person_says_no() {
    let Some(person) = Person::new().await else { return };
    for flow in [&["login", "code", "--web"][..], &["login", "code", "--implicit", "--web"]] {
        let world = World::new().await;
        let (login, address) = login(&world, flow);
        person.driver.goto(&address).await.unwrap();
        person.clicks("deny").await;
        person.sees("section.refused").await;
        person.looks("refused").await;
        person.finds_nothing_secret().await;
        login.end().failed(5, "access_denied");
        world.run(&["-p", "code", "token"]).failed(4, "butlr-auth login code");
    }
    person.leaves().await;
}

// Security: A4, A6, A7.
#[tokio::test]
async fn an_answer_that_was_tampered_with_is_not_taken() {
    let Some(person) = Person::new().await else { return };
    let code = &["login", "code", "--web"][..];
    let implicit = &["login", "code", "--implicit", "--web"][..];
    for (flow, from, to, said) in [
        (code, "iss=http", "iss=https", "names the issuer `https"),
        (code, "code=", "code=canary&code=", "gives a parameter twice"),
        (code, "state=", "state=canary&state=", "gives a parameter twice"),
        (implicit, "iss=http", "iss=https", "names the issuer `https"),
        (implicit, "access_token=", "access_token=canary&access_token=", "gives a parameter twice"),
        (implicit, "#", "#refresh_token=canary&", "which the implicit grant forbids"),
    ] {
        let world = World::new().await;
        let (login, address) = login(&world, flow);
        let redirect = world.server.approve(&address).await.unwrap();
        let changed = redirect.replace(from, to);
        assert_ne!(redirect, changed);
        person.driver.goto(&changed).await.unwrap();
        person.sees("section.invalid").await;
        person.looks("invalid").await;
        person.finds_nothing_secret().await;
        let ended = login.end().failed(5, said);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        assert_eq!(world.server.journal().token_requests(), 0);
    }
    person.leaves().await;
}

// Security: A4, A17.
#[tokio::test]
async fn an_attempt_survives_strays_of_every_kind() {
    let Some(person) = Person::new().await else { return };
    for flow in [&["login", "code", "--web"][..], &["login", "code", "--implicit", "--web"]] {
        let world = World::new().await;
        let (login, address) = login(&world, flow);
        let redirect = world.server.approve(&address).await.unwrap();
        let listener = redirect.parse::<url::Url>().unwrap();
        let strays: Vec<TcpStream> = (0..50)
            .map(|stray| {
                let mut stream = TcpStream::connect(listener.socket_addrs(|| None).unwrap()[0]).unwrap();
                // Some say nothing, and some begin a request that they never end.
                let begun = if stray % 2 == 0 { "" } else { "GET /callback?code=canary" };
                stream.write_all(begun.as_bytes()).unwrap();
                stream
            })
            .collect();
        let forged = redirect.replace("state=", "state=forged");
        person.driver.goto(&forged).await.unwrap();
        person.sees("section.stray").await;
        person.looks("stray").await;
        person.finds_nothing_secret().await;
        // A page elsewhere that even knows the answer cannot end the attempt, nor read what it is told.
        person.driver.goto("data:text/html,<title>elsewhere</title>").await.unwrap();
        let read = r"
            const [redirect, done] = arguments;
            const image = new Image();
            const loaded = new Promise((told) => { image.onload = image.onerror = told; });
            image.src = redirect;
            const asked = ['cors', 'no-cors'].map((mode) => fetch(redirect, { mode }).then((answer) => answer.text()));
            const posted = fetch(redirect, { method: 'POST', mode: 'no-cors', body: new URL(redirect).hash });
            Promise.allSettled([loaded, posted, ...asked]).then((ended) => {
                done(ended.map((one) => typeof one.value === 'string' ? one.value : '').join(''));
            });";
        let told = person.driver.execute_async(read, vec![redirect.clone().into()]).await.unwrap();
        assert_eq!(told.convert::<String>().unwrap(), "");
        person.driver.goto(&redirect).await.unwrap();
        person.sees("section.done").await;
        login.end().succeeded();
        world.run(&["-p", "code", "token"]).succeeded();
        drop(strays);
    }
    person.leaves().await;
}
