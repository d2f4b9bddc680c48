//! Logins by a secret: a password, the client's own, or a token that another program got.

use butlr_auth::core::RefreshToken;
use butlr_auth::core::text::escape;
use butlr_auth::{
    AccessToken, Clock as _, Error, ErrorKind, Grant, Password, Scope, Session, Token, TokenResponse,
};
use zeroize::Zeroizing;

use super::Arguments;
use crate::context::Context;
use crate::environment;
use crate::failure::Failure;
use crate::keyring;
use crate::profile::Profile;
use crate::secret::{self, Given, SecretPlace};
use crate::spinner;
use crate::terminal;

/// How often a person may type a secret: the last wrong one is the error.
const TRIES: u32 = 3;

/// Logs in by the password that environment, stdin, file or the person say.
pub(super) async fn password(
    context: &Context,
    arguments: &Arguments,
    profile: &Profile,
    scope: Scope,
) -> Result<Token, Failure> {
    let username = match &profile.username {
        Some(username) => username.clone(),
        None => {
            ask_for(context, "a user name", "set BUTLR_USERNAME, or `username` in the profile")?;
            terminal::answer(&context.output, "User name: ").await?
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
        let question = format!("Password of {}: ", escape(&username, 128));
        return typed(context, &question, async |password| {
            let grant = Grant::password(username.as_str(), Password::new(password.as_str())?);
            exchange(context, profile, &grant.with_scope(scope.clone())).await
        })
        .await;
    };
    let grant = Grant::password(username, Password::new(password.as_str())?).with_scope(scope);
    Ok(exchange(context, profile, &grant).await??)
}

/// Asks a person for a secret and tries it: once more while the server says that it is wrong, and never after anything
/// else that it says, such as that these were enough for now.
async fn typed(
    context: &Context,
    question: &str,
    mut exchange: impl AsyncFnMut(&Zeroizing<String>) -> Result<Result<Token, Error>, Failure>,
) -> Result<Token, Failure> {
    let instead = "use --secret-stdin, --secret-file, BUTLR_PASSWORD or BUTLR_PASSWORD_FILE";
    ask_for(context, "a password", instead)?;
    for left in (0..TRIES).rev() {
        let secret = terminal::secret(question).await?;
        if secret.is_empty() && left > 0 {
            continue;
        }
        match exchange(&secret).await? {
            Err(error) if left > 0 && says_wrong(&error) => {
                context.output.ask(&format!("{}: try again", Failure::from(error)));
            }
            ended => return Ok(ended?),
        }
    }
    Err(Failure::new(ErrorKind::LoginRequired, "no password came"))
}

/// Whether the server has looked at the secret and says that it is another one.
fn says_wrong(error: &Error) -> bool {
    let code = error.error_response().map(|response| response.error.as_str());
    error.kind() == ErrorKind::Refused
        && error.status() != Some(429)
        && matches!(code, Some("invalid_grant" | "invalid_client" | "access_denied"))
}

pub(super) async fn client_credentials(
    context: &Context,
    arguments: &Arguments,
    profile: &mut Profile,
) -> Result<Token, Failure> {
    let place = profile.secret.clone();
    let grant = Grant::client_credentials().with_scope(profile.scope.clone());
    if let Some(secret) = handed_in(arguments).await? {
        profile.secret = SecretPlace::Given(Given(secret));
    } else if is_missing(&place).await? {
        ask_for(context, "a client secret", "set `client_secret` in the profile, or use --secret-stdin")?;
        let question = format!("Secret of client {}: ", profile.client_id);
        let token = typed(context, &question, async |secret| {
            profile.secret = SecretPlace::Given(Given(secret.clone()));
            exchange(context, profile, &grant).await
        })
        .await?;
        return kept(context, profile, &place, token).await;
    }
    let token = exchange(context, profile, &grant).await??;
    kept(context, profile, &place, token).await
}

/// Puts a secret that was handed in where the profile wants it, or says that it is gone.
async fn kept(
    context: &Context,
    profile: &Profile,
    place: &SecretPlace,
    token: Token,
) -> Result<Token, Failure> {
    match (place, &profile.secret) {
        // Only now is it known to be the right one.
        (SecretPlace::Keyring(name), SecretPlace::Given(given)) => {
            keyring::write(name, given.0.clone()).await?;
        }
        (_, SecretPlace::Given(_)) => context.output.warning(
            "the secret is used once and not stored: when this token ends, log in again or configure `client_secret`",
        ),
        _ => {}
    }
    Ok(token)
}

/// Whether there is no secret yet. One that cannot be fetched for another reason is not asked for.
async fn is_missing(place: &SecretPlace) -> Result<bool, Failure> {
    match place {
        SecretPlace::Nowhere => Ok(true),
        SecretPlace::Keyring(name) => Ok(keyring::read(name).await?.is_none()),
        _ => Ok(false),
    }
}

async fn exchange(
    context: &Context,
    profile: &Profile,
    grant: &Grant,
) -> Result<Result<Token, Error>, Failure> {
    let session = context.open(profile).await?;
    let asked = async {
        if profile.is_the_clients_own() {
            context.patience.ask(|| session.login(grant)).await
        } else {
            // A password may lock its account: it is sent once.
            session.login(grant).await
        }
    };
    Ok(spinner::during(&context.output, "logging in", asked).await)
}

async fn handed_in(arguments: &Arguments) -> Result<Option<Zeroizing<String>>, Failure> {
    match &arguments.secret_file {
        Some(path) => secret::from_file(path).map(Some),
        None if arguments.secret_stdin => secret::from_stdin().await.map(Some),
        None => Ok(None),
    }
}

/// Checks that there is a person to ask, or names what to do without one.
pub(super) fn ask_for(context: &Context, what: &str, instead: &str) -> Result<(), Failure> {
    if terminal::is_present() && !context.global.no_input {
        return Ok(());
    }
    let why =
        if context.global.no_input { "--no-input forbids to ask" } else { "there is no terminal to ask on" };
    Err(Failure::new(ErrorKind::LoginRequired, format!("{what} is needed, and {why}")).help(instead))
}

/// Takes a token that another program got. It cannot be renewed.
pub(super) async fn import(context: &Context, profile: &Profile) -> Result<Token, Failure> {
    check_import(profile)?;
    let token = AccessToken::new(secret::from_stdin().await?.trim())?;
    let imported = TokenResponse::imported(token, &context.clock.now())
        .map_err(|error| Failure::from(error).help("import a token that is still good"))?;
    let session: Session = context.open(profile).await?;
    Ok(session.login_with(imported).await?)
}

/// Takes a refresh token that another program got, and goes on with it: whoever else uses it may end the session.
pub(super) async fn import_refresh_token(context: &Context, profile: &Profile) -> Result<Token, Failure> {
    check_import(profile)?;
    let token = RefreshToken::new(secret::from_stdin().await?.trim())?;
    Ok(exchange(context, profile, &Grant::refresh_token(token)).await??)
}

fn check_import(profile: &Profile) -> Result<(), Failure> {
    if !profile.is_the_clients_own() {
        return Ok(());
    }
    let message = format!("profile `{}` gets its own tokens and takes none from elsewhere", profile.name);
    Err(Failure::configuration(message).help("name a profile of a person"))
}
