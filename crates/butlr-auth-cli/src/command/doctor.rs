//! `doctor`: whether configuration, storage, clock, network and session are as they should be, and what helps.

mod check;
mod earlier;
mod network;
mod storage;

use butlr_auth::SessionState;
use butlr_auth::core::secret_file::Safe;
use clap::Args;
use serde_json::{Value, json};

use self::check::{Check, State};
use crate::context::Context;
use crate::environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::secret::SecretPlace;
use crate::time::shown;

const EXAMPLES: &str = "\
Examples:
  butlr-auth doctor                        the profile that commands use now
  butlr-auth -p work doctor --offline      without asking any server
  butlr-auth doctor --json | jq '.checks[] | select(.state != \"ok\")'

The report is on stdout, whatever it says. The exit code is that of the first FAIL (3 configuration,
7 storage, 6 network, 4 log in), or 0; a warning does not change it.";

/// Check the setup and say what helps
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Ask no server
    #[arg(long)]
    offline: bool,
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let checks = examine(context, arguments.offline).await;
    let failed = checks.iter().find(|check| check.state == State::Failed);
    let exit = failed.map_or(Exit::Done, |check| check.exit);
    if context.output.is_json() {
        let documents: Vec<Value> = checks.iter().map(Check::document).collect();
        context.output.document(&json!({ "schema": 2, "exit": exit as u8, "checks": documents }))?;
    } else {
        let lines: Vec<String> = checks.iter().map(Check::text).collect();
        context.output.line(&lines.join("\n"))?;
    }
    Ok(exit)
}

async fn examine(context: &Context, offline: bool) -> Vec<Check> {
    let profile = match context.profile() {
        Ok(profile) => profile,
        // Nothing else can be looked at without knowing whose it is.
        Err(failure) => return vec![Check::failed("configuration", &failure)],
    };
    let mut checks = vec![configuration(context, &profile)];
    checks.extend(secret(context, &profile).await);
    let storage = storage::check(context, &profile).await;
    let can_be_read = storage.state != State::Failed;
    checks.push(storage);
    if offline {
        checks.push(network::clock_alone(context));
    } else {
        checks.extend(network::check(context, &profile).await);
    }
    if can_be_read {
        checks.push(session(context, &profile).await);
        checks.extend(earlier::check(context, &profile).await);
    }
    checks
}

fn configuration(context: &Context, profile: &Profile) -> Check {
    let place = context.config().ok().map(|config| config.path).filter(|path| path.exists());
    let place = place.map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
    let what = format!("profile `{}` ({}), {place}", profile.name, profile.source.as_str());
    if profile.hidden.is_empty() {
        return Check::ok("configuration", what);
    }
    let help = if context.environment.is_set(environment::CLIENT_ID) {
        "name the profile that is meant with -p, or unset what is hidden"
    } else {
        "unset what is hidden, if it was meant for something else"
    };
    Check::warned("configuration", format!("{what}, hides {}", profile.hidden.join(", ")), help)
}

/// Whether the client's secret is where it should be. A command is not run: it may ask its user.
async fn secret(context: &Context, profile: &Profile) -> Option<Check> {
    let what = profile.secret.shown();
    let found = match &profile.secret {
        SecretPlace::Nowhere if profile.is_the_clients_own() => Err(Failure::new(
            butlr_auth::ErrorKind::LoginRequired,
            "the client's secret is configured nowhere",
        )
        .help("set `client_secret` in the profile")),
        SecretPlace::Nowhere | SecretPlace::Given(_) => return None,
        SecretPlace::Variable(name) if !context.environment.is_set(name) => {
            Err(Failure::new(butlr_auth::ErrorKind::LoginRequired, format!("{name} is not set"))
                .help(format!("set {name}")))
        }
        SecretPlace::File(path) => match crate::secret::open_file(path) {
            Ok(file) if file.safe == Safe::Shared => {
                let what = format!("{what}: others may read it, as root or whoever made its mount decided");
                return Some(Check::ok("secret", what));
            }
            opened => opened.and_then(crate::secret::SecretFile::read).map(|_| ()),
        },
        SecretPlace::NotRun(path) => Err(crate::secret::not_run("client secret", path)),
        SecretPlace::Keyring(_) => {
            let fetched =
                profile.secret.fetch("client secret", &context.environment, context.global.timeout).await;
            fetched.map(|_| ()).map_err(|failure| failure.help_by_login(&profile.login_command()))
        }
        _ => Ok(()),
    };
    Some(match found {
        Ok(()) => Check::ok("secret", what),
        Err(failure) => Check::failed("secret", &failure),
    })
}

async fn session(context: &Context, profile: &Profile) -> Check {
    let status = match context.open(profile).await {
        Ok(session) => session.status().await.map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let status = match status {
        Ok(status) => status,
        Err(failure) => return Check::failed("session", &failure),
    };
    let said = status.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    if let Some(why) = super::status::needs_login(&status, context) {
        let failure = Failure::new(butlr_auth::ErrorKind::LoginRequired, format!("{why}{said}"));
        return Check::failed("session", &failure.help_by_login(&profile.login_command()));
    }
    use butlr_auth::Clock as _;
    use butlr_auth::core::End;
    let boot = context.clock.boot();
    let token = status.token.as_ref();
    if token.is_some_and(|token| token.validity().end == End::Unknown) {
        return Check::warned(
            "session",
            "good until the server refuses the token: nobody says how long it lives".to_owned(),
            "set `assumed_lifetime` in the profile if you know it",
        );
    }
    match (token.and_then(|token| token.remaining(boot)), status.renewable) {
        (Some(remaining), _) if status.state == SessionState::Refused => Check::warned(
            "session",
            format!("good for {}, and then it ends: the server refused to renew it{said}", shown(remaining)),
            &format!("run `{}` in time", profile.login_command()),
        ),
        (Some(remaining), false) => Check::warned(
            "session",
            format!("good for {}, and then it ends: it cannot be renewed", shown(remaining)),
            &format!("run `{}` again in time", profile.login_command()),
        ),
        (Some(remaining), true) if !remaining.is_zero() => {
            Check::ok("session", format!("good for {}, then it renews itself", shown(remaining)))
        }
        _ => Check::ok("session", "no token that is still good; the next command gets one".to_owned()),
    }
}
