//! W6: the first token of a process.

use std::future::Future;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use butlr_auth_cache::{FileStore, MemoryStore, Session};
use butlr_auth_core::{ClientSecret, Grant, Provider};
use butlr_auth_http::HttpTokenEndpoint;
use butlr_auth_testkit::AuthorizationServer;
use tokio::runtime::Runtime;

use super::figure::{Report, Unit};
use super::issuer::Issuer;
use super::measure::Samples;
use crate::workspace::Workspace;

const WARM_ROUNDS: usize = 300;
const COLD_ROUNDS: usize = 40;
const STORE_ROUNDS: usize = 200;
const PROCESS_ROUNDS: usize = 60;

pub(super) fn run(workspace: &Workspace, report: &mut Report) -> Result<()> {
    report.begin("W6", "the first token of a process");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = runtime.block_on(AuthorizationServer::start())?;
    let bench = Bench { runtime: &runtime, server: &server };
    bench.over_a_warm_client(report)?;
    bench.over_a_new_client(report)?;
    bench.over_a_filled_store(report)?;
    bench.as_a_command(workspace, report)?;
    runtime.block_on(server.shutdown());
    Ok(())
}

struct Bench<'a> {
    runtime: &'a Runtime,
    server: &'a AuthorizationServer,
}

impl Bench<'_> {
    fn block<T>(&self, future: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(future)
    }

    fn endpoint(&self) -> Result<HttpTokenEndpoint> {
        let provider = Provider::butlr_at(&self.server.base_url().parse()?);
        let client = self.server.client();
        let secret = ClientSecret::new(client.secret.clone())?;
        Ok(HttpTokenEndpoint::builder(provider).client_secret(client.id.clone(), secret).build()?)
    }

    /// What a hand-written client does: the same request, and the answer parsed.
    async fn post(&self, client: &reqwest::Client) -> Result<()> {
        let registered = self.server.client();
        let body = serde_json::json!({
            "client_id": registered.id, "client_secret": registered.secret,
            "audience": "https://butlrauth/", "grant_type": "client_credentials",
        });
        let request = client
            .post(format!("{}/api/v2/clients/login", self.server.base_url()))
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await?.bytes().await?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        ensure!(answer.get("access_token").is_some(), "the server issued no token");
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "the floor is a plain client")]
    fn over_a_warm_client(&self, report: &mut Report) -> Result<()> {
        let client = reqwest::Client::new();
        let endpoint: std::sync::Arc<dyn butlr_auth_core::TokenEndpoint> =
            std::sync::Arc::new(self.endpoint()?);
        let issuer = Issuer::new(Duration::from_secs(3600))?;
        let grant = Grant::client_credentials();
        let (mut floor, mut ours) = (
            Samples::new("reqwest, warm client: one POST"),
            Samples::new("new session, warm endpoint: token()"),
        );
        // What either half of it costs alone.
        let (mut exchange, mut session) = (
            Samples::new("no session, warm endpoint: exchange()"),
            Samples::new("new session, endpoint in the process: token()"),
        );
        for round in 0..WARM_ROUNDS + 10 {
            if round == 10 {
                for samples in [&mut floor, &mut ours, &mut exchange, &mut session] {
                    samples.clear();
                }
            }
            floor.time(|| self.block(self.post(&client)))?;
            ours.time(|| self.block(first_token(endpoint.clone(), MemoryStore::new())))?;
            exchange.time(|| self.block(async { Ok(endpoint.exchange(&grant).await?) }))?;
            session.time(|| self.block(first_token(issuer.clone(), MemoryStore::new())))?;
        }
        for samples in [&floor, &ours, &exchange, &session] {
            report.note(samples);
        }
        report.at_most("warm client: token() / one POST", ours.ratio(&floor), 1.15);
        Ok(())
    }

    #[expect(clippy::disallowed_methods, reason = "the floor is a plain client")]
    fn over_a_new_client(&self, report: &mut Report) -> Result<()> {
        let (mut floor, mut ours) = (
            Samples::new("reqwest, new client: one POST"),
            Samples::new("new session, new endpoint: token()"),
        );
        for _ in 0..COLD_ROUNDS {
            floor.time(|| self.block(self.post(&reqwest::Client::new())))?;
            ours.time(|| self.block(async { first_token(self.endpoint()?, MemoryStore::new()).await }))?;
        }
        report.note(&floor);
        report.note(&ours);
        report.at_most("new client: token() / one POST", ours.ratio(&floor), 1.15);
        Ok(())
    }

    /// A process that finds a fresh token in its store asks nobody, and builds no HTTP client.
    fn over_a_filled_store(&self, report: &mut Report) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let open = || FileStore::open(folder.path().join("sessions"));
        self.block(async { first_token(self.endpoint()?, open()?).await })?;
        let asked = self.server.journal().token_requests();
        let mut ours = Samples::new("new session, fresh token in the file store: token()");
        for _ in 0..STORE_ROUNDS {
            ours.time(|| self.block(async { first_token(self.endpoint()?, open()?).await }))?;
        }
        report.note(&ours);
        let requests = self.server.journal().token_requests() - asked;
        report.count_at_most("fresh token in the store: requests", requests as f64, 0.0);
        Ok(())
    }

    fn as_a_command(&self, workspace: &Workspace, report: &mut Report) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let program = workspace.root.join("target/release/butlr-auth");
        let nothing = do_nothing(folder.path())?;
        let token = || {
            let mut command = Command::new(&program);
            command.arg("token").env_clear();
            command.env("HOME", folder.path()).env("BUTLR_AUTH_STATE_DIR", folder.path().join("state"));
            command.env("BUTLR_BASE_URL", self.server.base_url());
            command.env("BUTLR_CLIENT_ID", &self.server.client().id);
            command.env("BUTLR_CLIENT_SECRET", &self.server.client().secret);
            command
        };
        succeed(token())?;
        let asked = self.server.journal().token_requests();
        let (mut floor, mut ours) = (
            Samples::new("a program that does nothing: whole process"),
            Samples::new("butlr-auth token, warm session: whole process"),
        );
        for _ in 0..PROCESS_ROUNDS {
            floor.time(|| succeed(Command::new(&nothing)))?;
            ours.time(|| succeed(token()))?;
        }
        ensure!(self.server.journal().token_requests() == asked, "a warm session asked the server");
        report.note(&floor);
        report.note(&ours);
        report.at_most("butlr-auth token / a program that does nothing", ours.ratio(&floor), 3.0);
        let milliseconds = ours.median().as_secs_f64() * 1000.0;
        report.shown("butlr-auth token, the whole process", milliseconds, Unit::Milliseconds);
        Ok(())
    }
}

async fn first_token(
    endpoint: impl butlr_auth_core::TokenEndpoint + 'static,
    store: impl butlr_auth_cache::TokenStore + 'static,
) -> Result<()> {
    let session = Session::builder(endpoint).grant(Grant::client_credentials()).store(store).open()?;
    session.token().await?;
    Ok(())
}

fn succeed(mut command: Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Compiles the floor of every process: a program that starts and ends.
fn do_nothing(folder: &Path) -> Result<std::path::PathBuf> {
    let (source, program) = (folder.join("nothing.rs"), folder.join("nothing"));
    std::fs::write(&source, "fn main() {}\n")?;
    let status = Command::new("rustc").arg("-O").arg("-o").arg(&program).arg(&source).status();
    ensure!(status.context("rustc could not be started")?.success(), "the empty program does not compile");
    Ok(program)
}
