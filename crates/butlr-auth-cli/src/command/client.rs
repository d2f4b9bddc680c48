//! `client`: Butlr's client credentials, minted and managed.

mod save;

use butlr_auth::ErrorKind;
use butlr_auth::core::text::escape;
use clap::{Args, Subcommand};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::api::{Answer, Api, Request};
use crate::context::Context;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::shell;

const EXAMPLES: &str = "\
Examples:
  butlr-auth client create nightly-report --description 'the cron job on db3'
  umask 077; butlr-auth client create ci > ci.env        BUTLR_CLIENT_ID=… and BUTLR_CLIENT_SECRET=…
  butlr-auth client create nightly --save-profile nightly      kept in a profile, printed nowhere
  butlr-auth client list
  butlr-auth client delete client_abc

The secret is shown once, by `create`, and never again.";

/// Where Butlr keeps clients.
const PATH: &str = "/api/v1/client";

/// Mint and manage Butlr client credentials
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: ClientCommand,
}

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Mint client credentials and print them, once
    #[command(after_long_help = EXAMPLES)]
    Create {
        /// What to call the client
        name: String,
        /// What it is for
        #[arg(long, default_value = "", hide_default_value = true)]
        description: String,
        /// Keep the secret in a new profile of this name, and print it nowhere
        #[arg(long, value_name = "PROFILE")]
        save_profile: Option<String>,
        /// Print `export NAME='value'` lines for a shell to evaluate
        #[arg(long, conflicts_with_all = ["save_profile", "json"])]
        shell: bool,
    },
    /// List the clients
    #[command(after_long_help = EXAMPLES)]
    List,
    /// Show one client
    #[command(after_long_help = EXAMPLES)]
    Show {
        /// Its client id
        id: String,
    },
    /// Delete a client: its tokens end
    #[command(after_long_help = EXAMPLES)]
    Delete {
        /// Its client id
        id: String,
    },
}

pub(crate) async fn run(context: &Context, command: ClientCommand) -> Result<Exit, Failure> {
    let profile = context.profile()?;
    let api = Api::new(context, &profile).await?;
    match command {
        ClientCommand::Create { name, description, save_profile, shell } => {
            let place =
                save_profile.map(|name| save::Place::reserve(context, &profile, &name)).transpose()?;
            let wish = json!({ "name": name, "description": description });
            let answer = call(&api, Method::POST, PATH, Some(&wish)).await?;
            let minted = Minted::of(document(&answer)?)?;
            match place {
                Some(place) => place.keep(context, &api, &minted).await?,
                None => printed(context, &api, &minted, shell).await?,
            }
        }
        ClientCommand::List => {
            let answer = call(&api, Method::GET, PATH, None).await?;
            listed(context, &document(&answer)?)?;
        }
        ClientCommand::Show { id } => {
            let answer = call(&api, Method::GET, &path_of(&id), None).await?;
            shown(context, &document(&answer)?)?;
        }
        ClientCommand::Delete { id } => {
            call(&api, Method::DELETE, &path_of(&id), None).await?;
            if context.output.is_json() {
                context.output.document(&json!({ "schema": 2, "client_id": id, "deleted": true }))?;
            }
            context.output.note(&format!("deleted client {}", escape(&id, 128)));
        }
    }
    Ok(Exit::Done)
}

/// The path of one client; whatever the id holds, it stays one segment.
fn path_of(id: &str) -> String {
    let mut url = url::Url::parse("https://path.invalid/api/v1/client").ok();
    if let Some(mut segments) = url.as_mut().and_then(|url| url.path_segments_mut().ok()) {
        segments.push(id);
    }
    url.map_or_else(|| PATH.to_owned(), |url| url.path().to_owned())
}

async fn call(api: &Api, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
    let mut headers = HeaderMap::new();
    if body.is_some() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    let body = body.map(|body| body.to_string().into_bytes());
    let answer = api.send(&Request { method, url: api.url(path)?, headers, body }).await?;
    if answer.status.is_success() { Ok(answer) } else { Err(refusal(&answer)) }
}

/// What the API says when it says no: a code and a message, both a stranger's text.
fn refusal(answer: &Answer) -> Failure {
    let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(|text| escape(text, 256));
    let code = text("code").or_else(|| text("error")).unwrap_or_default();
    let message = text("message").map_or_else(String::new, |message| format!(": {message}"));
    let kind = match answer.status {
        StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        status if status.is_server_error() => ErrorKind::ServerFailed,
        StatusCode::FORBIDDEN => ErrorKind::InsufficientScope,
        _ => ErrorKind::Refused,
    };
    Failure::new(
        kind,
        format!("the API answered {} {code}{message}", answer.status.as_u16()).replace(" :", ":"),
    )
}

fn document(answer: &Answer) -> Result<Value, Failure> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| Failure::new(ErrorKind::InvalidResponse, "the API's answer is no JSON document"))
}

/// A client as the API has just made it.
struct Minted {
    id: String,
    secret: Zeroizing<String>,
    document: Value,
}

impl Minted {
    fn of(mut document: Value) -> Result<Self, Failure> {
        let mut member = |name: &str| match document.get_mut(name).map(Value::take) {
            Some(Value::String(text)) if !text.is_empty() && !text.chars().any(char::is_control) => Ok(text),
            _ => Err(Failure::new(
                ErrorKind::InvalidResponse,
                format!("the API's answer holds no usable `{name}`"),
            )),
        };
        let (id, secret) = (member("client_id")?, Zeroizing::new(member("client_secret")?));
        Ok(Self { id, secret, document })
    }
}

/// Prints the credentials, ready to be used as environment, or as JSON.
async fn printed(context: &Context, api: &Api, minted: &Minted, shell: bool) -> Result<(), Failure> {
    let (id, secret) = (&minted.id, minted.secret.as_str());
    if context.output.is_json() {
        context.output.document(&json!({
            "schema": 2,
            "client_id": id,
            "client_secret": secret,
            "name": minted.document.get("name"),
            "description": minted.document.get("description"),
        }))?;
    } else {
        let variables = [(environment::CLIENT_ID, id.as_str()), (environment::CLIENT_SECRET, secret)];
        match shell::lines(variables, shell) {
            Ok(text) => context.output.result(text.as_bytes())?,
            Err(failure) => return Err(save::undone(api, minted, failure).await),
        }
    }
    context.output.note("this is the only time that the secret is shown: keep it now");
    Ok(())
}

fn listed(context: &Context, clients: &Value) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.document(&json!({ "schema": 2, "clients": clients }));
    }
    let rows: Vec<String> =
        clients.as_array().into_iter().flatten().map(|client| row(client).join("  ")).collect();
    if rows.is_empty() {
        context.output.note("there are no clients");
        return Ok(());
    }
    context.output.line(&rows.join("\n"))
}

fn shown(context: &Context, client: &Value) -> Result<(), Failure> {
    if context.output.is_json() {
        return context.output.document(&json!({ "schema": 2, "client": client }));
    }
    context.output.line(&row(client).join("  "))
}

/// Id, name and description. Lists call the first `id`, minting calls it `client_id`.
fn row(client: &Value) -> [String; 3] {
    let text = |name: &str| client.get(name).and_then(Value::as_str);
    let id = text("client_id").or_else(|| text("id")).unwrap_or_default();
    [id, text("name").unwrap_or_default(), text("description").unwrap_or_default()]
        .map(|text| escape(text, 128))
}
