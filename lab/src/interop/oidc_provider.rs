//! `oidc-provider` by Filip Skokan, an npm package: certified, strict, and the one that knows most of the RFCs.

use std::io::{BufRead as _, BufReader};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;
use xshell::cmd;

use super::browser::Browser;
use super::peer::{Client, Missing, Peer, Person, Process};
use crate::workspace::Workspace;

const FILES: [&str; 3] = ["oidc-provider.mjs", "package.json", "package-lock.json"];

/// How long its access tokens live: 2 seconds.
pub(super) const LIFETIME: u64 = 2;

pub(super) struct OidcProvider {
    pub(super) peer: Peer,
    told: Arc<Told>,
    _process: Process,
}

/// What the script says, a line each.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
enum Line {
    Listening { issuer: String },
    Granted { grant: Option<String> },
    Refused,
    Ended,
}

/// What the server told of itself.
#[derive(Default)]
struct Told {
    refreshed: AtomicUsize,
    refused: AtomicUsize,
    ended: AtomicUsize,
}

impl OidcProvider {
    /// How many refresh tokens were exchanged.
    pub(super) fn refreshed(&self) -> usize {
        self.told.refreshed.load(Ordering::Relaxed)
    }

    /// How many token requests were refused.
    pub(super) fn refused(&self) -> usize {
        self.told.refused.load(Ordering::Relaxed)
    }

    /// How many families of refresh tokens ended because one was used twice, or revoked.
    pub(super) fn ended(&self) -> usize {
        self.told.ended.load(Ordering::Relaxed)
    }
}

/// Installs it into the build folder and starts it.
pub(super) fn start(workspace: &Workspace) -> Result<OidcProvider> {
    let shell = &workspace.shell;
    if cmd!(shell, "npm --version").quiet().ignore_stderr().read().is_err() {
        return Err(Missing("npm is not installed: apt-get install npm".to_owned()).into());
    }
    let folder = workspace.root.join("target/interop");
    shell.create_dir(&folder)?;
    for file in FILES {
        shell.copy_file(workspace.root.join("lab/interop").join(file), folder.join(file))?;
    }
    {
        let _there = shell.push_dir(&folder);
        cmd!(shell, "npm ci --no-audit --no-fund --loglevel=error").run()?;
    }
    let secret = "secret &+%";
    let settings = json!({
        "client_id": "machine:1",
        "client_secret": secret,
        "lifetime": LIFETIME,
        "device_lifetime": 600,
    });
    let mut process = Process::start(
        Command::new(folder.join("node_modules/node/bin/node"))
            .arg("oidc-provider.mjs")
            .current_dir(&folder)
            .env("INTEROP_SETTINGS", settings.to_string()),
    )?;
    let stdout = process.0.stdout.take().context("it has a stdout")?;
    let told = Arc::new(Told::default());
    let (sender, issuer) = mpsc::channel();
    let counts = Arc::clone(&told);
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<Line>(&line) else { continue };
            let count = match line {
                Line::Listening { issuer } => {
                    let _ = sender.send(issuer);
                    continue;
                }
                Line::Granted { grant } if grant.as_deref() == Some("refresh_token") => &counts.refreshed,
                Line::Granted { .. } => continue,
                Line::Refused => &counts.refused,
                Line::Ended => &counts.ended,
            };
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let issuer = issuer.recv_timeout(Duration::from_secs(60)).context("oidc-provider does not start")?;
    let peer = Peer {
        issuer,
        app: Client { id: "app", secret: None },
        machine: Client { id: "machine:1", secret: Some(secret.to_owned()) },
        machine_scope: "",
        scope: "openid offline_access",
        person: Box::new(Lee),
    };
    Ok(OidcProvider { peer, told, _process: process })
}

/// Logs in on the pages that the package has for development.
struct Lee;

const ANSWERS: [(&str, &str); 2] = [("login", "lee"), ("password", "any")];

#[async_trait]
impl Person for Lee {
    async fn approve(&self, url: &str) -> Result<String> {
        let left = Browser::new()?.go(url, &ANSWERS).await?;
        Ok(left.context("the pages end without leading back")?.into())
    }

    async fn approve_device(&self, uri: &str) -> Result<()> {
        match Browser::new()?.go(uri, &ANSWERS).await? {
            None => Ok(()),
            Some(elsewhere) => bail!("the device's page leads to {elsewhere}"),
        }
    }
}
