//! `help`: of a command, or about what no command alone is about.

use clap::{Args, Parser as _};

use crate::cli::{self, Cli};
use crate::context::Context;
use crate::environment::variables;
use crate::exit::Exit;
use crate::failure::Failure;

/// Print help: of a command, or about `environment`
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A command, or `environment`
    #[arg(value_name = "TOPIC")]
    words: Vec<String>,
}

pub(crate) fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.words == ["environment"] {
        context.output.line(variables::text().trim_end())?;
        return Ok(Exit::Done);
    }
    let words =
        ["butlr-auth"].into_iter().chain(arguments.words.iter().map(String::as_str)).chain(["--help"]);
    match Cli::try_parse_from(words) {
        Ok(_) => Ok(Exit::Done),
        Err(help) => Ok(cli::refuse(help, &context.environment)),
    }
}
