//! `token --id-token`: who logged in, for what asks for that and not for an access token.

use std::time::{Duration, SystemTime};

use butlr_auth::core::{IdToken, UnverifiedClaims};
use butlr_auth::{Clock as _, ErrorKind, Session};
use serde_json::json;
use zeroize::Zeroizing;

use super::Arguments;
use crate::context::Context;
use crate::failure::Failure;
use crate::form::{self, Form};
use crate::profile::Profile;
use crate::time::{rfc3339, shown};

/// Whether an `id_token` is meant: it was asked for, or it is what `kubectl` verifies and the session has one.
pub(super) async fn is_meant(
    context: &Context,
    session: &Session,
    arguments: &Arguments,
) -> Result<bool, Failure> {
    if arguments.id_token || arguments.access_token {
        return Ok(arguments.id_token);
    }
    if arguments.format != Form::Kube || context.output.is_json() {
        return Ok(false);
    }
    let status = session.status().await?;
    // A login that brought one has a subject, even if a renewal brought none.
    Ok(status.id_token.is_some() || status.subject.is_some())
}

/// Obtains an `id_token`, and writes it in the form that is asked for.
pub(super) async fn text(
    context: &Context,
    profile: &Profile,
    session: &Session,
    arguments: &Arguments,
) -> Result<Zeroizing<String>, Failure> {
    let min_ttl = arguments.min_ttl();
    let id_token = if arguments.offline {
        let stored = session.status().await?.id_token.filter(|token| is_good(context, token, min_ttl));
        stored.ok_or_else(|| {
            let message = format!("no id_token of `{}` is stored that is still good", profile.name);
            Failure::new(ErrorKind::Unreachable, message).help("leave --offline out to renew it")
        })?
    } else {
        if arguments.force_refresh {
            context.token(profile, session, || session.renew()).await?;
        }
        let ask = || session.id_token_outliving(min_ttl);
        let is_own = profile.is_the_clients_own();
        let asked = context.patience.asked(session, is_own, "there is no id_token", ask, || None).await;
        asked.map_err(|error| without(error.into(), profile))?
    };
    if !min_ttl.is_zero() && !is_good(context, &id_token, min_ttl) {
        let remaining = remaining(context, &id_token).unwrap_or_default();
        context.output.warning(&format!(
            "the server's id_tokens live shorter than --min-ttl: this one for {}",
            shown(remaining)
        ));
    }
    written(context, profile, &id_token, arguments)
}

fn written(
    context: &Context,
    profile: &Profile,
    id_token: &IdToken,
    arguments: &Arguments,
) -> Result<Zeroizing<String>, Failure> {
    let (itself, ends) = (id_token.expose(), ends(id_token));
    let form = if context.output.is_json() { Form::Json } else { arguments.format };
    Ok(Zeroizing::new(match form {
        _ if arguments.shell => return Err(no_variable()),
        Form::Raw => format!("{itself}\n"),
        Form::Header => format!("Authorization: Bearer {itself}\n"),
        Form::Env => return Err(no_variable()),
        Form::Kube => form::kube(context, itself, ends.and_then(rfc3339)),
        Form::Json => {
            let document = json!({
                "schema": 2,
                "id_token": itself,
                "expires_at": ends.and_then(rfc3339),
                "expires_in": remaining(context, id_token).map(|remaining| remaining.as_secs()),
                "profile": profile.name,
            });
            format!("{document}\n")
        }
    }))
}

fn no_variable() -> Failure {
    Failure::usage("an id_token has no variable of its own").help("use -f raw, header, json or kube")
}

/// A login is not always what helps: without the scope `openid` none brings an `id_token`.
fn without(failure: Failure, profile: &Profile) -> Failure {
    if failure.exit != crate::exit::Exit::Login || profile.scope.contains("openid") {
        return failure;
    }
    if profile.is_the_clients_own() {
        return failure
            .help("an id_token says who logged in, and a client does not: name a profile of a person");
    }
    let command = profile.login_command();
    failure.help(format!("add \"openid\" to the profile's `scopes`, then run `{command}`"))
}

fn ends(id_token: &IdToken) -> Option<SystemTime> {
    let seconds = UnverifiedClaims::decode(id_token.expose())?.seconds("exp")?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

fn remaining(context: &Context, id_token: &IdToken) -> Option<Duration> {
    ends(id_token).map(|ends| ends.duration_since(context.clock.now().wall).unwrap_or_default())
}

fn is_good(context: &Context, id_token: &IdToken, min_ttl: Duration) -> bool {
    remaining(context, id_token).is_none_or(|remaining| remaining > min_ttl)
}
