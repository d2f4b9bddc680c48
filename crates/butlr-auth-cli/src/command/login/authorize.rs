//! Logins on the server's own page: authorization code and implicit.

use butlr_auth::{AuthorizationRequest, AuthorizationResponse, ErrorKind, Scope, Session, Token};
use serde_json::json;
use url::Url;
use zeroize::Zeroizing;

use super::secrets::ask_for;
use crate::config::GrantName;
use crate::context::Context;
use crate::endpoint::ProfileEndpoint;
use crate::failure::Failure;
use crate::profile::Profile;
use crate::spinner;
use crate::terminal;

/// Sends a person to the server and takes the address that they come back with.
pub(super) async fn login(
    context: &Context,
    profile: &Profile,
    grant: GrantName,
    scope: Scope,
) -> Result<Token, Failure> {
    if terminal::is_present() {
        ask_for(context, "the address that you end on", "give it on stdin, one line")?;
    }
    let endpoint = context.endpoint(profile);
    let http = spinner::during(&context.output, "asking the server", endpoint.http()).await?;
    let (provider, client_id) = (http.provider(), &profile.client_id);
    let mut request = if grant == GrantName::Implicit {
        AuthorizationRequest::implicit(provider, client_id, &profile.redirect_uri, scope)?
    } else {
        AuthorizationRequest::code(provider, client_id, &profile.redirect_uri, scope)?
    };
    let session = context.open(profile).await?;
    let url = http.authorization_url(&request).await?;
    let redirect = pasted(context, &url).await?;
    came_back(&redirect, &profile.redirect_uri, &url)?;
    let response = request.accept(&redirect)?;
    spinner::during(&context.output, "logging in", finish(&endpoint, &session, response)).await
}

/// Makes a session of what came back.
async fn finish(
    endpoint: &ProfileEndpoint,
    session: &Session,
    response: AuthorizationResponse,
) -> Result<Token, Failure> {
    match response {
        AuthorizationResponse::Code(code) => Ok(session.login(&code).await?),
        AuthorizationResponse::Token(response) => {
            endpoint.check_redirect(&response).await?;
            Ok(session.login_with(response).await?)
        }
        _ => Err(Failure::unexpected("the server gave something else than a code or a token")),
    }
}

/// Shows the address, and takes the one that the person ends on.
async fn pasted(context: &Context, url: &Url) -> Result<Zeroizing<String>, Failure> {
    let output = &context.output;
    output.ask_with(
        "Open this address, log in, and come back with the address of the page that you end on:",
        json!({ "url": url.as_str() }),
    );
    if !output.is_json() {
        output.ask(url.as_str());
    }
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
    Ok(redirect)
}

/// Tells an address of some other page from an answer that was tampered with. Whether an answer is the right one is
/// not decided here.
fn came_back(redirect: &str, expected: &str, login_page: &Url) -> Result<(), Failure> {
    let (Ok(given), Ok(expected)) = (redirect.trim().parse::<Url>(), expected.parse::<Url>()) else {
        return Ok(());
    };
    if given.origin() == expected.origin() && given.path() == expected.path() {
        return Ok(());
    }
    let said = if given.origin() == login_page.origin() {
        "this is the address of the login page itself".to_owned()
    } else {
        format!("this is an address at {}", given.origin().ascii_serialization())
    };
    let mut ends = expected;
    ends.set_query(None);
    Err(Failure::new(ErrorKind::InvalidCallback, format!("{said}, and this login ends at {ends}"))
        .mend("start again, and paste the whole address of the page that you end on"))
}
