//! `helper`: the protocols by which git and docker ask other programs for a secret.

mod docker;
mod git;

use butlr_auth::{ErrorKind, Token};
use clap::{Args, Subcommand};
use url::Url;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;

const EXAMPLES: &str = "\
Examples:
  git config --global credential.https://git.example.com.helper '!butlr-auth -p work helper git'

  A file docker-credential-butlr on the PATH, named in ~/.docker/config.json by
  { \"credHelpers\": { \"registry.example.com\": \"butlr\" } }:
      #!/bin/sh
      exec butlr-auth -p work helper docker \"$@\"

The token goes to the profile's own host alone (its `base_url`, else its authorization server) and is
the password beside --username. It is renewed as by `token`; nobody is ever asked.";

/// Answer git and docker when they ask for a password
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: HelperCommand,
}

/// Who asks.
#[derive(Debug, Subcommand)]
pub(crate) enum HelperCommand {
    /// git: the protocol of gitcredentials(7)
    #[command(after_long_help = EXAMPLES)]
    Git(Asked),
    /// docker: the protocol of docker-credential-helpers
    #[command(after_long_help = EXAMPLES)]
    Docker(Asked),
}

/// What is asked for.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// The user name that the server expects beside a token
    #[arg(long, value_name = "NAME", default_value = "oauth2", value_parser = plain)]
    username: String,

    /// get, store, erase or list, as the protocol has them
    operation: String,
}

/// A value of a protocol of lines: a line end in it would be read as another value.
fn plain(text: &str) -> Result<String, String> {
    if text.is_empty() || text.chars().any(char::is_control) {
        Err("a name has no control characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

pub(crate) async fn run(context: &Context, command: HelperCommand) -> Result<Exit, Failure> {
    match command {
        HelperCommand::Git(asked) => git::run(context, &asked).await,
        HelperCommand::Docker(asked) => docker::run(context, &asked).await,
    }
}

/// The one server that gets the profile's token.
fn server(profile: &Profile) -> Option<String> {
    let base_url = profile.base_url.as_ref().map(|(url, _)| url.origin());
    base_url.or_else(|| profile.origin())
}

/// Whether a host, as git and docker write it, is the profile's server: its name or address and its port, letter for
/// letter. What a parser of URLs would first have to make a host of, by a path, an escape, another way to write an
/// address, is none: git and the parser may not agree on where the token goes.
fn is_ours(profile: &Profile, scheme: &str, authority: &str) -> bool {
    let Some(ours) = server(profile).and_then(|origin| origin.parse::<Url>().ok()) else { return false };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = match port {
        Some(text) => text.parse::<u16>().ok().filter(|port| port.to_string() == text),
        None if scheme == "http" => Some(80),
        None => Some(443),
    };
    scheme == ours.scheme()
        && ours.host_str().is_some_and(|name| name.eq_ignore_ascii_case(host))
        && port.is_some()
        && port == ours.port_or_known_default()
}

/// A token that a protocol of lines can carry.
async fn token(context: &Context, profile: &Profile) -> Result<Token, Failure> {
    context.patience.begin();
    let session = context.open(profile).await?;
    let token = context
        .token(profile, &session, || session.token())
        .await
        .map_err(|failure| failure.help_by_login(&profile.login_command()))?;
    // The library reads no such token; what is printed here is parsed by others, line by line.
    if token.access_token().expose().chars().any(char::is_control) {
        return Err(Failure::new(ErrorKind::InvalidResponse, "the token holds a control character"));
    }
    Ok(token)
}
