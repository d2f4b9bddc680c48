//! Where the workspace is, and how a command runs in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};
use xshell::Shell;

/// The checkout that this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) shell: Shell,
}

impl Workspace {
    pub(crate) fn open() -> Result<Self> {
        // Cargo says at run time where the manifest is, so a checkout that was moved still works.
        let lab = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&lab).parent().context("the lab lies in the workspace")?.to_owned();
        let shell = Shell::new()?;
        shell.change_dir(&root);
        Ok(Self { root, shell })
    }

    pub(crate) fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        fs::write(self.root.join(path), text).with_context(|| format!("cannot write {path}"))
    }

    /// The whole dependency graph, for every platform, with all features of all members.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let mut command = MetadataCommand::new();
        command.manifest_path(self.root.join("Cargo.toml"));
        command.other_options(["--all-features".to_owned(), "--locked".to_owned()]);
        command.exec().context("cargo metadata failed (a stale Cargo.lock help: `cargo check` renews it)")
    }
}
