//! `login`: the one command that asks a person.

mod authorize;
mod device;
mod dialogue;
mod pasted;
mod renewal;
mod secrets;

use std::path::PathBuf;

use butlr_auth::{Clock as _, ErrorKind, Scope, Token};
use clap::Args;
use serde_json::json;

use self::authorize::Way;
use self::dialogue::Dialogue;
use self::renewal::Made;
use crate::browser;
use crate::config::{GrantName, StoreName};
use crate::context::Context;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lifetime;
use crate::listed::Listed;
use crate::profile::{Choice, Profile, Source};
use crate::shell;
use crate::store::Decision;
use crate::terminal;
use crate::time::rfc3339;

const EXAMPLES: &str = "\
Examples:
  butlr-auth login                          Butlr, with user name and password
  butlr-auth login work                     the profile `work`, by its own grant
  pass show butlr | butlr-auth login me --secret-stdin
  butlr-auth login me --secret-file ~/.butlr-password
  butlr-auth login work --web               in the browser of this machine
  butlr-auth login work --no-browser        over SSH: paste the address that you end on
  butlr-auth login work --device            where there is no browser: enter a code on a phone
  butlr-auth login --with-token < token     use a token that another program got
  butlr-auth login work --with-refresh-token < token    go on with a session from elsewhere
  butlr-auth login work --prompt login --max-age 5m     whoever it is proves it again

Authorization code and implicit grant: the browser opens, you log in there, and it comes back by
itself. Over SSH, without a screen and with --no-browser, open the address that is printed and paste
the address of the page that you end on, even if the browser says that it cannot be reached. Without
a terminal that address is read from stdin, one line; with --web no terminal is needed.

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

    /// On another device: a code to enter on the server's page
    #[arg(long, group = "how")]
    device: bool,

    /// By the implicit grant (legacy)
    #[arg(long, group = "how")]
    implicit: bool,

    /// In the browser of this machine, which comes back by itself
    #[arg(long, conflicts_with_all = ["user_password", "client_credentials", "device", "with_token"])]
    web: bool,

    /// Open no browser: print the address, and take the one that you end on
    #[arg(long, conflicts_with = "web")]
    no_browser: bool,

    /// Import an access token from stdin
    #[arg(long, group = "how", conflicts_with_all = ["secret_stdin", "secret_file"])]
    with_token: bool,

    /// Import a refresh token from stdin, and go on with it from here alone
    #[arg(long, group = "how", conflicts_with_all = ["secret_stdin", "secret_file", "web"])]
    with_refresh_token: bool,

    #[command(flatten)]
    dialogue: Dialogue,

    /// Ask for tokens for this resource (RFC 8707) instead of the profile's; may be repeated
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,

    /// Ask for this scope, space-separated, instead of the profile's
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,

    /// Keep the session here, from now on, instead of where the configuration says
    #[arg(long, value_name = "PLACE")]
    store: Option<StoreName>,

    /// Read the password or client secret from stdin, one line
    #[arg(long)]
    secret_stdin: bool,

    /// Read the password or client secret from a file that only you can read
    #[arg(long, value_name = "PATH", conflicts_with = "secret_stdin")]
    secret_file: Option<PathBuf>,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let named = context.named(arguments.named.as_deref())?;
    let for_a_person = arguments.user_password
        || arguments.device
        || arguments.implicit
        || arguments.web
        || arguments.with_token
        || arguments.with_refresh_token;
    let resources = arguments.resource.as_slice();
    let mut profile = context.choose(Choice { named, for_a_person, resources })?;
    let grant = grant(arguments, &profile)?;
    let is_import = arguments.with_token || arguments.with_refresh_token;
    let has_page = matches!(grant, GrantName::AuthorizationCode | GrantName::Implicit) && !is_import;
    if arguments.dialogue.is_asked() && !has_page {
        return Err(Failure::usage(
            "--prompt, --login-hint, --acr and --max-age are for the server's own page",
        )
        .help("log in there: --web or --no-browser"));
    }
    if arguments.scope.is_some() && grant == GrantName::ClientCredentials {
        return Err(Failure::usage("--scope has no effect on a session that asks again by itself")
            .help("set `scopes` in the profile"));
    }
    if profile.stays_with_its_own(&context.environment)? {
        context.output.warning(&format!(
            "BUTLR_BASE_URL is not used: profile `{}` belongs to {}",
            profile.name,
            profile.origin().unwrap_or_default()
        ));
    }
    // Before anybody is asked for anything: where is the session kept, and can it be kept at all? A damaged record is set aside by this.
    let decision = Decision::take(context, &mut profile, arguments.store).await?;
    match context.open(&profile).await?.status().await {
        Err(error) if error.kind() != ErrorKind::CorruptRecord => return Err(error.into()),
        _ => {}
    }
    let scope = arguments.scope.clone().unwrap_or_else(|| profile.scope.clone());
    let mut token = if arguments.with_token {
        secrets::import(context, &profile).await?
    } else if arguments.with_refresh_token {
        secrets::import_refresh_token(context, &profile).await?
    } else {
        match grant {
            GrantName::Password => secrets::password(context, arguments, &profile, scope).await?,
            GrantName::ClientCredentials => {
                secrets::client_credentials(context, arguments, &mut profile).await?
            }
            _ if arguments.secret_stdin || arguments.secret_file.is_some() => {
                let message = format!("the {} grant takes no secret from you", grant.as_str());
                return Err(Failure::usage(message).help("leave --secret-stdin and --secret-file out"));
            }
            GrantName::DeviceCode => device::login(context, &profile, scope).await?,
            GrantName::AuthorizationCode | GrantName::Implicit => {
                arguments.dialogue.check_scope(&scope)?;
                let way = way(context, arguments, &profile);
                Box::pin(authorize::login(context, &profile, grant, scope, way, &arguments.dialogue)).await?
            }
        }
    };
    decision.remember(context, &profile).await?;
    Listed::write(context, &profile)?;
    let (renewable, why_not) = Box::pin(renewal(context, arguments, &profile, grant, &mut token)).await?;
    report(context, &profile, &token, renewable, why_not)?;
    Ok(Exit::Done)
}

