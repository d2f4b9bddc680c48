//! `logout`: forgets at once, then revokes what the server can revoke.

mod told;

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

A profile whose user name, issuer or audience was changed has another session than before;
--all ends those of before, too.

Every process that uses the session finds it ended within seconds. What the server has revoked and
what not is said for each token; what is not revoked lives until it expires. Where the session cannot
be removed, as on a full disk, it is revoked all the same, and the exit code is 7.";

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
    let mut failed = None;
    for profile in &profiles {
        match end(context, profile, arguments.local).await {
            Ok(document) => documents.push(document),
            // The others are ended all the same.
            Err(failure) => failed = failed.or(Some(failure)),
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    if context.output.is_json() {
        let document = match documents.pop() {
            Some(only) if !arguments.all => only,
            last => {
                documents.extend(last);
                json!({ "schema": 2, "profiles": documents })
            }
        };
        context.output.document(&document)?;
    }
    Ok(Exit::Done)
}

pub(super) async fn end(context: &Context, profile: &Profile, local: bool) -> Result<Value, Failure> {
    context.patience.begin();
    let session = context.open(profile).await?;
    let ended = if local { session.forget().await? } else { session.logout().await? };
    let name = &profile.shown_name();
    told::of_tokens(&context.output, name, &ended);
    if let Some(error) = &ended.not_forgotten {
        return Err(told::stayed(context, profile, error));
    }
    Listed::remove(context, profile);
    if ended.was_logged_in {
        context.output.note(&format!("logged out of profile `{name}`"));
    } else {
        context.output.note(&format!("profile `{name}` was not logged in"));
    }
    let still_good = ended.not_revoked.as_ref().map(told::why);
    Ok(json!({
        "schema": 2,
        "profile": name,
        "was_logged_in": ended.was_logged_in,
        "revoked": ended.was_logged_in && !local && still_good.is_none(),
        "not_revoked": still_good,
        "refresh_token": ended.refresh_token.as_ref().map(told::outcome),
        "access_tokens": ended.access_tokens.iter().map(told::outcome).collect::<Vec<_>>(),
    }))
}
