//! What authorization servers say of themselves, kept between two runs: a warm `token` asks nobody where to ask.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use butlr_auth::core::{Fingerprint, Metadata};
use butlr_auth::http::Discovery;
use butlr_auth::{Error, Network};

use crate::file::{self, File};

/// No document is longer than what the library reads of it: 1 MiB is more than enough.
const LIMIT: usize = 1 << 20;

/// The folder of the documents, one file for each issuer.
#[derive(Clone, Debug)]
pub(crate) struct Servers {
    folder: Option<PathBuf>,
}

impl Servers {
    /// Keeps them below the folder of the state; without one they are asked for each time.
    pub(crate) fn new(state: Option<PathBuf>) -> Self {
        Self { folder: state.map(|state| state.join("servers")) }
    }

    /// What the server says of itself, from the file as long as it is good.
    pub(crate) async fn metadata(
        &self,
        issuer: &str,
        timeout: Duration,
        network: &Network,
    ) -> Result<Arc<Metadata>, Error> {
        let path = self.path(issuer);
        let kept = path.as_deref().and_then(read);
        let mut builder = Discovery::builder(issuer).timeout(timeout).network(network.clone());
        if let Some(kept) = &kept {
            builder = builder.kept(kept.as_str());
        }
        tracing::trace!(issuer, is_kept = kept.is_some(), "look up what the server says of itself");
        let discovery = builder.build()?;
        let metadata = discovery.metadata().await?;
        let written = discovery.to_json().await;
        if let (Some(path), Some(written)) = (path, written)
            && kept.as_ref() != Some(&written)
            && let Err(error) = write(&path, &written)
        {
            // The next run asks again: slower, and no worse.
            tracing::debug!(%error, "what the server says of itself could not be kept");
        }
        Ok(metadata)
    }

    fn path(&self, issuer: &str) -> Option<PathBuf> {
        let name = format!("{}.json", Fingerprint::of(issuer.as_bytes()));
        self.folder.as_ref().map(|folder| folder.join(name))
    }
}

/// Reads a document that nobody else can have written: it says where secrets are sent.
fn read(path: &Path) -> Option<String> {
    let file = File::open(path).ok().filter(|file| file.is_ours() && file.mode() & 0o022 == 0)?;
    Some(std::mem::take(&mut *file.read(LIMIT).ok()?))
}

fn write(path: &Path, document: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(folder)?;
    }
    file::replace(path, document.as_bytes(), 0o600)
}
