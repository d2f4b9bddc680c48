use std::fmt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

/// An authorization server under test: where it is, who its clients are, and who decides on its pages.
pub(super) struct Peer {
    pub(super) issuer: String,
    /// The client that people log in by.
    pub(super) app: Client,
    /// The client that logs in by itself.
    pub(super) machine: Client,
    /// What it asks for.
    pub(super) machine_scope: &'static str,
    /// What `app` asks for: an `id_token` and a refresh token among it.
    pub(super) scope: &'static str,
    pub(super) person: Box<dyn Person>,
}

#[derive(Clone)]
pub(super) struct Client {
    pub(super) id: &'static str,
    pub(super) secret: Option<String>,
}

/// Somebody who logs in and consents.
#[async_trait]
pub(super) trait Person: Send + Sync {
    /// Opens the address of an authorization request and gives the one that the browser is sent back to.
    async fn approve(&self, url: &str) -> Result<String>;

    /// Opens the address that a device shows and consents there.
    async fn approve_device(&self, uri: &str) -> Result<()>;
}

/// A program that is not installed, and how it is had.
#[derive(Debug)]
pub(super) struct Missing(pub(super) String);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

/// A server's process. Dropping it ends it.
pub(super) struct Process(pub(super) Child);

impl Process {
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {}", command.get_program().display()))?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It fails when the server has just ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
