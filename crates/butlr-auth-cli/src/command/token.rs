//! `token`: an access token that is valid now, and nothing else on stdout.

mod id_token;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

use butlr_auth::core::End;
use butlr_auth::{Clock as _, ErrorKind, Scope, Session, SessionState, Token};
use clap::Args;
use zeroize::Zeroizing;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file;
use crate::form::{self, Form};
use crate::lifetime;
use crate::profile::{Choice, Profile};
use crate::time::parse_duration;
use crate::told;

const EXAMPLES: &str = "\
Examples:
  butlr-auth token                                   the token alone
  curl -H \"$(butlr-auth token -f header)\" URL        as a header
  eval \"$(butlr-auth token --shell)\"                 as variables of this shell
  butlr-auth token -f json | jq -r .expires_at       with its end, scope and profile
  butlr-auth token --min-ttl 10m                     for a job that takes ten minutes
  butlr-auth token -o /run/app/token --watch         a file that always holds a good one
  butlr-auth token --id-token                        who logged in, in the server's words

It never prompts and never opens a browser: if a person is needed, it exits with 4 and says which
command helps.

With -o the file is replaced whole, so that a reader sees the old token or the new, and only its owner
can read it. With --watch it is kept fresh until Ctrl-C or SIGTERM, which leave it as it is; while the
server cannot be reached the token in it stays.

An id_token is handed out while its own `exp` allows, and then the session is renewed once; if that
brings none, the exit code is 4. `-f kube` gives the id_token, which is what a cluster verifies, where
the login brought one, and the access token otherwise or with --access-token.";

/// Print an access token that is valid now
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// How to print it
    #[arg(short, long, value_name = "FORMAT", default_value = "raw")]
    format: Form,

    /// For this scope, space-separated, instead of the profile's: at most what the login was granted
    #[arg(long, value_name = "SCOPE")]
    scope: Option<Scope>,

    /// For this resource (RFC 8707) instead of the profile's; may be repeated
    #[arg(long, value_name = "URI")]
    resource: Vec<String>,

    /// Print the `id_token`
    #[arg(long, conflicts_with_all = ["access_token", "watch", "shell"])]
    id_token: bool,

    /// Print the access token with `-f kube` as well, where an `id_token` is the usual one
    #[arg(long)]
    access_token: bool,

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

    /// Write it to this file, which only you can read, and not to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Stay, and keep the file fresh
    #[arg(long, requires = "output", conflicts_with = "offline")]
    watch: bool,
}

impl Arguments {
    pub(crate) fn stays_up(&self) -> bool {
        self.watch
    }

    fn min_ttl(&self) -> Duration {
        self.min_ttl.unwrap_or_default()
    }

    fn text(
        &self,
        context: &Context,
        profile: &Profile,
        token: &Token,
    ) -> Result<Zeroizing<String>, Failure> {
        if context.output.is_json() {
            form::render(context, profile, token, Form::Json)
        } else if self.shell {
            form::exports(context, profile, token)
        } else {
            form::render(context, profile, token, self.format)
        }
    }
}

pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<Exit, Failure> {
    let named = context.global.profile.as_deref();
    let mut profile =
        context.choose(Choice { named, resources: &arguments.resource, ..Choice::default() })?;
    if let Some(scope) = &arguments.scope {
        profile.scope = scope.clone();
    }
    let help = |failure: Failure| failure.help_by_login(&profile.login_command());
    if arguments.watch {
        return watch::run(context, &profile, arguments).await.map_err(help);
    }
    context.patience.begin();
    let session = context.open(&profile).await?;
    let text = if id_token::is_meant(context, &session, arguments).await? {
        id_token::text(context, &profile, &session, arguments).await.map_err(help)?
    } else {
        let token = obtain(context, &profile, &session, arguments).await.map_err(help)?;
        if token.validity().end == End::Unknown && told::is_due(context, &profile, "the end is unknown") {
            let hint = lifetime::hint(&token, false, &context.clock.now()).unwrap_or_default();
            context.output.note(&format!("`{}`: {hint}", profile.name));
        }
        arguments.text(context, &profile, &token)?
    };
    match &arguments.output {
        Some(path) => write(path, &text)?,
        None => context.output.result(text.as_bytes())?,
    }
    Ok(Exit::Done)
}

