//! This very program, run as a person would: a process of its own, in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use butlr_auth_testkit::AuthorizationServer;

/// A home that is gone afterwards, and the program to run in it.
#[derive(Debug)]
pub(super) struct Sandbox {
    folder: TempDir,
    program: PathBuf,
}

/// How one run is to be.
#[derive(Debug, Default)]
pub(super) struct Run<'a> {
    pub(super) arguments: &'a [&'a str],
    pub(super) variables: &'a [(&'a str, &'a str)],
    pub(super) stdin: &'a str,
    /// The name of the configuration in the sandbox; without one there is none.
    pub(super) configuration: Option<&'a str>,
    /// The name of the state folder in the sandbox.
    pub(super) state: &'a str,
}

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Sandbox {
    pub(super) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("butlr-auth-demo-").tempdir()?;
        Ok(Self { folder, program: std::env::current_exe()? })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the program to its end.
    pub(super) async fn run(&self, run: &Run<'_>) -> Result<Ended> {
        let mut child = self.command(run).spawn().context("could not run this program")?;
        feed(&mut child, run.stdin).await?;
        end(child, String::new()).await
    }

    /// Runs a login that prints an address, visits it as a person with a browser would, and hands the address of
    /// the page that the browser ends on back to the program.
    pub(super) async fn run_with_browser(
        &self,
        run: &Run<'_>,
        server: &AuthorizationServer,
    ) -> Result<Ended> {
        let mut child = self.command(run).spawn().context("could not run this program")?;
        let mut lines = BufReader::new(child.stderr.take().context("the login has no stderr")?).lines();
        let mut said = String::new();
        let address = loop {
            let Some(line) = lines.next_line().await? else {
                bail!("the login printed no address: {said}");
            };
            said.push_str(&line);
            said.push('\n');
            if line.starts_with("http") {
                break line;
            }
        };
        let landed = server.approve(&address).await.context("the login page did not lead back")?;
        feed(&mut child, &format!("{landed}\n")).await?;
        while let Some(line) = lines.next_line().await? {
            said.push_str(&line);
            said.push('\n');
        }
        end(child, said).await
    }

    fn command(&self, run: &Run<'_>) -> Command {
        let home = self.path("home");
        let mut command = Command::new(&self.program);
        command
            .args(run.arguments)
            .env_clear()
            .env("HOME", &home)
            // The person's own keyring is left alone.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
            .env("BUTLR_AUTH_STATE_DIR", self.path(if run.state.is_empty() { "state" } else { run.state }))
            .envs(run.variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(name) = run.configuration {
            command.env("BUTLR_AUTH_CONFIG", self.path(name));
        }
        command
    }

    /// Copies a state folder, as a backup or a cloned machine does.
    pub(super) fn copy_state(&self, from: &str, to: &str) -> Result<()> {
        copy(&self.path(from), &self.path(to))
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir(to)?;
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

async fn feed(child: &mut Child, text: &str) -> Result<()> {
    if let Some(mut stdin) = child.stdin.take() {
        // A program that needs no input may have ended already.
        let _ = stdin.write_all(text.as_bytes()).await;
    }
    Ok(())
}

async fn end(mut child: Child, mut stderr: String) -> Result<Ended> {
    let mut stdout = String::new();
    if let Some(mut pipe) = child.stdout.take() {
        pipe.read_to_string(&mut stdout).await?;
    }
    if let Some(mut pipe) = child.stderr.take() {
        pipe.read_to_string(&mut stderr).await?;
    }
    Ok(Ended { code: child.wait().await?.code(), stdout, stderr })
}

impl Ended {
    /// The result of a run that must have succeeded.
    pub(super) fn succeeded(self) -> Result<Self> {
        ensure!(self.code == Some(0), "exit code {:?}: {}", self.code, self.stderr.trim());
        Ok(self)
    }

    /// Checks that the run failed with this code, said nothing on stdout and this on stderr.
    pub(super) fn failed(self, code: i32, said: &str) -> Result<Self> {
        ensure!(
            self.code == Some(code),
            "exit code {:?} instead of {code}: {}",
            self.code,
            self.stderr.trim()
        );
        ensure!(self.stdout.is_empty(), "stdout is not empty on failure");
        ensure!(self.stderr.contains(said), "stderr does not say `{said}`: {}", self.stderr.trim());
        Ok(self)
    }

    pub(super) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).context("stdout is no JSON document")
    }
}
