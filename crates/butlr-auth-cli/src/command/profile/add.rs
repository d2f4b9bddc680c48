//! `profile add`: a new profile, checked before it is written.

use clap::Args;
use std::path::PathBuf;
use toml_edit::{Array, InlineTable, Item, Table, value};

use crate::config::{BodyName, Edited, GrantName, Preset, StoreName};
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::{Choice, choose};

/// Add a profile
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to call it
    #[arg(value_name = "PROFILE")]
    named: String,

    /// What kind of server it is [default: generic]
    #[arg(long)]
    preset: Option<Preset>,

    /// The authorization server's issuer identifier
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,

    /// How it gets its first token
    #[arg(long)]
    grant: Option<GrantName>,

    /// The client's id
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,

    /// The environment variable that holds the client's secret
    #[arg(long, value_name = "NAME", group = "secret")]
    secret_env: Option<String>,

    /// The file that holds the client's secret, which only you can read
    #[arg(long, value_name = "PATH", group = "secret")]
    secret_file: Option<PathBuf>,

    /// The program that prints the client's secret; repeat it for each of its arguments
    #[arg(long, value_name = "WORD", group = "secret", allow_hyphen_values = true)]
    secret_command: Vec<String>,

    /// Keep the client's secret in the keyring: `login` asks for it and puts it there
    #[arg(long, group = "secret")]
    secret_keyring: bool,

    /// Who logs in by the password grant
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// The scope to ask for, space-separated
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,

    /// The token endpoint
    #[arg(long, value_name = "URL")]
    token_endpoint: Option<String>,

    /// The authorization endpoint
    #[arg(long, value_name = "URL")]
    authorization_endpoint: Option<String>,

    /// The revocation endpoint
    #[arg(long, value_name = "URL")]
    revocation_endpoint: Option<String>,

    /// The device authorization endpoint
    #[arg(long, value_name = "URL")]
    device_endpoint: Option<String>,

    /// Where to keep its session
    #[arg(long, value_name = "PLACE")]
    store: Option<StoreName>,

    /// How requests to the token endpoint are encoded [default: form]
    #[arg(long)]
    body: Option<BodyName>,

    /// How the client authenticates: basic, body or none
    #[arg(long, value_name = "HOW")]
    client_auth: Option<String>,

    /// Let commands use it unless they name another
    #[arg(long = "use")]
    and_use: bool,
}

pub(super) fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let name = arguments.named.as_str();
    let mut config = Edited::open(context)?;
    config.add_profile(name, arguments.table(context)?)?;
    let is_first = config.config()?.profiles.len() == 1;
    if arguments.and_use || (is_first && config.default_profile().is_none()) {
        config.set_default_profile(name);
    }
    // What is written can be used.
    let global = crate::cli::Global { base_url: None, ..context.global.clone() };
    let choice = Choice { named: Some(name), ..Choice::default() };
    let profile = choose(choice, &global, &config.config()?, &context.environment)?;
    config.save()?;
    let said = if profile.is_the_clients_own() {
        format!("added profile `{name}`: `butlr-auth -p {name} token`")
    } else {
        format!("added profile `{name}`: `{}`", profile.login_command())
    };
    super::done(context, name, "added", said)
}

impl Arguments {
    fn table(&self, context: &Context) -> Result<Table, Failure> {
        let mut table = Table::new();
        let mut set = |key: &str, given: Option<String>| {
            given.map(|given| table.insert(key, value(given)));
        };
        set("preset", self.preset.as_ref().map(named));
        set("base_url", context.global.base_url.clone());
        set("issuer", self.issuer.clone());
        set("grant", self.grant.as_ref().map(named));
        set("client_id", self.client_id.clone());
        set("client_auth", self.client_auth.clone());
        set("body", self.body.as_ref().map(named));
        set("username", self.username.clone());
        set("store", self.store.as_ref().map(named));
        if let Some(secret) = self.secret()? {
            table.insert("client_secret", value(secret));
        }
        if let Some(scope) = &self.scope {
            table.insert("scopes", value(scope.split_whitespace().collect::<Array>()));
        }
        let mut endpoints = Table::new();
        for (key, url) in [
            ("token", &self.token_endpoint),
            ("authorization", &self.authorization_endpoint),
            ("revocation", &self.revocation_endpoint),
            ("device_authorization", &self.device_endpoint),
        ] {
            url.as_ref().map(|url| endpoints.insert(key, value(url)));
        }
        if !endpoints.is_empty() {
            table.insert("endpoints", Item::Table(endpoints));
        }
        Ok(table)
    }

    fn secret(&self) -> Result<Option<InlineTable>, Failure> {
        let mut place = InlineTable::new();
        if let Some(name) = &self.secret_env {
            place.insert("env", name.into());
        } else if let Some(path) = &self.secret_file {
            // Where the configuration is has nothing to do with where this is typed.
            let path = std::path::absolute(path)?;
            let path = path.to_str().ok_or_else(|| Failure::usage("the path is not valid UTF-8"))?;
            place.insert("file", path.into());
        } else if !self.secret_command.is_empty() {
            let words: Array = self.secret_command.iter().collect();
            place.insert("command", words.into());
        } else if self.secret_keyring {
            place.insert("keyring", true.into());
        } else {
            return Ok(None);
        }
        Ok(Some(place))
    }
}

fn named<V: clap::ValueEnum>(chosen: &V) -> String {
    chosen.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
