//! `cargo xtask tidy`: what a reviewer should not have to look for.
//!
//! A check is a function from one file, or from all of them, to findings, with a test that shows it failing.

mod clauses;
mod layout;
mod markdown;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;

use anyhow::{Context, Result, bail};
use xshell::cmd;

use crate::workspace::Workspace;

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What a check complains of, at a line where there is one.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: Option<usize>,
    message: String,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let files = files(workspace)?;
    let findings = check(&files);
    for finding in &findings {
        println!("{finding}");
    }
    for file in files.iter().filter(|file| source::is_long(file)) {
        println!("note: {} has {} lines; could it be two files?", file.path, file.text.lines().count());
    }
    match findings.len() {
        0 => {
            println!("{} files are tidy", files.len());
            Ok(())
        }
        broken => bail!("tidy found {broken} faults in {} files", files.len()),
    }
}

fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(source::check(file));
        findings.extend(clauses::check(file));
        findings.extend(markdown::check(file, files));
    }
    findings.extend(layout::check(files));
    findings
}

/// Everything that is or could be committed, deleted files left out.
pub(crate) fn files(workspace: &Workspace) -> Result<Vec<File>> {
    let shell = &workspace.shell;
    let list = cmd!(shell, "git ls-files -z --cached --others --exclude-standard").quiet().read()?;
    let mut files = Vec::new();
    for path in list.split('\0').filter(|path| workspace.root.join(path).is_file()) {
        let bytes = fs::read(workspace.root.join(path)).with_context(|| format!("cannot read {path}"))?;
        // Recorded answers of broken servers need not be text; their names still count.
        let text = String::from_utf8(bytes).unwrap_or_default();
        files.push(File { path: path.to_owned(), text });
    }
    Ok(files)
}

impl File {
    fn finding(&self, line: impl Into<Option<usize>>, message: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line: line.into(), message: message.into() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    fn is_test(&self) -> bool {
        self.is_rust() && (self.path.contains("/tests/") || self.path.ends_with("/tests.rs"))
    }

    /// What somebody else or a program wrote: recorded answers, snapshots, patches, the lock file, licences.
    fn is_data(&self) -> bool {
        let not_prose = !self.is_rust() && !self.is_markdown();
        not_prose
            && (self.path.starts_with("crates/") || self.path.starts_with("LICENSE"))
            && !self.path.ends_with(".toml")
            || self.path == "Cargo.lock"
            || self.path.ends_with(".patch")
    }

    /// The lines with their numbers, from one.
    fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.message),
            None => write!(f, "{}: {}", self.path, self.message),
        }
    }
}
