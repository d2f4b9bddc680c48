//! `profile add`: a new profile, checked before it is written.

mod questions;

use clap::Args;
use std::path::PathBuf;
use toml_edit::{Array, InlineTable, Item, Table, TableLike, Value, value};

use crate::config::{BodyName, Edited, GrantName, Preset, StoreName};
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::{Choice, choose};

/// Add a profile
#[derive(Clone, Debug, Args)]
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

    /// Where refresh tokens are sent, if that is elsewhere
    #[arg(long, value_name = "URL")]
    refresh_endpoint: Option<String>,

    /// The introspection endpoint
    #[arg(long, value_name = "URL")]
    introspection_endpoint: Option<String>,

    /// Where the server's keys are
    #[arg(long, value_name = "URL")]
    jwks_endpoint: Option<String>,

    /// A parameter of every authorization and token request; repeat it, for one name too
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    param: Vec<(String, String)>,

    /// A parameter of authorization requests alone
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    authorization_param: Vec<(String, String)>,

    /// Where the server sends the browser back to
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,

    /// How long a token lives for which nobody says it
    #[arg(long, value_name = "DURATION")]
    assumed_lifetime: Option<String>,

    /// For how long the server forgives a refresh token that is spent twice
    #[arg(long, value_name = "DURATION")]
    reuse_interval: Option<String>,

    /// Any other key of the configuration, such as `refresh_scope=true`
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,

    /// Write it without asking the issuer whether it is one
    #[arg(long)]
    unchecked: bool,

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

pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let arguments = &questions::completed(context, arguments).await?;
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
    if !arguments.unchecked {
        questions::try_issuer(context, &profile).await?;
    }
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
        set("redirect_uri", self.redirect_uri.clone());
        set("assumed_lifetime", self.assumed_lifetime.clone());
        set("reuse_interval", self.reuse_interval.clone());
        if let Some(secret) = self.secret()? {
            table.insert("client_secret", value(secret));
        }
        if let Some(scope) = &self.scope {
            table.insert("scopes", value(scope.split_whitespace().collect::<Array>()));
        }
        for (key, pairs) in [("params", &self.param), ("authorization_params", &self.authorization_param)] {
            if !pairs.is_empty() {
                table.insert(key, value(parameters(pairs)));
            }
        }
        let mut endpoints = Table::new();
        for (key, url) in [
            ("token", &self.token_endpoint),
            ("authorization", &self.authorization_endpoint),
            ("revocation", &self.revocation_endpoint),
            ("device_authorization", &self.device_endpoint),
            ("refresh", &self.refresh_endpoint),
            ("introspection", &self.introspection_endpoint),
            ("jwks", &self.jwks_endpoint),
        ] {
            url.as_ref().map(|url| endpoints.insert(key, value(url)));
        }
        if !endpoints.is_empty() {
            table.insert("endpoints", Item::Table(endpoints));
        }
        for (key, text) in &self.set {
            set_key(&mut table, key, text)?;
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

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}

/// A name that comes once has a value, and one that comes again a list of them.
fn parameters(pairs: &[(String, String)]) -> InlineTable {
    let mut parameters = InlineTable::new();
    for (name, _) in pairs {
        let mut values = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let written: Value = match (values.next(), values.next()) {
            (Some(only), None) => only.into(),
            _ => {
                let all = pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
                Value::Array(all.collect())
            }
        };
        parameters.insert(name, written);
    }
    parameters
}

/// Sets a key, which may be one of a table within the profile, to a value of TOML, or else to a string.
fn set_key(table: &mut Table, key: &str, text: &str) -> Result<(), Failure> {
    let written: Value = text.parse().unwrap_or_else(|_| text.into());
    let (place, key) = match key.split_once('.') {
        None => (Some(table as &mut dyn TableLike), key),
        Some((outer, inner)) => {
            (table.entry(outer).or_insert(Item::Table(Table::new())).as_table_like_mut(), inner)
        }
    };
    let place = place.ok_or_else(|| Failure::usage("--set names a key within one that is no table"))?;
    place.insert(key, value(written));
    Ok(())
}

fn named<V: clap::ValueEnum>(chosen: &V) -> String {
    chosen.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
