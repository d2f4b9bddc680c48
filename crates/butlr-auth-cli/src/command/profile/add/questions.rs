//! What `profile add` asks: the person, and the issuer.

use super::Arguments;
use crate::config::Preset;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::spinner;
use crate::terminal;

/// Asks the person for what the arguments leave open, where there is one.
pub(super) async fn completed(context: &Context, arguments: &Arguments) -> Result<Arguments, Failure> {
    let mut arguments = arguments.clone();
    let says_where = arguments.preset.is_some()
        || arguments.issuer.is_some()
        || arguments.token_endpoint.is_some()
        || arguments.authorization_endpoint.is_some()
        || !arguments.set.is_empty();
    if says_where || context.global.no_input || !terminal::is_present() {
        return Ok(arguments);
    }
    let issuer = ask(context, "Issuer of the server, a URL, or `butlr`: ").await?;
    let is_butlr = issuer.as_deref() == Some("butlr");
    if is_butlr {
        arguments.preset = Some(Preset::Butlr);
    } else {
        arguments.issuer = issuer;
    }
    if is_butlr && arguments.client_id.is_none() && arguments.username.is_none() {
        arguments.username = ask(context, "User name, or nothing if a client logs in: ").await?;
    }
    if arguments.client_id.is_none() && arguments.username.is_none() {
        arguments.client_id = ask(context, "Client id: ").await?;
    }
    let has_secret = arguments.secret_env.is_some()
        || arguments.secret_file.is_some()
        || arguments.secret_keyring
        || !arguments.secret_command.is_empty();
    if is_butlr && arguments.client_id.is_some() && !has_secret {
        arguments.secret_env = ask(context, "Environment variable with the client's secret: ").await?;
    }
    if !is_butlr && arguments.scope.is_none() {
        arguments.scope = ask(context, "Scopes, such as `openid offline_access`, or nothing: ").await?;
    }
    Ok(arguments)
}

async fn ask(context: &Context, question: &str) -> Result<Option<String>, Failure> {
    let answer = terminal::line(&context.output, question).await?;
    Ok(Some(answer.trim().to_owned()).filter(|answer| !answer.is_empty()))
}

/// Asks the issuer what it says of itself. One that cannot be reached now may be right all the same.
pub(super) async fn try_issuer(context: &Context, profile: &Profile) -> Result<(), Failure> {
    if profile.issuer.is_none() {
        return Ok(());
    }
    let endpoint = context.endpoint(profile);
    let tried = spinner::during(&context.output, "asking the issuer", endpoint.provider()).await;
    let completed = tried.map(drop).map_err(Failure::from);
    match completed {
        Err(failure) if failure.exit == Exit::Temporary => {
            context.output.warning(&format!("the issuer could not be tried: {failure}"));
            Ok(())
        }
        Err(mut failure) => {
            let before = failure.help.take().map_or_else(String::new, |help| format!("{help}; "));
            failure.help = Some(format!("{before}to write the profile all the same, add --unchecked"));
            Err(failure)
        }
        Ok(()) => Ok(()),
    }
}
