//! `logout`: forgets at once, then revokes what the server can revoke.

use butlr_auth::ErrorKind;
use clap::Args;
use serde_json::{Value, json};

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::Listed;
use crate::profile::{Choice, Profile};

const EXAMPLES: &str = "\
Examples:
  butlr-auth logout              the profile that commands use now
  butlr-auth logout work         the profile `work`
  butlr-auth logout --all        every profile
  butlr-auth logout --local      without asking the server to revoke anything

A profile whose settings were changed, such as its user name, issuer or audience, has another session
than before; --all ends those of before, too.

Every process that uses the session finds it ended within seconds. If the server cannot revoke its
tokens, that is said; they then live until they expire.";

/// Forget a session and revoke its tokens
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The profile to log out
    #[arg(value_name = "PROFILE")]
    named: Option<String>,

    /// Log out every profile
    #[arg(long, conflicts_with = "named")]
    all: bool,

    /// Do not ask the server to revoke the tokens
    #[arg(long)]
    local: bool,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let named = context.named(arguments.named.as_deref())?;
    let mut profiles = vec![context.choose(Choice { named, ..Choice::default() })?];
    if arguments.all {
        let config = context.config()?;
        let others =
            config.profiles.keys().filter(|name| **name != profiles.first().map_or("", |one| &one.name));
        let others: Result<Vec<Profile>, Failure> =
            others.map(|name| context.choose(Choice { named: Some(name), ..Choice::default() })).collect();
        profiles.extend(others?);
        for listed in Listed::earlier(context, &profiles) {
            let now = profiles.iter().find(|profile| profile.name == listed.profile).cloned();
            profiles.extend(listed.if_alive(context, now.as_ref()).await);
        }
    }
    let mut documents = Vec::new();
    for profile in &profiles {
        documents.push(end(context, profile, arguments.local).await?);
    }
    if context.output.is_json() {
        let document = match documents.pop() {
            Some(only) if !arguments.all => only,
            last => {
                documents.extend(last);
                json!({ "schema": 1, "profiles": documents })
            }
        };
        context.output.document(&document)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn end(context: &Context, profile: &Profile, local: bool) -> Result<Value, Failure> {
    let session = context.open(profile).await?;
    let ended = if local { session.forget().await? } else { session.logout().await? };
    Listed::remove(context, profile);
    let name = &profile.shown_name();
    if ended.was_logged_in {
        context.output.note(&format!("logged out of profile `{name}`"));
    } else {
        context.output.note(&format!("profile `{name}` was not logged in"));
    }
    let still_good = ended.not_revoked.as_ref().map(|error| match error.kind() {
        ErrorKind::Unsupported => "the server has no revocation endpoint".to_owned(),
        _ => error.to_string(),
    });
    if let Some(why) = &still_good {
        context.output.warning(&format!(
            "the tokens of `{name}` could not be revoked and live until they expire: {why}"
        ));
    }
    Ok(json!({
        "schema": 1,
        "profile": name,
        "was_logged_in": ended.was_logged_in,
        "revoked": ended.was_logged_in && !local && still_good.is_none(),
        "not_revoked": still_good,
    }))
}
