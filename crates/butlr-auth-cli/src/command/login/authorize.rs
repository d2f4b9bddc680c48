//! Logins on the server's own page: authorization code and implicit.

use std::pin::pin;
use std::time::Duration;

use butlr_auth::{
    AuthorizationRequest, AuthorizationResponse, Error, ErrorKind, LoopbackListener, Provider, Scope,
    Session, Token, TokenEndpoint as _,
};
use serde_json::json;
use url::Url;

use super::dialogue::Dialogue;
use super::pasted::came_back;
use super::secrets::ask_for;
use crate::browser;
use crate::config::GrantName;
use crate::context::Context;
use crate::endpoint::ProfileEndpoint;
use crate::failure::Failure;
use crate::output::Output;
use crate::paste;
use crate::profile::Profile;
use crate::spinner;
use crate::terminal;

/// How long a person has to come back with the answer.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How the answer comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// By the browser of this machine, to a listener.
    Browser,
    /// By the person, who pastes the address.
    Paste,
}

/// Sends a person to the server and takes what comes back. `prompt`: what the server shall ask the person for, beyond
/// what the profile says.
pub(super) async fn login(
    context: &Context,
    profile: &Profile,
    grant: GrantName,
    scope: Scope,
    way: Way,
    dialogue: &Dialogue,
) -> Result<Token, Failure> {
    if way == Way::Paste && terminal::is_present() {
        ask_for(context, "the address that you end on", "give it on stdin, one line")?;
    }
    let endpoint = context.endpoint(profile);
    let http =
        spinner::during(&context.output, "asking the server", context.patience.ask(|| endpoint.http()))
            .await?;
    let session = context.open(profile).await?;
    let provider = &dialogue.steer(http.provider().clone());
    let ask = |redirect_uri: &str| {
        let client_id = &profile.client_id;
        if grant == GrantName::Implicit {
            AuthorizationRequest::implicit(provider, client_id, redirect_uri, scope)
        } else {
            AuthorizationRequest::code(provider, client_id, redirect_uri, scope)
        }
    };
    let response = match way {
        Way::Browser => {
            let listener = LoopbackListener::bind(&profile.redirect_uri).await.map_err(unheard)?;
            let mut request = ask(listener.redirect_uri())?;
            let url = http.authorization_url(&request).await.map_err(|error| unpushed(provider, error))?;
            brought_back(context, listener, &mut request, &url).await?
        }
        Way::Paste => {
            let mut request = ask(&profile.redirect_uri)?;
            let url = http.authorization_url(&request).await.map_err(|error| unpushed(provider, error))?;
            pasted(context, profile, &mut request, &url).await?
        }
    };
    let finished = finish(context, &endpoint, &session, response, dialogue);
    spinner::during(&context.output, "logging in", finished).await
}

/// What to do when the server did not take the request beforehand.
fn unpushed(provider: &Provider, error: Error) -> Failure {
    let may_not_be_served = provider.pushed_authorization_request_endpoint().is_ok()
        && !matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::TimedOut | ErrorKind::Throttled);
    let mut failure = Failure::from(error);
    if may_not_be_served {
        let off = "if the server announces pushed requests and does not serve them, set `pushed_authorization = false` in the profile";
        let before = failure.help.take();
        failure.help = Some(before.map_or_else(|| off.to_owned(), |help| format!("{help}; {off}")));
    }
    failure
}

/// Opens the browser and waits for it to come back. The address is shown as well, for the case that nothing opens.
async fn brought_back(
    context: &Context,
    listener: LoopbackListener,
    request: &mut AuthorizationRequest,
    url: &Url,
) -> Result<AuthorizationResponse, Failure> {
    let output = &context.output;
    show(context, url, "Log in in your browser. If none opens, open this address on this machine:");
    let mut answer = pin!(listener.answer(request, PATIENCE));
    let opened_and_answered = async {
        tokio::select! {
            answer = &mut answer => return answer,
            opened = browser::open(context, url) => {
                if let Err(failure) = opened {
                    output.warning(&format!("{failure}: open the address yourself, or use --no-browser"));
                }
            }
        }
        answer.await
    };
    spinner::during(output, "waiting for you in the browser; Ctrl-C ends it", opened_and_answered)
        .await
        .map_err(unanswered)
}

