use std::net::{Ipv4Addr, SocketAddr};

use tempfile::TempDir;

use super::process::{Process, accepts, find};
use super::{ServerError, on_a_free_port};

/// `ChromeDriver`, through which a test drives Chromium as a person would.
#[derive(Debug)]
pub struct ChromeDriver {
    address: SocketAddr,
    // Dropped in this order: the folder outlives the process.
    _process: Process,
    folder: TempDir,
}

impl ChromeDriver {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// [`ServerError`] if it or Chromium is not installed, or does not start.
    pub fn start() -> Result<Self, ServerError> {
        let program = find("chromedriver", "chromium-driver", &[])?;
        find("chromium", "chromium", &[])?;
        on_a_free_port(Ipv4Addr::LOCALHOST.into(), |port| {
            let folder = tempfile::tempdir().map_err(ServerError::io("no folder for it"))?;
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            let mut process = Process::start(&program, [format!("--port={port}")], folder.path(), None)?;
            process.wait_until(|_| accepts(address))?;
            Ok(Self { address, _process: process, folder })
        })
    }

    /// Returns where it takes commands.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the arguments for a Chromium without a window that asks nobody but the pages it is sent to, and keeps
    /// what it remembers in a folder that goes away with this value.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let fixed = [
            "--headless=new",
            // Chromium's own sandbox does not start as root, as which a container's tests run.
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-quic",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let profile = format!("--user-data-dir={}", self.folder.path().join("profile").display());
        fixed.into_iter().map(str::to_owned).chain([profile]).collect()
    }
}
