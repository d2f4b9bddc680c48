//! `profile`: the configuration without an editor.

mod add;

use butlr_auth::core::text::escape;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::config::Edited;
use crate::context::Context;
use crate::document;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::listed::Listed;
use crate::profile::{Choice, Profile, names};

const EXAMPLES: &str = "\
Examples:
  butlr-auth profile add me --preset butlr --username you@example.com
  butlr-auth profile add robot --preset butlr --client-id ID --secret-env ROBOT_SECRET
  butlr-auth profile add work --issuer https://idp.example.com/realms/work --client-id cli \\
      --scope 'openid offline_access'
  butlr-auth profile add shop --token-endpoint https://as.example.com/token --client-id cli \\
      --param audience=https://api.example.com --set refresh_scope=true
  butlr-auth profile use work               what commands use unless -p says otherwise
  butlr-auth profile list
  butlr-auth profile show work
  butlr-auth profile remove work

What is written by hand in the configuration, comments included, stays. Secrets never go there: it says
where they are.";

/// Manage the profiles of the configuration
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: ProfileCommand,
}

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfileCommand {
    /// List the profiles
    #[command(after_long_help = EXAMPLES)]
    List,
    /// Show a profile as the configuration has it
    #[command(after_long_help = EXAMPLES)]
    Show {
        /// The profile [default: the one that commands use now]
        #[arg(value_name = "PROFILE")]
        named: Option<String>,
    },
    #[command(after_long_help = EXAMPLES)]
    Add(Box<add::Arguments>),
    /// Let commands use this profile unless they name another
    #[command(after_long_help = EXAMPLES)]
    Use {
        /// The profile
        #[arg(value_name = "PROFILE")]
        named: String,
    },
    /// Remove a profile, and log out of what it has under earlier settings
    #[command(after_long_help = EXAMPLES)]
    Remove {
        /// The profile
        #[arg(value_name = "PROFILE")]
        named: String,
        /// Remove it although it is logged in, and log it out
        #[arg(long)]
        force: bool,
    },
}

pub(crate) async fn run(context: &Context, command: ProfileCommand) -> Result<Exit, Failure> {
    match command {
        ProfileCommand::List => list(context)?,
        ProfileCommand::Show { named } => show(context, named.as_deref())?,
        ProfileCommand::Add(arguments) => Box::pin(add::run(context, &arguments)).await?,
        ProfileCommand::Use { named } => set_default(context, &named)?,
        ProfileCommand::Remove { named, force } => remove(context, &named, force).await?,
    }
    Ok(Exit::Done)
}

fn list(context: &Context) -> Result<(), Failure> {
    let config = context.config()?;
    let current = context.profile().map(|profile| profile.name).ok();
    let mut documents = Vec::new();
    let mut lines = Vec::new();
    for name in config.profiles.keys() {
        let is_current = current.as_ref() == Some(name);
        let is_default = config.default_profile.as_ref() == Some(name);
        let found = context.choose(Choice { named: Some(name), ..Choice::default() });
        let mark = if is_current { '*' } else { ' ' };
        match found {
            Ok(profile) => {
                let server = escape(&profile.server(), 128);
                lines.push(format!(
                    "{mark} {:<16} {:<18} {server}",
                    escape(name, 64),
                    profile.grant.as_str()
                ));
                documents.push(described(&profile, is_current, is_default));
            }
            Err(failure) => {
                lines.push(format!("{mark} {:<16} {failure}", escape(name, 64)));
                documents.push(json!({
                    "profile": name, "current": is_current, "default": is_default, "error": failure.message,
                }));
            }
        }
    }
    if context.output.is_json() {
        return context.output.document(&json!({ "schema": 2, "profiles": documents }));
    }
    if lines.is_empty() {
        context.output.note("there are no profiles: `butlr-auth profile add` makes one");
        return Ok(());
    }
    context.output.line(&lines.join("\n"))
}