/// What to do when there can be no listener.
fn unheard(error: Error) -> Failure {
    let busy = error.kind() == ErrorKind::Busy;
    let mut failure = Failure::from(error);
    let help = if busy {
        "end that program, or paste the address yourself: --no-browser"
    } else {
        "set `redirect_uri` in the profile to such an address, or paste the one you end on: --no-browser"
    };
    failure.help = Some(help.to_owned());
    failure
}

/// What to do when the browser brought back nothing that can be used.
fn unanswered(error: Error) -> Failure {
    let help = match error.kind() {
        ErrorKind::TimedOut => "run it again when there is somebody to log in",
        ErrorKind::InvalidCallback if error.hint().is_none() => {
            "run it again; if it stays like this, tell whoever runs the server"
        }
        _ => return error.into(),
    };
    let mut failure = Failure::from(error);
    failure.help = Some(help.to_owned());
    failure
}

/// Makes a session of what came back.
async fn finish(
    context: &Context,
    endpoint: &ProfileEndpoint,
    session: &Session,
    response: AuthorizationResponse,
    dialogue: &Dialogue,
) -> Result<Token, Failure> {
    match response {
        AuthorizationResponse::Code(code) if dialogue.is_demanding() => {
            let mut response = endpoint.exchange(&code).await?;
            dialogue.check(context, &response)?;
            response.scope.get_or_insert_with(|| code.scope().clone());
            Ok(session.login_with(response).await?)
        }
        AuthorizationResponse::Code(code) => Ok(session.login(&code).await?),
        AuthorizationResponse::Token(response) => {
            endpoint.check_redirect(&response).await?;
            dialogue.check(context, &response)?;
            Ok(session.login_with(response).await?)
        }
        _ => Err(Failure::unexpected("the server gave something else than a code or a token")),
    }
}

/// Shows where to log in.
fn show(context: &Context, url: &Url, what_to_do: &str) {
    let output = &context.output;
    output.ask_with(what_to_do, json!({ "url": url.as_str() }));
    if !output.is_json() {
        output.ask(url.as_str());
    }
}

/// How often a person may paste.
const PASTES: usize = 5;

/// Shows the address, and takes the one that the person ends on. On a terminal a wrong one is asked for again: an
/// answer of another login changes nothing, and neither does a text that is none.
async fn pasted(
    context: &Context,
    profile: &Profile,
    request: &mut AuthorizationRequest,
    url: &Url,
) -> Result<AuthorizationResponse, Failure> {
    let output = &context.output;
    show(
        context,
        url,
        "Open this address, log in, and come back with the address of the page that you end on:",
    );
    let mut pastes = if terminal::is_present() { PASTES } else { 1 };
    loop {
        pastes -= 1;
        let failure = match taken(output, profile, request, url).await {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        let may_be_mended = matches!(failure.kind, "invalid_callback" | "usage" | "login_required");
        if pastes == 0 || !may_be_mended {
            return Err(failure);
        }
        output.warning(&format!("{failure}: paste the whole address of the page that you end on"));
    }
}

async fn taken(
    output: &Output,
    profile: &Profile,
    request: &mut AuthorizationRequest,
    url: &Url,
) -> Result<AuthorizationResponse, Failure> {
    let redirect = paste::address(output, "Paste it here: ").await?;
    if redirect.is_empty() {
        return Err(Failure::new(ErrorKind::LoginRequired, "no address came back").help(
            "run it again on a terminal, or give the address of the page that you end on as one line on stdin",
        ));
    }
    came_back(&redirect, &profile.redirect_uri, url)?;
    Ok(request.accept(&redirect)?)
}
