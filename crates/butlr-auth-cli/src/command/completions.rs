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
  butlr-auth completions fish > ~/.config/fish/completions/butlr-auth.fish

In bash, zsh and fish the names of profiles are completed, too.";

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Which shell
    shell: Shell,
}

/// These ask this program what may stand at the cursor, and so know the profiles.
const BASH: &str = include_str!("completions/butlr-auth.bash");
const ZSH: &str = include_str!("completions/_butlr-auth");
const FISH: &str = include_str!("completions/butlr-auth.fish");

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    match arguments.shell {
        Shell::Bash => context.output.result(BASH.as_bytes())?,
        Shell::Zsh => context.output.result(ZSH.as_bytes())?,
        Shell::Fish => context.output.result(FISH.as_bytes())?,
        other => {
            let mut script = Vec::new();
            clap_complete::generate(other, &mut Cli::command(), "butlr-auth", &mut script);
            context.output.result(&script)?;
        }
    }
    Ok(Exit::Done)
}
