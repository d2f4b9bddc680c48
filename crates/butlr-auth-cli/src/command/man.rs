//! `man`: a page for each command.

mod page;

use std::path::PathBuf;

use butlr_auth::ErrorKind;
use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  butlr-auth man ~/.local/share/man/man1
  man butlr-auth-token";

/// Write manual pages into a folder
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The folder, made if it is missing
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let folder = &arguments.folder;
    let mut cli = Cli::command();
    cli.build();
    std::fs::create_dir_all(folder).and_then(|()| page::write(&cli, folder)).map_err(|error| {
        let message = format!("could not write into {}: {error}", folder.display());
        Failure::new(ErrorKind::Storage, message)
    })?;
    context.output.note(&format!("wrote the manual pages into {}", folder.display()));
    Ok(Exit::Done)
}
