//! A defect as a file: what it breaks, the test that notices, and the change itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use xshell::{Shell, cmd};

use crate::workspace::Workspace;

/// One defect.
#[derive(Debug)]
pub(super) struct Patch {
    pub(super) name: String,
    file: PathBuf,
    /// The promise that it breaks.
    pub(super) breaks: String,
    /// What `cargo test` is given to build.
    pub(super) arguments: Vec<String>,
    /// The whole path of the test inside its program.
    pub(super) test: String,
}

impl Patch {
    pub(super) fn read(file: PathBuf) -> Result<Self> {
        let text = fs::read_to_string(&file)?;
        let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        Self::parse(name, file, &text)
    }

    pub(super) fn parse(name: String, file: PathBuf, text: &str) -> Result<Self> {
        let field = |key: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            found.map(str::to_owned).with_context(|| format!("{name} does not say `{key}: …`"))
        };
        let (breaks, test) = (field("Breaks")?, field("Test")?);
        let arguments = field("Built by")?.split(' ').map(str::to_owned).collect();
        Ok(Self { file, breaks, arguments, test, name })
    }

    /// The patch applies, and the test is there.
    pub(super) fn check(&self, workspace: &Workspace) -> Result<()> {
        let (shell, file) = (&workspace.shell, &self.file);
        cmd!(shell, "git apply --check {file}")
            .quiet()
            .run()
            .with_context(|| format!("{} no longer applies", self.name))?;
        let function = self.test.rsplit("::").next().unwrap_or(&self.test);
        let found = cmd!(shell, "git grep --untracked --quiet -E")
            .arg(format!("fn {function}\\("))
            .arg("--")
            .arg("*.rs");
        ensure!(found.quiet().run().is_ok(), "{}: there is no test {}", self.name, self.test);
        Ok(())
    }

    /// Applies it to a tree that is no repository of its own, or takes it back.
    pub(super) fn apply(&self, root: &Path, reverse: bool) -> Result<()> {
        let shell = Shell::new()?;
        shell.change_dir(root);
        // The tree lies inside the checkout: git must not look for it there.
        shell.set_var("GIT_CEILING_DIRECTORIES", root.parent().context("a tree lies in a folder")?);
        let reverse = reverse.then_some("--reverse");
        let file = &self.file;
        cmd!(shell, "git apply {reverse...} {file}").quiet().run()?;
        Ok(())
    }
}
