//! `login`: the one command that asks a person.

use std::path::PathBuf;

use butlr_auth::{
    AccessToken, AuthorizationRequest, AuthorizationResponse, EndpointUrl, ErrorKind, Grant, Password, Scope,
    Session, Token, TokenResponse,
};
use clap::Args;
use serde_json::json;
use zeroize::Zeroizing;

use crate::config::GrantName;
use crate::context::Context;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::{Choice, Profile, Source};
use crate::secret::{self, Given, SecretPlace};
use crate::shell;
use crate::terminal;
use crate::time::rfc3339;

const EXAMPLES: &str = "\
Examples:
  butlr-auth login                          Butlr, with user name and password
  butlr-auth login work                     the profile `work`, by its own grant
  pass show butlr | butlr-auth login me --secret-stdin
  butlr-auth login me --secret-file ~/.butlr-password
  butlr-auth login --with-token < token     use a token that another program got

Authorization code and implicit grant: open the address that is printed, log in there, and paste the
address of the page that you end on, even if the browser says that it cannot be reached. Without a
terminal that address is read from stdin, one line.

A password is used once and never stored. Secrets come from a prompt, stdin, a file or the
environment, never from an argument.";

/// Log in and keep the session
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The profile to log in
    #[arg(value_name = "PROFILE")]
    named: Option<String>,

    /// By user name and password (legacy)
    #[arg(long, group = "how")]
    user_password: bool,

    /// By the client's own id and secret
    #[arg(long, group = "how")]
    client_credentials: bool,

    /// By the implicit grant (legacy)
    #[arg(long, group = "how")]
    implicit: bool,

    /// Import an access token from stdin
    #[arg(long, group = "how", conflicts_with_all = ["secret_stdin", "secret_file"])]
    with_token: bool,

    /// Ask for this scope, space-separated, instead of the profile's
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,

    /// Read the password or client secret from stdin, one line
    #[arg(long)]
    secret_stdin: bool,

    /// Read the password or client secret from a file that only you can read
    #[arg(long, value_name = "PATH", conflicts_with = "secret_stdin")]
    secret_file: Option<PathBuf>,
}

/// Whether `BUTLR_BASE_URL` would lead elsewhere than this profile does.
fn names_another_server(context: &Context, profile: &Profile) -> Result<bool, Failure> {
    let named = context.environment.text(environment::BASE_URL)?;
    let origin = named.map(|url| url.parse::<EndpointUrl>().map(|url| url.origin()).unwrap_or(url));
    Ok(origin.is_some() && origin != profile.provider.origin())
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let named = context.named(arguments.named.as_deref())?;
    let for_a_person = arguments.user_password || arguments.implicit || arguments.with_token;
    let mut profile = context.choose(Choice { named, for_a_person })?;
    let grant = grant(arguments, &profile)?;
    if arguments.scope.is_some() && grant == GrantName::ClientCredentials {
        return Err(Failure::usage("--scope has no effect on a session that asks again by itself")
            .mend("set `scopes` in the profile"));
    }
    if profile.ignores_base_url && names_another_server(context, &profile)? {
        context.output.warning(&format!(
            "BUTLR_BASE_URL is not used: profile `{}` belongs to {}",
            profile.name,
            profile.provider.origin().unwrap_or_default()
        ));
    }
    // Before anybody is asked for anything: can the session be kept at all? A damaged record is set aside by this.
    match context.open(&profile)?.status().await {
        Err(error) if error.kind() != ErrorKind::CorruptRecord => return Err(error.into()),
        _ => {}
    }
    let scope = arguments.scope.clone().unwrap_or_else(|| profile.scope.clone());
    let token = if arguments.with_token {
        import(context, &profile).await?
    } else {
        match grant {
            GrantName::Password => {
                let grant = password(context, arguments, &profile).await?.with_scope(scope);
                context.open(&profile)?.login(&grant).await?
            }
            GrantName::ClientCredentials => client_credentials(context, arguments, &mut profile).await?,
            GrantName::AuthorizationCode | GrantName::Implicit => {
                if arguments.secret_stdin || arguments.secret_file.is_some() {
                    let message = format!("the {} grant takes no secret from you", grant.as_str());
                    return Err(Failure::usage(message).mend("leave --secret-stdin and --secret-file out"));
                }
                authorize(context, &profile, grant, scope).await?
            }
        }
    };
    report(context, &profile, &token)?;
    Ok(Exit::Done)
}

/// The grant that flags ask for, or the profile's.
fn grant(arguments: &Arguments, profile: &Profile) -> Result<GrantName, Failure> {
    let asked = if arguments.user_password {
        GrantName::Password
    } else if arguments.client_credentials {
        GrantName::ClientCredentials
    } else if arguments.implicit {
        GrantName::Implicit
    } else {
        return Ok(profile.grant);
    };
    let own = GrantName::ClientCredentials;
    if (asked == own) != (profile.grant == own) {
        // The session is the client's own or a person's: the next `token` would not find the other one.
        let message = format!(
            "profile `{}` uses the {} grant, and --{} would log in somebody else",
            profile.name,
            profile.grant.as_str(),
            if asked == own { "client-credentials" } else { "user-password or --implicit" },
        );
        return Err(Failure::configuration(message).mend(if asked == own {
            "set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET, or `grant = \"client_credentials\"` in a profile"
        } else {
            "name a profile of a person"
        }));
    }
    Ok(asked)
}

