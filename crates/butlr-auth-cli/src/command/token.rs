//! `token`: an access token that is valid now, and nothing else on stdout.

use std::time::Duration;

use butlr_auth::{Clock as _, ErrorKind, SessionState, Token};
use clap::{Args, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::shell;
use crate::time::{parse_duration, rfc3339};

const EXAMPLES: &str = "\
Examples:
  butlr-auth token                                   the token alone
  curl -H \"$(butlr-auth token -f header)\" URL        as a header
  eval \"$(butlr-auth token --shell)\"                 as variables of this shell
  butlr-auth token -f json | jq -r .expires_at       with its end, scope and profile
  butlr-auth token --min-ttl 10m                     for a job that takes ten minutes

It never prompts and never opens a browser: if a person is needed, it exits with 4 and says which
command helps.";

/// Print an access token that is valid now
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "raw")]
    format: Format,

    /// Print `export NAME='value'` lines for a shell to evaluate
    #[arg(long, conflicts_with = "format")]
    shell: bool,

    /// Renew it first unless it is good for this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    min_ttl: Option<Duration>,

    /// Renew it first in any case
    #[arg(long, conflicts_with_all = ["offline", "min_ttl"])]
    force_refresh: bool,

    /// Ask nobody: print the stored token if it is still good
    #[arg(long)]
    offline: bool,
}

/// The forms of a printed token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The token alone
    Raw,
    /// `Authorization: Bearer …`
    Header,
    /// One JSON document
    Json,
    /// `NAME=value` lines
    Env,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let profile = context.profile()?;
    let token = obtain(context, &profile, arguments)
        .await
        .map_err(|failure| failure.mend_by_login(&profile.login_command()))?;
    let text = if context.output.is_json() {
        as_json(context, &profile, &token)
    } else if arguments.shell {
        variables(&profile, &token)
            .map(|(name, value)| format!("export {name}={}\n", shell::quoted(&value)))
            .concat()
    } else {
        match arguments.format {
            Format::Raw => format!("{}\n", token.access_token().expose()),
            Format::Header => format!("Authorization: Bearer {}\n", token.access_token().expose()),
            Format::Json => as_json(context, &profile, &token),
            Format::Env => {
                variables(&profile, &token).map(|(name, value)| format!("{name}={value}\n")).concat()
            }
        }
    };
    context.output.result(Zeroizing::new(text).as_bytes())?;
    Ok(Exit::Done)
}

async fn obtain(context: &Context, profile: &Profile, arguments: &Arguments) -> Result<Token, Failure> {
    let session = context.open(profile)?;
    let min_ttl = arguments.min_ttl.unwrap_or_default();
    if arguments.offline {
        return stored(context, profile, min_ttl, session.status().await?);
    }
    if arguments.force_refresh {
        return Ok(session.renew().await?);
    }
    if !min_ttl.is_zero() {
        // Loads the stored token, so that it is measured before it is handed out.
        session.status().await?;
    }
    let token = session.token_outliving(min_ttl).await?;
    let remaining = token.remaining(context.clock.boot());
    if remaining < min_ttl {
        context.output.warning(&format!(
            "the server's tokens live shorter than --min-ttl: this one for {}",
            crate::time::shown(remaining)
        ));
    }
    Ok(token)
}

fn stored(
    context: &Context,
    profile: &Profile,
    min_ttl: Duration,
    status: butlr_auth::SessionStatus,
) -> Result<Token, Failure> {
    let now = context.clock.boot();
    let good = |token: &Token| token.remaining(now) > min_ttl;
    if let Some(token) = status.token.filter(good) {
        return Ok(token);
    }
    let name = &profile.name;
    Err(match status.state {
        SessionState::Active => {
            Failure::new(ErrorKind::Unreachable, format!("no token of `{name}` is stored that is still good"))
                .mend("leave --offline out to renew it")
        }
        _ => Failure::new(ErrorKind::LoginRequired, format!("`{name}` has no token that is still good")),
    })
}

fn as_json(context: &Context, profile: &Profile, token: &Token) -> String {
    let ends = token.validity().expires_at_wall;
    let document = json!({
        "schema": 1,
        "access_token": token.access_token().expose(),
        "token_type": token.token_type().as_str(),
        "expires_at": ends.and_then(rfc3339),
        "expires_in": ends.map(|_| token.remaining(context.clock.boot()).as_secs()),
        "scope": token.scope().to_string(),
        "profile": profile.name,
    });
    format!("{document}\n")
}

/// The variables that a program of the caller's expects.
fn variables(profile: &Profile, token: &Token) -> [(&'static str, String); 3] {
    [
        ("BUTLR_ACCESS_TOKEN", token.access_token().expose().to_owned()),
        ("BUTLR_TOKEN_EXPIRES_AT", token.validity().expires_at_wall.and_then(rfc3339).unwrap_or_default()),
        ("BUTLR_BASE_URL", profile.base_url.as_ref().map_or_else(String::new, |(url, _)| base(url.as_str()))),
    ]
}

fn base(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
