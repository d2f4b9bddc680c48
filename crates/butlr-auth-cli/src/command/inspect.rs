//! `inspect`: what a JWT says of itself, and whether it is true.

mod verify;

use butlr_auth::ErrorKind;
use butlr_auth::core::UnverifiedClaims;
use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::document;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::secret;
use crate::terminal;
use crate::time::rfc3339_of_seconds;

const EXAMPLES: &str = "\
Examples:
  butlr-auth inspect                     the stored token of the profile in use
  butlr-auth inspect --id-token          the stored id_token: who logged in
  pbpaste | butlr-auth inspect -         a token from stdin
  butlr-auth inspect --json | jq .claims
  butlr-auth inspect --verify --issuer https://as.example.com --audience https://api.example.com

Without --verify the signature is not checked, and nothing that is shown proves anything. With it, a
token that is not good is shown on stderr as the reason why not, and the exit code is 8.";

/// Decode a JWT, and verify it if asked to
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// `-` reads a token from stdin; a token is never an argument
    #[arg(value_name = "-", value_parser = stdin_only)]
    input: Option<()>,

    #[command(flatten)]
    verify: verify::Verification,
}

fn stdin_only(argument: &str) -> Result<(), String> {
    if argument == "-" {
        Ok(())
    } else {
        Err("a token is never an argument: pipe it into `inspect -`; a profile is named by -p".to_owned())
    }
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let token = if arguments.input.is_some() {
        let given = secret::from_stdin().await?;
        let token = given.trim();
        Zeroizing::new(token.strip_prefix("Bearer ").unwrap_or(token).to_owned())
    } else {
        stored(context, arguments.verify.id_token).await?
    };
    let is_verified = arguments.verify.is_asked();
    if is_verified {
        verify::run(context, &arguments.verify, &token).await?;
    }
    let claims = UnverifiedClaims::decode(&token).ok_or_else(|| {
        Failure::new(ErrorKind::InvalidResponse, "this is no JWT: an opaque token says nothing to its client")
    })?;
    let signature = if is_verified { "verified" } else { "not checked" };
    let part = |text: String| serde_json::from_str::<Value>(&text).unwrap_or_default();
    let at = |claim| claims.seconds(claim).and_then(rfc3339_of_seconds);
    let document = json!({
        "schema": 2,
        "signature": signature,
        "header": part(claims.header_json()),
        "claims": part(claims.payload_json()),
        "issued_at": at("iat"),
        "expires_at": at("exp"),
    });
    if context.output.is_json() {
        context.output.document(&document)?;
    } else {
        context.output.result(document::pretty(&document)?.as_bytes())?;
        context.output.note(&format!("signature {signature}"));
    }
    Ok(Exit::Done)
}

/// The access token that the profile in use has, or its `id_token`.
async fn stored(context: &Context, id_token: bool) -> Result<Zeroizing<String>, Failure> {
    if terminal::is_piped() {
        context.output.warning("what is piped in is not read: `butlr-auth inspect -` reads it");
    }
    let profile = context.profile()?;
    let status = context.open(&profile).await?.status().await?;
    let (what, stored) = if id_token {
        ("id_token", status.id_token.map(|token| token.expose().to_owned()))
    } else {
        ("token", status.token.map(|token| token.access_token().expose().to_owned()))
    };
    let stored = stored.map(Zeroizing::new);
    stored.ok_or_else(|| {
        Failure::new(ErrorKind::LoginRequired, format!("profile `{}` has no stored {what}", profile.name))
            .help_by_login(&profile.login_command())
    })
}
