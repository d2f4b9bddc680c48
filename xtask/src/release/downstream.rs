//! What a stranger does with a release, before there is one: the packages as a registry on this machine, and outside
//! the workspace a project for each crate that adds it by version, as its README says, and runs the README's program.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use xshell::{Shell, cmd};

use crate::workspace::Workspace;

/// What a package's README shows.
#[derive(Debug, PartialEq)]
pub(super) struct Readme {
    /// The commands that add it to a project, or install it.
    pub(super) commands: Vec<Vec<String>>,
    pub(super) program: Option<String>,
}

/// Runs the README of every package in `target/package`, in a folder of this machine's temporary ones.
pub(super) fn check(workspace: &Workspace, order: &[String], version: &str) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("butlr-auth-downstream-").tempdir()?;
    let registry = folder.path().join("registry");
    let shell = &workspace.shell;
    cmd!(shell, "cargo vendor --quiet --locked --versioned-dirs {registry}").ignore_stdout().quiet().run()?;
    let mut packages = BTreeMap::new();
    for name in order {
        let package = unpack(workspace, &registry, &format!("{name}-{version}"))?;
        packages.insert(name, package);
    }

    let shell = Shell::new()?;
    shell.change_dir(folder.path());
    // Third-party crates are built once for all projects.
    shell.set_var("CARGO_TARGET_DIR", workspace.root.join("target/downstream"));
    let settings = format!(
        "[source.crates-io]\nreplace-with = \"packages\"\n[source.packages]\ndirectory = '{}'\n[net]\noffline = true\n",
        registry.display()
    );
    shell.write_file(".cargo/config.toml", settings)?;
    let readmes = packages.iter().map(|(name, package)| {
        let text = fs::read_to_string(package.join("README.md"));
        let text = text.with_context(|| format!("the package of {name} has no README.md"))?;
        let readme = Readme::read(&text);
        if readme.commands.is_empty() {
            bail!("the README of {name} does not say how it is added: `$ cargo add {name}`");
        }
        Ok((name.as_str(), readme))
    });
    let readmes: Vec<(&str, Readme)> = readmes.collect::<Result<_>>()?;

    // What is installed serves what the programs ask.
    let (installed, added): (Vec<_>, Vec<_>) =
        readmes.into_iter().partition(|(_, readme)| readme.is_installed());
    let bin = folder.path().join("installed/bin");
    for (name, readme) in &installed {
        println!("\n{name}, installed from its package");
        for words in &readme.commands {
            // What is installed is no project's: Cargo looks for no settings here by itself.
            cmd!(
                shell,
                "cargo --config .cargo/config.toml {words...} --quiet --debug --locked --root installed"
            )
            .run()?;
        }
    }
    let server = Served::start(&bin.join("butlr-auth"))?;
    for (key, value) in &server.environment {
        shell.set_var(key, value);
    }
    for (name, readme) in &added {
        println!("\n{name}, added to a project of its own");
        let project = format!("with-{name}");
        cmd!(shell, "cargo new --quiet --vcs none {project}").run()?;
        let _inside = shell.push_dir(&project);
        for words in &readme.commands {
            cmd!(shell, "cargo {words...} --quiet").run()?;
        }
        let program =
            readme.program.as_ref().with_context(|| format!("the README of {name} has no program"))?;
        shell.write_file("src/main.rs", program)?;
        cmd!(shell, "cargo run --quiet").run()?;
    }
    Ok(())
}

/// A directory is a registry to Cargo, if each package in it says so.
fn unpack(workspace: &Workspace, registry: &Path, name: &str) -> Result<PathBuf> {
    let shell = &workspace.shell;
    let archive = workspace.root.join(format!("target/package/{name}.crate"));
    cmd!(shell, "tar -xf {archive} -C {registry}").quiet().run()?;
    let package = registry.join(name);
    let sum = cmd!(shell, "sha256sum {archive}").quiet().read()?;
    let sum = sum.split_whitespace().next().context("sha256sum prints a sum")?;
    fs::write(package.join(".cargo-checksum.json"), format!(r#"{{"files":{{}},"package":"{sum}"}}"#))?;
    Ok(package)
}

impl Readme {
    fn is_installed(&self) -> bool {
        self.commands.iter().any(|words| words.first().is_some_and(|word| word == "install"))
    }

    pub(super) fn read(text: &str) -> Self {
        let mut readme = Self { commands: Vec::new(), program: None };
        let mut blocks = text.split("\n```");
        while let Some(block) = blocks.next() {
            let (language, body) = block.split_once('\n').unwrap_or_default();
            match language.split(',').next().unwrap_or_default() {
                "console" => readme.commands.extend(body.lines().filter_map(command)),
                "rust" => _ = readme.program.get_or_insert_with(|| body.to_owned()),
                _ => continue,
            }
            // What closes a block begins the prose after it.
            blocks.next();
        }
        readme
    }
}

/// What Cargo is told by a line that adds or installs a crate.
fn command(line: &str) -> Option<Vec<String>> {
    let line = line.strip_prefix("$ cargo ")?.split(" #").next()?;
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    matches!(words.first().map(String::as_str), Some("add" | "install")).then_some(words)
}

/// `butlr-auth demo --serve`, for as long as the programs run.
struct Served {
    child: Child,
    environment: BTreeMap<String, String>,
}

/// What it prints first.
#[derive(serde::Deserialize)]
struct Printed {
    environment: BTreeMap<String, String>,
}

impl Served {
    fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(["demo", "--serve", "--json"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut served = Self { child, environment: BTreeMap::new() };
        let stdout = served.child.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        served.environment =
            serde_json::from_str::<Printed>(&line).context("the demo says where it serves")?.environment;
        Ok(served)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
