//! The commands, in the order in which a newcomer meets them.

pub(crate) mod api;
pub(crate) mod client;
pub(crate) mod completions;
#[cfg(feature = "demo")]
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod help;
pub(crate) mod helper;
pub(crate) mod inspect;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
pub(crate) mod profile;
pub(crate) mod run;
pub(crate) mod status;
pub(crate) mod token;

use crate::cli::Command;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed;

/// Runs a command. Each is boxed: they are large, and only one ever runs.
pub(crate) async fn run(context: &Context, command: Command) -> Result<Exit, Failure> {
    let is_login = matches!(command, Command::Login(_));
    match dispatch(context, command).await {
        Err(failure) if failure.exit == Exit::Login && !is_login => {
            Err(Box::pin(listed::explain(context, failure)).await)
        }
        ended => ended,
    }
}

async fn dispatch(context: &Context, command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Login(arguments) => Box::pin(login::run(context, &arguments)).await,
        Command::Token(arguments) => Box::pin(token::run(context, &arguments)).await,
        Command::Run(arguments) => Box::pin(run::run(context, &arguments)).await,
        Command::Api(arguments) => Box::pin(api::run(context, arguments)).await,
        Command::Status(arguments) => Box::pin(status::run(context, &arguments)).await,
        Command::Logout(arguments) => Box::pin(logout::run(context, &arguments)).await,
        Command::Client(arguments) => Box::pin(client::run(context, arguments.command)).await,
        Command::Profile(arguments) => Box::pin(profile::run(context, arguments.command)).await,
        Command::Inspect(arguments) => Box::pin(inspect::run(context, &arguments)).await,
        Command::Doctor(arguments) => Box::pin(doctor::run(context, &arguments)).await,
        #[cfg(feature = "demo")]
        Command::Demo(arguments) => Box::pin(demo::run(context, arguments)).await,
        Command::Helper(arguments) => Box::pin(helper::run(context, arguments.command)).await,
        Command::Completions(arguments) => completions::run(context, &arguments),
        Command::Man(arguments) => man::run(context, &arguments),
        Command::Help(arguments) => help::run(context, &arguments),
    }
}
