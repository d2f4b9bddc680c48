//! `inspect`: what a JWT says of itself.

use butlr_auth::ErrorKind;
use butlr_auth::core::UnverifiedClaims;
use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret;
use crate::terminal;
use crate::time::rfc3339_of_seconds;

const EXAMPLES: &str = "\
Examples:
  butlr-auth inspect                     the stored token of the profile in use
  pbpaste | butlr-auth inspect -         a token from stdin
  butlr-auth inspect --json | jq .claims

The signature is not checked: nothing that is shown here proves anything.";

/// Decode a JWT, its signature not checked
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// `-` reads a token from stdin; a token is never an argument
    #[arg(value_name = "-", value_parser = stdin_only)]
    input: Option<()>,
}

fn stdin_only(argument: &str) -> Result<(), String> {
    if argument == "-" {
        Ok(())
    } else {
        Err("a token is never an argument: pipe it into `inspect -`".to_owned())
    }
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let claims = if arguments.input.is_some() {
        let token = secret::from_stdin().await?;
        let token = token.trim();
        UnverifiedClaims::decode(token.strip_prefix("Bearer ").unwrap_or(token))
    } else {
        if terminal::is_piped() {
            context.output.warning("what is piped in is not read: `butlr-auth inspect -` reads it");
        }
        let profile = context.profile()?;
        let status = context.open(&profile).await?.status().await?;
        let token = status.token.ok_or_else(|| {
            Failure::new(ErrorKind::LoginRequired, format!("profile `{}` has no stored token", profile.name))
                .mend_by_login(&profile.login_command())
        })?;
        UnverifiedClaims::decode(token.access_token().expose())
    };
    let claims = claims.ok_or_else(|| {
        Failure::new(ErrorKind::InvalidResponse, "this is no JWT: an opaque token says nothing to its client")
    })?;
    let part = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
    let at = |claim| claims.seconds(claim).and_then(rfc3339_of_seconds);
    let document = json!({
        "schema": 1,
        "signature": "not checked",
        "header": part(claims.header_json()),
        "claims": part(claims.payload_json()),
        "issued_at": at("iat"),
        "expires_at": at("exp"),
    });
    if context.output.is_json() {
        context.output.document(&document)?;
    } else {
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Failure::unexpected(error.to_string()))?;
        context.output.line(&text)?;
        context.output.note("signature not checked");
    }
    Ok(Exit::Done)
}
