//! docker's protocol: the server on stdin, a JSON document on stdout.

use serde_json::json;

use super::{Asked, is_ours, server, token};
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::terminal;

/// By this text on stdout, and no other, docker tells "none" from a failure and goes on without a password.
const NOT_FOUND: &str = "credentials not found in native keychain";

pub(super) async fn run(context: &Context, asked: &Asked) -> Result<Exit, Failure> {
    let profile = context.profile()?;
    match asked.operation.as_str() {
        "get" => {
            let given = terminal::stdin_text().await?;
            let given = given.trim();
            if given.chars().any(char::is_control) {
                return Err(Failure::usage("the server's address has a line end in it"));
            }
            // docker names a registry with and without its scheme.
            let (scheme, authority) = given.split_once("://").unwrap_or(("https", given));
            if !is_ours(&profile, scheme, authority) {
                context.output.line(NOT_FOUND)?;
                return Ok(Exit::Unexpected);
            }
            let token = token(context, &profile).await?;
            context.output.document(&json!({
                "ServerURL": given,
                "Username": asked.username,
                "Secret": token.access_token().expose(),
            }))?;
        }
        "list" => {
            let mut servers = serde_json::Map::new();
            if let Some(server) = server(&profile) {
                servers.insert(server, asked.username.clone().into());
            }
            context.output.document(&servers.into())?;
        }
        // What is refused is renewed when it is asked for the next time.
        "erase" => {}
        operation => {
            let shown = butlr_auth::core::text::escape(operation, 32);
            return Err(Failure::usage(format!(
                "`{shown}` is not possible: passwords come from the profile's login"
            ))
            .help(format!("run `{}`", profile.login_command())));
        }
    }
    Ok(Exit::Done)
}