async fn obtain(
    context: &Context,
    profile: &Profile,
    session: &Session,
    arguments: &Arguments,
) -> Result<Token, Failure> {
    let min_ttl = arguments.min_ttl();
    if arguments.offline {
        return stored(context, profile, min_ttl, session.status().await?);
    }
    if arguments.force_refresh {
        // A token that works is none the worse for a renewal that fails: nobody waits for another try.
        let works = session
            .status()
            .await
            .is_ok_and(|status| status.token.is_some_and(|token| !token.is_over(context.clock.boot())));
        if works {
            context.patience.ask_once();
        }
        let token = context.token(profile, session, || session.renew()).await?;
        warn_of_a_short_life(context, &token, min_ttl);
        return Ok(token);
    }
    outliving(context, profile, session, min_ttl).await
}

/// Gets a token that is good for `min_ttl`, or the longest one that the server gives, with a warning.
pub(super) async fn outliving(
    context: &Context,
    profile: &Profile,
    session: &Session,
    min_ttl: Duration,
) -> Result<Token, Failure> {
    let asked =
        context.patience.token(session, profile.is_the_clients_own(), || session.token_outliving(min_ttl));
    let token = match asked.await {
        Ok(token) => token,
        Err(error) => return Err(too_short(context, session, min_ttl, error).await),
    };
    warn_of_a_short_life(context, &token, min_ttl);
    Ok(token)
}

/// The server's newest answer is what there is, however short its life.
fn warn_of_a_short_life(context: &Context, token: &Token, min_ttl: Duration) {
    let Some(remaining) = token.remaining(context.clock.boot()) else { return };
    if !lifetime::warn_if_over(&context.output, token, context.clock.boot()) && remaining < min_ttl {
        context.output.warning(&format!(
            "the server's tokens live shorter than --min-ttl: this one for {}",
            crate::time::shown(remaining)
        ));
    }
}

/// Says of a token that still lives what it is: not over, but shorter than what was asked for.
async fn too_short(
    context: &Context,
    session: &Session,
    min_ttl: Duration,
    error: butlr_auth::Error,
) -> Failure {
    let failure = Failure::from(error);
    if failure.exit != Exit::Login || min_ttl.is_zero() {
        return failure;
    }
    let token = session.status().await.ok().and_then(|status| status.token);
    let remaining = token.and_then(|token| token.remaining(context.clock.boot())).unwrap_or_default();
    if remaining.is_zero() { failure } else { Failure { message: shorter(remaining, min_ttl), ..failure } }
}

fn shorter(remaining: Duration, min_ttl: Duration) -> String {
    let (remaining, asked) = (crate::time::shown(remaining), crate::time::shown(min_ttl));
    format!(
        "the token is good for {remaining}, which is shorter than the {asked} of --min-ttl, and it cannot be renewed"
    )
}

fn stored(
    context: &Context,
    profile: &Profile,
    min_ttl: Duration,
    status: butlr_auth::SessionStatus,
) -> Result<Token, Failure> {
    let now = context.clock.boot();
    let good = |token: &Token| !token.is_over(now) && token.outlives(min_ttl, now);
    let remaining = status.token.as_ref().and_then(|token| token.remaining(now)).unwrap_or_default();
    if let Some(token) = status.token.filter(good) {
        return Ok(token);
    }
    let name = &profile.name;
    if !remaining.is_zero() {
        let (remaining, asked) = (crate::time::shown(remaining), crate::time::shown(min_ttl));
        let message = format!(
            "the token of `{name}` is good for {remaining}, which is shorter than the {asked} of --min-ttl"
        );
        return Err(Failure::new(ErrorKind::Unreachable, message).help("leave --offline out to renew it"));
    }
    Err(match status.state {
        SessionState::Active => {
            Failure::new(ErrorKind::Unreachable, format!("no token of `{name}` is stored that is still good"))
                .help("leave --offline out to renew it")
        }
        _ => Failure::new(ErrorKind::LoginRequired, format!("`{name}` has no token that is still good")),
    })
}

fn write(path: &std::path::Path, text: &str) -> Result<(), Failure> {
    file::replace(path, text.as_bytes(), 0o600).map_err(|error| {
        let failure =
            Failure::new(ErrorKind::Storage, format!("could not write {}: {error}", path.display()));
        failure.help_write(&error, "-o")
    })
}
