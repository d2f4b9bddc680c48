//! `cargo xtask interop`: the flows against authorization servers that other people wrote.
//!
//! Two of them, on loopback: `oidc-provider` from npm, and Debian's `glewlwyd`. Each is started with a configuration
//! of its own, asked for everything it can do, and ended. Against `oidc-provider`, 32 processes then share one session
//! whose tokens live for two seconds. What goes wrong is an error; nothing is passed over in silence.

mod browser;
mod flows;
mod glewlwyd;
mod oidc_provider;
mod peer;
mod soak;

use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use self::flows::Flows;
use self::peer::Missing;
use crate::workspace::Workspace;

pub(crate) use soak::run_worker;

/// In seconds.
const SOAK: u64 = 60;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Runs only against this one
    #[arg(value_enum)]
    server: Option<Server>,
    /// How long 32 processes share a session of oidc-provider, in seconds
    #[arg(long, default_value_t = SOAK)]
    soak: u64,
    /// As in CI, which is the default
    #[arg(long)]
    small: bool,
    /// Leaves out the servers that need these: npm,glewlwyd
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    without: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Server {
    OidcProvider,
    Glewlwyd,
}

impl Server {
    fn package(self) -> &'static str {
        match self {
            Self::OidcProvider => "npm",
            Self::Glewlwyd => "glewlwyd",
        }
    }
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for &server in Server::value_variants() {
        if options.server.is_some_and(|only| only != server)
            || options.without.iter().any(|name| name == server.package())
        {
            continue;
        }
        let done = runtime.block_on(async {
            match server {
                Server::OidcProvider => oidc_provider(workspace, Duration::from_secs(options.soak)).await,
                Server::Glewlwyd => glewlwyd().await,
            }
        });
        match done {
            Err(error) if error.is::<Missing>() && std::env::var_os("CI").is_none() => {
                eprintln!("SKIPPED: {error}");
            }
            done => done?,
        }
    }
    Ok(())
}

async fn oidc_provider(workspace: &Workspace, soak: Duration) -> Result<()> {
    let server = oidc_provider::start(workspace)?;
    println!("oidc-provider at {}", server.peer.issuer);
    let flows = Flows::new(&server.peer).await?;
    flows.client_credentials().await?;
    flows.code_with_pkce().await?;
    flows.rotation_and_reuse().await?;
    if server.ended() == 0 {
        bail!("the server did not say that reuse ended a family: then a soak would not notice it either");
    }
    flows.session().await?;
    flows.id_token().await?;
    flows.device().await?;
    flows.revocation_and_introspection().await?;
    flows.pushed_request("pushes").await?;
    flows.issuer_in_the_response().await?;
    flows.resource_indicator("https://api.example.com").await?;
    if soak.is_zero() {
        return Ok(());
    }
    soak::run(&server, &flows, soak).await
}

async fn glewlwyd() -> Result<()> {
    let server = glewlwyd::start().await?;
    println!("glewlwyd at {}", server.peer.issuer);
    let flows = Flows::new(&server.peer).await?;
    flows.client_credentials().await?;
    flows.code_with_pkce().await?;
    flows.rotation_and_reuse().await?;
    flows.session().await?;
    flows.id_token().await?;
    flows.device().await?;
    flows.revocation_and_introspection().await
}