/// Finds out whether the session renews itself; if it does not, offers what may change that, and says what would.
async fn renewal(
    context: &Context,
    arguments: &Arguments,
    profile: &Profile,
    grant: GrantName,
    token: &mut Token,
) -> Result<(bool, Option<String>), Failure> {
    let session = context.open(profile).await?;
    if session.status().await?.renewable || profile.is_the_clients_own() {
        return Ok((true, None));
    }
    let imported = arguments.with_token || arguments.with_refresh_token;
    let provider =
        if imported { profile.provider.clone() } else { context.endpoint(profile).provider().await? };
    let scope = arguments.scope.clone().unwrap_or_else(|| profile.scope.clone());
    let made = Made { grant, imported, scope: &scope, provider: &provider };
    if made.may_lack_consent() && renewal::once_more(context).await? {
        let way = way(context, arguments, profile);
        let dialogue = arguments.dialogue.with_consent();
        match Box::pin(authorize::login(context, profile, grant, scope.clone(), way, &dialogue)).await {
            Ok(with_consent) => *token = with_consent,
            // The first login stands.
            Err(failure) => context.output.warning(&failure.to_string()),
        }
        if session.status().await?.renewable {
            return Ok((true, None));
        }
    }
    Ok((false, Some(made.why_not_renewable(profile))))
}

/// The grant that flags ask for, or the profile's.
fn grant(arguments: &Arguments, profile: &Profile) -> Result<GrantName, Failure> {
    let asked = if arguments.user_password {
        GrantName::Password
    } else if arguments.client_credentials {
        GrantName::ClientCredentials
    } else if arguments.device {
        GrantName::DeviceCode
    } else if arguments.implicit {
        GrantName::Implicit
    } else if arguments.web && profile.grant != GrantName::Implicit {
        GrantName::AuthorizationCode
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
            if asked == own { "client-credentials" } else { "user-password, --web, --device or --implicit" },
        );
        return Err(Failure::configuration(message).help(if asked == own {
            "set BUTLR_CLIENT_ID and BUTLR_CLIENT_SECRET, or `grant = \"client_credentials\"` in a profile"
        } else {
            "name a profile of a person"
        }));
    }
    Ok(asked)
}

/// By the browser, if a person at the terminal sees it and it comes back to this machine.
fn way(context: &Context, arguments: &Arguments, profile: &Profile) -> Way {
    let comes_back = url::Url::parse(&profile.redirect_uri).is_ok_and(|url| url.scheme() == "http");
    let by_itself = comes_back
        && terminal::is_present()
        && !context.global.no_input
        && !arguments.no_browser
        && browser::is_likely(&context.environment);
    if arguments.web || by_itself { Way::Browser } else { Way::Paste }
}

fn report(
    context: &Context,
    profile: &Profile,
    token: &Token,
    renewable: bool,
    why_not: Option<String>,
) -> Result<(), Failure> {
    let now = context.clock.now();
    let expires_at = token.validity().expires_at(&now).and_then(rfc3339);
    if context.output.is_json() {
        context.output.document(&json!({
            "schema": 2,
            "profile": profile.name,
            "scope": token.scope().to_string(),
            "expires_at": expires_at,
            "renewable": renewable,
        }))?;
    } else {
        let until = expires_at.map_or_else(String::new, |at| format!("; the token is good until {at}"));
        context.output.note(&format!("logged in as profile `{}`{until}", profile.name));
    }
    if let Some(why_not) = why_not {
        context.output.note(&why_not);
    }
    if let Some(hint) = lifetime::hint(token, renewable, &now) {
        context.output.note(&hint);
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
