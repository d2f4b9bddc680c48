//! `cargo xtask docs`: the API reference, and the book of docs/ where mdbook is installed.

use anyhow::Result;
use xshell::cmd;

use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    reference(workspace)?;
    println!("the reference is in target/doc/butlr_auth/index.html");
    if workspace.has_tool("mdbook", "cargo install mdbook --locked") {
        let shell = &workspace.shell;
        cmd!(shell, "mdbook build docs").run()?;
        println!("the book is in target/book/index.html");
    }
    Ok(())
}

/// Builds the API reference; a broken link is an error.
///
/// Of libraries only: the program has the facade's name, and the pages of one would replace the other's.
pub(crate) fn reference(workspace: &Workspace) -> Result<()> {
    let shell = &workspace.shell;
    cmd!(shell, "cargo doc --workspace --exclude xtask --no-deps --lib --all-features --locked")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()?;
    Ok(())
}