fn described(profile: &Profile, is_current: bool, is_default: bool) -> Value {
    json!({
        "profile": profile.name,
        "current": is_current,
        "default": is_default,
        "grant": profile.grant.as_str(),
        "server": profile.origin(),
        "address": profile.server(),
        "client_id": profile.shown_client(),
    })
}

fn show(context: &Context, named: Option<&str>) -> Result<(), Failure> {
    let named = context.named(named)?;
    let name = match named {
        Some(name) => name.to_owned(),
        None => context.profile()?.name,
    };
    let config = Edited::open(context)?;
    let text = config.profile_text(&name).ok_or_else(|| missing(&config, &name))?;
    if context.output.is_json() {
        let parsed: Value =
            toml::from_str(&text).map_err(|_| Failure::unexpected("the profile is not TOML by itself"))?;
        let settings = parsed.get("profile").and_then(|profiles| profiles.get(&name));
        return context.output.document(&json!({ "schema": 2, "profile": name, "settings": settings }));
    }
    context.output.line(&document::escaped(&text))
}

fn set_default(context: &Context, name: &str) -> Result<(), Failure> {
    let mut config = Edited::open(context)?;
    if !config.has_profile(name) {
        return Err(missing(&config, name));
    }
    config.set_default_profile(name);
    config.save()?;
    done(context, name, "used", format!("commands use profile `{name}` now"))
}

async fn remove(context: &Context, name: &str, force: bool) -> Result<(), Failure> {
    let mut config = Edited::open(context)?;
    if !config.has_profile(name) {
        return Err(missing(&config, name));
    }
    // A profile that cannot be used has no session that could be ended by it.
    let profile = context.choose(Choice { named: Some(name), ..Choice::default() }).ok();
    let mut alive = None;
    if let Some(profile) = profile.filter(|profile| !profile.is_the_clients_own()) {
        let status = async { Ok::<_, Failure>(context.open(&profile).await?.status().await?) };
        match status.await {
            Ok(status) if matches!(status.state, butlr_auth::SessionState::NeedsLogin(_)) => {}
            Ok(_) if !force => {
                return Err(Failure::configuration(format!("profile `{name}` is logged in"))
                    .help(format!("run `butlr-auth logout {name}` first, or add --force")));
            }
            Ok(_) => alive = Some(profile),
            Err(failure) if !force => return Err(failure),
            Err(failure) => context.output.warning(&format!("its session stays as it is: {failure}")),
        }
    }
    if let Some(profile) = alive {
        super::logout::end(context, &profile, false).await?;
    }
    end_earlier(context, name, config.path()).await?;
    config.remove_profile(name);
    config.save()?;
    done(context, name, "removed", format!("removed profile `{name}`"))
}

/// Ends the sessions that a profile has under earlier words: when it is gone, nothing names them any more.
async fn end_earlier(context: &Context, name: &str, configuration: &std::path::Path) -> Result<(), Failure> {
    let now = context.choose(Choice { named: Some(name), ..Choice::default() }).ok();
    for listed in Listed::earlier(context, now.as_slice()) {
        if listed.profile != name || listed.is_of_another(configuration) {
            continue;
        }
        if let Some(earlier) = listed.if_alive(context, now.as_ref()).await {
            super::logout::end(context, &earlier, false).await?;
        }
    }
    Ok(())
}

fn missing(config: &Edited, name: &str) -> Failure {
    let shown = escape(name, 64);
    let failure =
        Failure::configuration(format!("there is no profile `{shown}` in {}", config.path().display()));
    match config.config() {
        Ok(config) if !config.profiles.is_empty() => failure.help(format!("name one of: {}", names(&config))),
        _ => failure.help("make one with `butlr-auth profile add`"),
    }
}

fn done(context: &Context, name: &str, what: &str, said: String) -> Result<(), Failure> {
    if context.output.is_json() {
        context.output.document(&json!({ "schema": 2, "profile": name, what: true }))?;
    }
    context.output.note(&said);
    Ok(())
}
