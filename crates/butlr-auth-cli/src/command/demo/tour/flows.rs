//! Every way to a token, each followed by a call with it.

use anyhow::{Context as _, Result, ensure};
use butlr_auth_testkit::Endpoint;
use serde_json::Value;

use super::{QUERY, Stage};
use crate::command::demo::child::{Ended, Run};

pub(super) async fn butlr_password(stage: &Stage) -> Result<String> {
    stage.log_in("server", "password").await?;
    sites(&stage.run("server", &["-p", "password", "api", "graphql", "-f", QUERY]).await?)?;
    let requests = stage.server.journal().requests(Endpoint::ButlrLogin);
    ensure!(requests == 1, "{requests} requests reached /api/v2/login");
    Ok("one request to /api/v2/login, two members and no client; then an API call".to_owned())
}

/// No configuration and no login: two variables are enough.
pub(super) async fn butlr_client_credentials(stage: &Stage) -> Result<String> {
    let client = stage.server.client();
    let variables = [
        ("BUTLR_BASE_URL", stage.server.base_url()),
        ("BUTLR_CLIENT_ID", &client.id),
        ("BUTLR_CLIENT_SECRET", &client.secret),
    ];
    let run = |arguments| Run { arguments, variables: &variables, state: "environment", ..Run::default() };
    let first = stage.sandbox.run(&run(&["token"])).await?.succeeded()?.stdout;
    let second = stage.sandbox.run(&run(&["token"])).await?.succeeded()?.stdout;
    ensure!(!first.trim().is_empty() && first == second, "two processes got different tokens");
    sites(&stage.sandbox.run(&run(&["api", "graphql", "-f", QUERY])).await?)?;
    let requests = stage.server.journal().requests(Endpoint::ButlrClientLogin);
    ensure!(requests == 1, "three processes sent {requests} token requests");
    Ok("from two variables alone; three processes, one token request, one API call".to_owned())
}

/// As Butlr's dashboard does it: the tenant's page, and Butlr's audience on the authorization request.
pub(super) async fn butlr_dashboard(stage: &Stage) -> Result<String> {
    stage.log_in_by_page("strict", "dashboard", &stage.strict).await?;
    let claims = stage.run("strict", &["-p", "dashboard", "inspect", "--json"]).await?.succeeded()?.json()?;
    let audience = claims.pointer("/claims/aud").cloned().unwrap_or_default();
    ensure!(audience.to_string().contains("https://butlrauth/"), "the token is for {audience}");
    sites(&stage.run("strict", &["-p", "dashboard", "api", "graphql", "-f", QUERY]).await?)?;
    Ok("through the issuer's page; a token for https://butlrauth/ because the request named it".to_owned())
}

pub(super) async fn authorization_code(stage: &Stage) -> Result<String> {
    let ended = stage.log_in_by_page("server", "code", &stage.server).await?;
    ensure!(ended.stderr.contains("code_challenge_method=S256"), "the address has no S256 challenge");
    sites(&stage.run("server", &["-p", "code", "api", "graphql", "-f", QUERY]).await?)?;
    let before = stage.server.journal().token_requests();
    token(&stage.run("server", &["-p", "code", "token", "--force-refresh", "-f", "json"]).await?)?;
    ensure!(stage.server.journal().token_requests() == before + 1, "the refresh took more than one request");
    Ok("page, code, PKCE S256, state and iss; an API call; refreshed by one request".to_owned())
}

pub(super) async fn implicit(stage: &Stage) -> Result<String> {
    let before = stage.server.journal().token_requests();
    stage.log_in_by_page("server", "implicit", &stage.server).await?;
    sites(&stage.run("server", &["-p", "implicit", "api", "graphql", "-f", QUERY]).await?)?;
    ensure!(stage.server.journal().token_requests() == before, "the implicit grant asked a token endpoint");
    let status = stage.run("server", &["-p", "implicit", "status", "--json"]).await?.succeeded()?.json()?;
    ensure!(
        status.get("renewable") == Some(&Value::Bool(false)),
        "an implicit session claims to renew itself"
    );
    Ok("the token came in the fragment, without a refresh token and without a token request".to_owned())
}

/// Password, client credentials and refresh at `/token`, in one encoding.
pub(super) async fn generic(stage: &Stage, body: &str) -> Result<String> {
    let before = stage.server.journal().requests(Endpoint::Token);
    let (person, client) = (format!("{body}-password"), format!("{body}-client"));
    stage.log_in("server", &person).await?;
    let first = token(&stage.run("server", &["-p", &person, "token", "-f", "json"]).await?)?;
    let forced = ["-p", &person, "token", "--force-refresh", "-f", "json"];
    let second = token(&stage.run("server", &forced).await?)?;
    ensure!(first != second, "the refresh brought the same token");
    token(&stage.run("server", &["-p", &client, "token", "-f", "json"]).await?)?;
    sites(&stage.run("server", &["-p", &client, "api", "graphql", "-f", QUERY]).await?)?;
    let requests = stage.server.journal().requests(Endpoint::Token) - before;
    ensure!(requests == 3, "{requests} requests reached /token");
    Ok("password, refresh token and client credentials at /token: three requests".to_owned())
}

pub(super) async fn minted_credentials(stage: &Stage) -> Result<String> {
    let create = ["-p", "password", "--json", "client", "create", "tour", "--description", "for one minute"];
    let minted = stage.run("server", &create).await?.succeeded()?.json()?;
    let member = |name: &str| minted.get(name).and_then(Value::as_str).context("the answer lacks a member");
    let (id, secret) = (member("client_id")?, member("client_secret")?);
    let variables = [
        ("BUTLR_BASE_URL", stage.server.base_url()),
        ("BUTLR_CLIENT_ID", id),
        ("BUTLR_CLIENT_SECRET", secret),
    ];
    let run = |arguments| Run { arguments, variables: &variables, state: "minted", ..Run::default() };
    sites(&stage.sandbox.run(&run(&["api", "graphql", "-f", QUERY])).await?)?;
    let listed = stage.run("server", &["-p", "password", "client", "list"]).await?.succeeded()?;
    ensure!(listed.stdout.contains(id) && !listed.stdout.contains(secret), "the list is not as it should be");
    stage.run("server", &["-p", "password", "client", "delete", id]).await?.succeeded()?;
    stage.sandbox.run(&run(&["token", "--force-refresh"])).await?.failed(5, "invalid_client")?;
    Ok("minted, used at once, listed without the secret, deleted, and refused from then on".to_owned())
}

/// Checks that the API answered with the sites that it knows.
pub(super) fn sites(ended: &Ended) -> Result<()> {
    ensure!(ended.code == Some(0), "exit code {:?}: {}", ended.code, ended.stderr.trim());
    let answer = ended.json()?;
    let sites =
        answer.pointer("/data/sites/data").and_then(Value::as_array).context("the API named no sites")?;
    ensure!(!sites.is_empty(), "the API knows no sites");
    Ok(())
}

/// The token of a run that must have printed one.
pub(super) fn token(ended: &Ended) -> Result<String> {
    ensure!(ended.code == Some(0), "exit code {:?}: {}", ended.code, ended.stderr.trim());
    let document = ended.json()?;
    let token = document.get("access_token").and_then(Value::as_str).context("there is no access token")?;
    Ok(token.to_owned())
}
