//! `run`: a command with a token in its environment, and without the secrets that were in it.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use butlr_auth::Token;
use clap::{Args, ValueEnum as _};
use zeroize::Zeroizing;

use super::token::outliving;
use crate::context::Context;
use crate::core_dumps;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::form::{self, Form};
use crate::profile::Profile;
use crate::time::parse_duration;

const EXAMPLES: &str = "\
Examples:
  butlr-auth run -- ./report.py                     reads BUTLR_ACCESS_TOKEN and BUTLR_BASE_URL
  butlr-auth -p work run --min-ttl 30m -- make deploy
  butlr-auth run --set GH_TOKEN=raw -- gh api user
  butlr-auth run --set AUTH=header -- sh -c 'curl -H \"$AUTH\" \"$BUTLR_BASE_URL/api/v1/client\"'

The command finds BUTLR_ACCESS_TOKEN, BUTLR_TOKEN_EXPIRES_AT and BUTLR_BASE_URL in its environment, and
neither client secret nor password. It takes the place of this process: its exit code is its own. It is
126 if the command cannot be executed and 127 if it is not found.

The token is not renewed while the command runs: for a command that outlives it, see
`butlr-auth token -o FILE --watch`.";

/// Run a command with a token in its environment
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Set one more variable, to the token in a form: raw, header, json or kube
    #[arg(long = "set", value_name = "NAME=FORM")]
    variables: Vec<Variable>,

    /// Renew the token first unless it is good for this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    min_ttl: Option<Duration>,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// A variable of the caller's choice.
#[derive(Clone, Debug)]
struct Variable {
    name: String,
    form: Form,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, form) = text.split_once('=').ok_or("write NAME=FORM, such as GH_TOKEN=raw")?;
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !name.bytes().all(letters) || name.bytes().next().is_none_or(|first| first.is_ascii_digit()) {
            return Err("the name of a variable is made of letters, digits and `_`".to_owned());
        }
        match Form::from_str(form, false) {
            Ok(form) if form != Form::Env => Ok(Self { name: name.to_owned(), form }),
            _ => Err("the form is one of raw, header, json and kube".to_owned()),
        }
    }
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let profile = context.profile()?;
    let secrets = context.secret_variables()?;
    context.patience.begin();
    let session = context.open(&profile).await?;
    let token = outliving(context, &profile, &session, arguments.min_ttl.unwrap_or_default())
        .await
        .map_err(|failure| failure.help_by_login(&profile.login_command()))?;
    let Some((program, words)) = arguments.command.split_first() else {
        return Err(Failure::usage("no command is named"));
    };
    let mut command = Command::new(program);
    command.args(words);
    for name in secrets {
        command.env_remove(name);
    }
    for (name, value) in environment(context, &profile, &token, &arguments.variables)? {
        // An empty one could be taken for a value; and one that was there belongs to somebody else's token.
        if value.is_empty() {
            command.env_remove(name)
        } else {
            command.env(name, value.as_str())
        };
    }
    // What is under way may have spent a refresh token: nobody would keep its answer after this.
    context.shutdown().await;
    core_dumps::allow_again();
    let error = command.exec();
    Err(Failure::not_run(&program.to_string_lossy(), &error))
}

fn environment(
    context: &Context,
    profile: &Profile,
    token: &Token,
    more: &[Variable],
) -> Result<Vec<(String, Zeroizing<String>)>, Failure> {
    let mut variables: Vec<_> = form::variables(context, profile, token)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for variable in more {
        let text = form::render(context, profile, token, variable.form)?;
        variables.push((variable.name.clone(), Zeroizing::new(text.trim_end().to_owned())));
    }
    Ok(variables)
}
