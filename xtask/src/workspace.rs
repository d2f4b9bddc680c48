//! Where the workspace is, which crates it has and how a command runs in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};
use toml_edit::DocumentMut;
use xshell::{Shell, cmd};

/// The checkout that this program was built from.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) shell: Shell,
}

/// One member, as its own manifest describes it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Of the directory, relative to the root and with forward slashes.
    pub(crate) path: String,
    pub(crate) manifest: DocumentMut,
}

impl Workspace {
    pub(crate) fn open() -> Result<Self> {
        // Cargo says at run time where the manifest is, so a checkout that was moved still works.
        let xtask = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").into());
        Self::at(Path::new(&xtask).parent().context("xtask lies in the workspace")?)
    }

    pub(crate) fn at(root: &Path) -> Result<Self> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        Ok(Self { root: root.to_owned(), shell })
    }

    pub(crate) fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.root.join(path)).with_context(|| format!("cannot read {path}"))
    }

    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        fs::write(self.root.join(path), text).with_context(|| format!("cannot write {path}"))
    }

    pub(crate) fn manifest(&self, path: &str) -> Result<DocumentMut> {
        self.read(path)?.parse().with_context(|| format!("{path} is not TOML"))
    }

    /// The whole dependency graph, for every platform, with all features of all members.
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        let mut command = MetadataCommand::new();
        command.manifest_path(self.root.join("Cargo.toml"));
        command.other_options(["--all-features".to_owned(), "--locked".to_owned()]);
        command.exec().context("cargo metadata failed (help: `cargo check` renews a stale Cargo.lock)")
    }

    /// The members in the order of their directories, those beside `crates` last.
    pub(crate) fn members(&self) -> Result<Vec<Member>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(self.root.join("crates"))? {
            let entry = entry?;
            if entry.path().join("Cargo.toml").is_file() {
                paths.push(format!("crates/{}", entry.file_name().to_string_lossy()));
            }
        }
        paths.sort();
        for path in ["lab", "xtask"] {
            // A workspace that is made for a test may have no lab.
            if self.root.join(path).is_dir() {
                paths.push(path.to_owned());
            }
        }
        paths.into_iter().map(|path| self.member(path)).collect()
    }

    fn member(&self, path: String) -> Result<Member> {
        let manifest = self.manifest(&format!("{path}/Cargo.toml"))?;
        let name = manifest.get("package").and_then(|package| package.get("name"));
        let name =
            name.and_then(|name| name.as_str()).with_context(|| format!("{path} has no name"))?.to_owned();
        Ok(Member { name, path, manifest })
    }

    /// Whether nothing is changed and nothing is untracked.
    pub(crate) fn is_clean(&self) -> Result<bool> {
        let shell = &self.shell;
        Ok(cmd!(shell, "git status --porcelain").quiet().read()?.is_empty())
    }

    /// Whether `program` can be started; when not, says how to get it.
    pub(crate) fn has_tool(&self, program: &str, install: &str) -> bool {
        let shell = &self.shell;
        let found = cmd!(shell, "{program} --version").quiet().ignore_stdout().ignore_stderr().run().is_ok();
        if !found {
            println!("{program} is not installed; to get it: {install}");
        }
        found
    }
}

impl Member {
    /// Whether the crate is meant for a registry.
    pub(crate) fn is_published(&self) -> bool {
        let publish = self.manifest.get("package").and_then(|package| package.get("publish"));
        publish.and_then(|publish| publish.as_bool()) != Some(false)
    }

    /// What can be switched on, `default` aside.
    pub(crate) fn features(&self) -> Vec<String> {
        let features = self.manifest.get("features").and_then(|features| features.as_table_like());
        let names =
            features.into_iter().flat_map(|features| features.iter().map(|(name, _)| name.to_owned()));
        names.filter(|name| name != "default").collect()
    }
}
