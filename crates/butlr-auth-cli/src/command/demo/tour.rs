//! `demo --script`: every flow, by this very program against the embedded servers, with the facts it proved.

mod expiry;
mod flows;

use std::io::IsTerminal as _;
use std::time::Duration;

use anyhow::Result;
use butlr_auth_testkit::AuthorizationServer;

use super::child::{Ended, Run, Sandbox};
use super::profiles;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// How long the tokens live that are to be seen ending.
const SHORT: Duration = Duration::from_secs(2);

/// A query that any token with Butlr's read scopes may ask.
const QUERY: &str = "query={ sites { data { id name } } }";

/// The servers and the sandbox of the tour.
#[derive(Debug)]
struct Stage {
    /// Its tokens outlive the tour.
    server: AuthorizationServer,
    /// Its tokens end within it.
    short: AuthorizationServer,
    /// Gives tokens for Butlr's API only to requests that name its audience, as behind the dashboard.
    strict: AuthorizationServer,
    sandbox: Sandbox,
}

pub(super) async fn run(context: &Context) -> Result<Exit, Failure> {
    let stage = Stage::new().await.map_err(|error| Failure::unexpected(format!("{error:#}")))?;
    let mut tour = Tour { output: context.output.clone(), failed: 0, passed: 0 };
    tour.step("Butlr: password", flows::butlr_password(&stage).await)?;
    tour.step("Butlr: client credentials", flows::butlr_client_credentials(&stage).await)?;
    tour.step("Butlr: dashboard", flows::butlr_dashboard(&stage).await)?;
    tour.step("authorization code", flows::authorization_code(&stage).await)?;
    tour.step("implicit", flows::implicit(&stage).await)?;
    tour.step("JSON bodies", flows::generic(&stage, "json").await)?;
    tour.step("form bodies", flows::generic(&stage, "form").await)?;
    tour.step("minted credentials", flows::minted_credentials(&stage).await)?;

    tour.step("short-lived logins", expiry::log_in(&stage).await)?;
    context.output.note("  … waiting 2 s: these tokens really end");
    // Sleeps because the tokens of the second server have to end on the real clock of the processes that hold them.
    tokio::time::sleep(SHORT + Duration::from_millis(200)).await;
    tour.step("ended, no refresh endpoint", expiry::without_refresh_endpoint(&stage).await)?;
    tour.step("ended, refresh endpoint", expiry::with_refresh_endpoint(&stage).await)?;
    tour.step("ended, client credentials", expiry::client_credentials(&stage).await)?;
    tour.step("the servers' judgement", expiry::judged(&stage))?;
    tour.step("revoked refresh token", expiry::revoked(&stage).await)?;
    tour.end(stage).await
}

impl Stage {
    async fn new() -> Result<Self> {
        let server = AuthorizationServer::start().await?;
        let short = AuthorizationServer::builder().access_token_lifetime(SHORT).start().await?;
        let strict =
            AuthorizationServer::builder().default_audience("https://dashboard.example/").start().await?;
        let sandbox = Sandbox::new()?;
        for (name, server) in [("server", &server), ("short", &short), ("strict", &strict)] {
            profiles::write(server, &sandbox.path(&format!("{name}.toml"))).map_err(anyhow::Error::msg)?;
        }
        Ok(Self { server, short, strict, sandbox })
    }

    /// Runs this program with the profiles of one of the servers.
    async fn run(&self, configuration: &str, arguments: &[&str]) -> Result<Ended> {
        let file = format!("{configuration}.toml");
        let run = Run { arguments, configuration: Some(&file), state: configuration, ..Run::default() };
        self.sandbox.run(&run).await
    }

    /// Logs a profile in with the sample user's password, from stdin.
    async fn log_in(&self, configuration: &str, profile: &str) -> Result<Ended> {
        let file = format!("{configuration}.toml");
        let run = Run {
            arguments: &["login", profile, "--secret-stdin"],
            configuration: Some(&file),
            state: configuration,
            stdin: &self.server.user().password,
            ..Run::default()
        };
        self.sandbox.run(&run).await?.succeeded()
    }

    /// Logs a profile in through the login page.
    async fn log_in_by_page(
        &self,
        configuration: &str,
        profile: &str,
        server: &AuthorizationServer,
    ) -> Result<Ended> {
        let file = format!("{configuration}.toml");
        let run = Run {
            arguments: &["login", profile],
            configuration: Some(&file),
            state: configuration,
            ..Run::default()
        };
        self.sandbox.run_with_browser(&run, server).await?.succeeded()
    }
}

/// Prints what each step proved.
struct Tour {
    output: Output,
    passed: usize,
    failed: usize,
}

impl Tour {
    fn step(&mut self, title: &str, proved: Result<String>) -> Result<(), Failure> {
        let colored = std::io::stdout().is_terminal() && self.output.color() != anstream::ColorChoice::Never;
        let (mark, color, fact) = match proved {
            Ok(fact) => {
                self.passed += 1;
                ("✓", "\u{1b}[32m", fact)
            }
            Err(error) => {
                self.failed += 1;
                ("✗", "\u{1b}[31m", format!("{error:#}"))
            }
        };
        let (color, plain) = if colored { (color, "\u{1b}[0m") } else { ("", "") };
        let fact = butlr_auth::core::text::escape(&fact, crate::failure::LONGEST);
        self.output.result(format!("{color}{mark}{plain} {title:<27} {fact}\n").as_bytes())
    }

    async fn end(self, stage: Stage) -> Result<Exit, Failure> {
        let Stage { server, short, strict, sandbox } = stage;
        for server in [server, short, strict] {
            server.shutdown().await;
        }
        drop(sandbox);
        if self.failed > 0 {
            return Err(Failure::unexpected(format!(
                "{} of {} steps failed",
                self.failed,
                self.passed + self.failed
            )));
        }
        self.output.line(&format!("all {} steps proved", self.passed))?;
        Ok(Exit::Done)
    }
}
