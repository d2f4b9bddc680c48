//! What happens when tokens end, and when a refresh token is revoked.

use anyhow::{Result, ensure};
use butlr_auth_testkit::Endpoint;

use super::flows::{sites, token};
use super::{QUERY, Stage};
use crate::command::demo::child::Run;

/// Logs in wherever the steps after the wait need a session with a token that has ended by then.
pub(super) async fn log_in(stage: &Stage) -> Result<String> {
    for profile in ["password", "refreshed", "form-password"] {
        stage.log_in("short", profile).await?;
    }
    // A copy of the state folder, as of a machine that is cloned before the session is ended elsewhere.
    stage.sandbox.copy_state("short", "clone")?;
    stage.run("short", &["logout", "form-password"]).await?.succeeded()?;
    token(&stage.run("short", &["-p", "client", "token", "-f", "json"]).await?)?;
    Ok("three people and a client, tokens of 2 s; one of them logged out, on a clone still logged in"
        .to_owned())
}

pub(super) async fn without_refresh_endpoint(stage: &Stage) -> Result<String> {
    let before = stage.short.journal().token_requests();
    let ended = stage.run("short", &["-p", "password", "token"]).await?;
    ended.failed(4, "run `butlr-auth login password`")?;
    ensure!(stage.short.journal().token_requests() == before, "a request was sent that could not help");
    Ok("exit 4, nothing on stdout, `run butlr-auth login password` on stderr, no request sent".to_owned())
}

pub(super) async fn with_refresh_endpoint(stage: &Stage) -> Result<String> {
    sites(&stage.run("short", &["-p", "refreshed", "api", "graphql", "-f", QUERY]).await?)?;
    let requests = stage.short.journal().requests(Endpoint::ButlrRefresh);
    ensure!(requests == 1, "{requests} requests reached the refresh endpoint");
    Ok("renewed by one request to the configured refresh endpoint, then the API call".to_owned())
}

pub(super) async fn client_credentials(stage: &Stage) -> Result<String> {
    sites(&stage.run("short", &["-p", "client", "api", "graphql", "-f", QUERY]).await?)?;
    let requests = stage.short.journal().requests(Endpoint::ButlrClientLogin);
    ensure!(requests == 2, "{requests} requests reached /api/v2/clients/login");
    Ok("renewed by itself: two token requests in two lifetimes, then the API call".to_owned())
}

/// Every server watched every refresh token: none was used twice, and no family was forked.
pub(super) fn judged(stage: &Stage) -> Result<String> {
    for server in [&stage.server, &stage.short, &stage.strict] {
        let judgement = server.journal().judge();
        ensure!(judgement.is_clean(), "{judgement:?}");
    }
    Ok("no refresh token was presented twice, and no family of them was forked".to_owned())
}

/// The clone still holds the refresh token that the logout revoked.
pub(super) async fn revoked(stage: &Stage) -> Result<String> {
    let run = Run {
        arguments: &["-p", "form-password", "token"],
        configuration: Some("short.toml"),
        state: "clone",
        ..Run::default()
    };
    stage.sandbox.run(&run).await?.failed(4, "run `butlr-auth login form-password`")?;
    let before = stage.short.journal().token_requests();
    stage.sandbox.run(&run).await?.failed(4, "run `butlr-auth login form-password`")?;
    ensure!(stage.short.journal().token_requests() == before, "the refused refresh token was sent again");
    Ok("exit 4 with the command that helps; the second try sent nothing".to_owned())
}