/// Makes the password grant from what profile, environment, stdin, file or the person say.
async fn password(context: &Context, arguments: &Arguments, profile: &Profile) -> Result<Grant, Failure> {
    let username = match &profile.username {
        Some(username) => username.clone(),
        None => {
            ask_for(context, "a user name", "set BUTLR_USERNAME, or `username` in the profile")?;
            terminal::line(&context.output, "User name: ").await?
        }
    };
    let environment = &context.environment;
    // A password of the environment belongs to the user name beside it, if there is one.
    let fits = environment.text(environment::USERNAME)?.is_none_or(|named| named == username);
    let password = if let Some(secret) = handed_in(arguments).await? {
        secret
    } else if let Some(password) = environment.text(environment::PASSWORD)?.filter(|_| fits) {
        Zeroizing::new(password)
    } else if let Some(path) = environment.path(environment::PASSWORD_FILE).filter(|_| fits) {
        secret::from_file(&path)?
    } else {
        ask_for(
            context,
            "a password",
            "use --secret-stdin, --secret-file, BUTLR_PASSWORD or BUTLR_PASSWORD_FILE",
        )?;
        let shown = butlr_auth::core::text::escape(&username, 128);
        terminal::secret(&format!("Password of {shown}: ")).await?
    };
    Ok(Grant::password(username, Password::new(password.as_str())?))
}

async fn client_credentials(
    context: &Context,
    arguments: &Arguments,
    profile: &mut Profile,
) -> Result<Token, Failure> {
    if let Some(secret) = handed_in(arguments).await? {
        profile.secret = SecretPlace::Given(Given(secret));
    } else if profile.secret.is_nowhere() {
        ask_for(context, "a client secret", "set `client_secret` in the profile, or use --secret-stdin")?;
        let question = format!("Secret of client {}: ", profile.client_id);
        profile.secret = SecretPlace::Given(Given(terminal::secret(&question).await?));
    }
    if matches!(profile.secret, SecretPlace::Given(_)) {
        context.output.warning(
            "the secret is used once and not stored: when this token ends, log in again or configure `client_secret`",
        );
    }
    Ok(context.open(profile)?.login(&Grant::client_credentials().with_scope(profile.scope.clone())).await?)
}

async fn handed_in(arguments: &Arguments) -> Result<Option<Zeroizing<String>>, Failure> {
    match &arguments.secret_file {
        Some(path) => secret::from_file(path).map(Some),
        None if arguments.secret_stdin => secret::from_stdin().await.map(Some),
        None => Ok(None),
    }
}

/// Checks that there is a person to ask, or names what to do without one.
fn ask_for(context: &Context, what: &str, instead: &str) -> Result<(), Failure> {
    if terminal::is_present() && !context.global.no_input {
        return Ok(());
    }
    let why =
        if context.global.no_input { "--no-input forbids to ask" } else { "there is no terminal to ask on" };
    Err(Failure::new(ErrorKind::LoginRequired, format!("{what} is needed, and {why}")).mend(instead))
}

/// Sends a person to the server and takes the address that they come back with.
async fn authorize(
    context: &Context,
    profile: &Profile,
    grant: GrantName,
    scope: Scope,
) -> Result<Token, Failure> {
    if terminal::is_present() {
        ask_for(context, "the address that you end on", "give it on stdin, one line")?;
    }
    let (provider, client_id, redirect_uri) = (&profile.provider, &profile.client_id, &profile.redirect_uri);
    let mut request = if grant == GrantName::Implicit {
        AuthorizationRequest::implicit(provider, client_id, redirect_uri, scope)?
    } else {
        AuthorizationRequest::code(provider, client_id, redirect_uri, scope)?
    };
    let session = context.open(profile)?;
    let output = &context.output;
    output.ask("Open this address, log in, and come back with the address of the page that you end on:");
    output.ask(request.url().as_str());
    let redirect = if terminal::is_present() {
        Zeroizing::new(terminal::line(output, "Paste it here: ").await?)
    } else {
        terminal::stdin_line().await?
    };
    if redirect.trim().is_empty() {
        return Err(Failure::new(ErrorKind::LoginRequired, "no address came back").mend(
            "run it again on a terminal, or give the address of the page that you end on as one line on stdin",
        ));
    }
    match request.accept(&redirect)? {
        AuthorizationResponse::Code(code) => Ok(session.login(&code).await?),
        AuthorizationResponse::Token(response) => Ok(session.login_with(response).await?),
        _ => Err(Failure::unexpected("the server gave something else than a code or a token")),
    }
}

/// Takes a token that another program got. It cannot be renewed.
async fn import(context: &Context, profile: &Profile) -> Result<Token, Failure> {
    if profile.is_the_clients_own() {
        let message = format!("profile `{}` gets its own tokens and takes none from elsewhere", profile.name);
        return Err(Failure::configuration(message).mend("name a profile of a person"));
    }
    let token = AccessToken::new(secret::from_stdin().await?.trim())?;
    let session: Session = context.open(profile)?;
    Ok(session.login_with(TokenResponse::new(token)).await?)
}

fn report(context: &Context, profile: &Profile, token: &Token) -> Result<(), Failure> {
    let expires_at = token.validity().expires_at_wall.and_then(rfc3339);
    if context.output.is_json() {
        context.output.document(&json!({
            "schema": 1,
            "profile": profile.name,
            "scope": token.scope().to_string(),
            "expires_at": expires_at,
        }))?;
    } else {
        let until = expires_at.map_or_else(String::new, |at| format!("; the token is good until {at}"));
        context.output.note(&format!("logged in as profile `{}`{until}", profile.name));
    }
    let shadowed = context.environment.is_set(environment::CLIENT_ID)
        && !matches!(profile.source, Source::EnvironmentClient | Source::CommandLine);
    if shadowed {
        context.output.warning(&format!(
            "BUTLR_CLIENT_ID is set: commands use that client, not this login, unless you say `-p {}`",
            shell::word(&profile.name)
        ));
    }
    Ok(())
}
