//! `completions`: what a shell needs to complete this command's words.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  butlr-auth completions bash > ~/.local/share/bash-completion/completions/butlr-auth
  butlr-auth completions zsh > \"${fpath[1]}/_butlr-auth\"
  butlr-auth completions fish > ~/.config/fish/completions/butlr-auth.fish";

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which shell
    shell: Shell,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "butlr-auth", &mut script);
    context.output.result(&script)?;
    Ok(Exit::Done)
}
