//! `cargo xtask defects`: a test is worth what it catches.
//!
//! Each file in `lab/defects` is a small patch that breaks one promise, and names the test that must notice. The
//! patches are applied, one at a time, to a copy of the tree, and the test that passes without each must fail with it.
//! A patch that no longer applies, a copy that no longer builds and a test that is not found are failures too.

mod patch;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use xshell::{Shell, cmd};

use self::patch::Patch;
use crate::workspace::Workspace;

const FOLDER: &str = "lab/defects";

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Tries only the defects whose names contain one of these
    names: Vec<String>,
    /// Only checks that every patch applies and that its test exists
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let patches = patches(workspace)?;
    let wanted = |patch: &&Patch| {
        options.names.is_empty() || options.names.iter().any(|name| patch.name.contains(name.as_str()))
    };
    let patches: Vec<&Patch> = patches.iter().filter(wanted).collect();
    ensure!(!patches.is_empty(), "no patch in {FOLDER} has such a name");
    for patch in &patches {
        patch.check(workspace)?;
    }
    println!("{} defects apply to this tree, and their tests are there", patches.len());
    if options.check {
        return Ok(());
    }
    let copy = Tree::copy(workspace)?;
    let mut missed = Vec::new();
    for patch in patches {
        let caught = copy.catches(patch)?;
        println!("{} {}: {}", if caught { "caught" } else { "MISSED" }, patch.name, patch.breaks);
        if !caught {
            missed.push(patch.name.as_str());
        }
    }
    ensure!(missed.is_empty(), "no test notices {}", missed.join(", "));
    Ok(())
}

/// The patches in the order of their names.
fn patches(workspace: &Workspace) -> Result<Vec<Patch>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(workspace.root.join(FOLDER))
        .with_context(|| format!("cannot read {FOLDER}"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    paths.into_iter().map(Patch::read).collect()
}

/// A copy of the tree as it is, with a build folder of its own that is kept for the next time.
struct Tree {
    root: PathBuf,
    shell: Shell,
}

impl Tree {
    fn copy(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.root.join("target/defects");
        let root = folder.join("tree");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        let shell = &workspace.shell;
        let list = cmd!(shell, "git ls-files -z --cached --others --exclude-standard").quiet().read()?;
        for path in list.split('\0').filter(|path| workspace.root.join(path).is_file()) {
            let to = root.join(path);
            fs::create_dir_all(to.parent().context("a file lies in a folder")?)?;
            fs::copy(workspace.root.join(path), to)?;
        }
        let shell = Shell::new()?;
        shell.change_dir(&root);
        shell.set_var("CARGO_TARGET_DIR", folder.join("build"));
        // Set by the cargo that runs this program, and meant for this tree.
        shell.set_var("CARGO_MANIFEST_DIR", &root);
        Ok(Self { root, shell })
    }

    /// Whether the test passes without the patch and fails with it.
    fn catches(&self, patch: &Patch) -> Result<bool> {
        ensure!(self.passes(patch)?, "{}: `{}` fails without the patch, too", patch.name, patch.test);
        patch.apply(&self.root, false)?;
        let passes = self.passes(patch);
        patch.apply(&self.root, true)?;
        Ok(!passes?)
    }

    /// Runs the one test.
    fn passes(&self, patch: &Patch) -> Result<bool> {
        let (shell, arguments, test) = (&self.shell, &patch.arguments, &patch.test);
        let output = cmd!(shell, "cargo test --quiet --locked {arguments...} -- --exact {test}")
            .quiet()
            .ignore_status()
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        // One line of results for each program that was built; the test is in one of them.
        if said.contains("test result: FAILED. 0 passed; 1 failed") {
            return Ok(false);
        }
        if output.status.success() && said.contains("test result: ok. 1 passed") {
            return Ok(true);
        }
        bail!(
            "{}: `{test}` neither passes nor fails:\n{said}\n{}",
            patch.name,
            String::from_utf8_lossy(&output.stderr)
        )
    }
}
