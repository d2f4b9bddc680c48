//! `/authorize`: the page on which a person logs in and consents.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use url::{Host, Url, form_urlencoded};

use super::page::{self, browser, problem_page, sealed};
use super::pending::{AuthorizationRequest, ResponseType};
use super::token::{granted_audience, granted_scope};
use crate::grants::{Authorization, Code};
use crate::journal::{Event, EventKind};
use crate::parameters::Parameters;
use crate::random::{self, fingerprint};
use crate::registry::{Client, User};
use crate::state::State;
use crate::{Endpoint, Quirk};

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage<'a> {
    nonce: &'a str,
    client: &'a str,
    destination: &'a str,
    scopes: &'a [String],
    ticket: &'a str,
    username: &'a str,
    problem: Option<&'a str>,
    sample: &'a User,
}

/// An error that goes back to the client on the redirect,
/// [RFC 6749 §4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1).
pub(super) struct Denied {
    pub(super) code: &'static str,
    pub(super) description: &'static str,
}

pub(crate) async fn show(Extract(state): Extract<Arc<State>>, headers: HeaderMap, uri: Uri) -> Response {
    let query = match Parameters::from_form(uri.query().unwrap_or_default().as_bytes()) {
        Ok(query) => query,
        Err(problem) => return problem_page(problem),
    };
    //= https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1
    //# If the request fails due to a missing, invalid, or mismatching
    //# redirection URI, or if the client identifier is missing or invalid,
    //# the authorization server SHOULD inform the resource owner of the
    //# error and MUST NOT automatically redirect the user-agent to the
    //# invalid redirection URI.
    let client = query.get("client_id").and_then(|id| state.registry().client(id).cloned());
    let Some(client) = client else {
        return problem_page("The application that sent you here is not known to this server.");
    };
    if let Some(request_uri) = query.get("request_uri") {
        let pushed = state.pushed.take(request_uri, &client.id, state.clock.now());
        return match pushed {
            Some(request) => consent_page(&state, &headers, request, "", None),
            None => problem_page(
                "The request of the application that sent you here has expired. Please start again.",
            ),
        };
    }
    let Some(redirect_uri) = redirect_uri(&client, query.get("redirect_uri")).map(str::to_owned) else {
        return problem_page(
            "The application that sent you here gave an address that is not registered for it.",
        );
    };
    let checked = if state.settings.require_pushed_authorization_requests {
        Err(Denied { code: "invalid_request", description: "this server takes pushed requests only" })
    } else {
        check(&state, &client, redirect_uri.clone(), &query)
    };
    match checked {
        Ok(request) => consent_page(&state, &headers, request, "", None),
        Err(denied) => {
            let response_type =
                query.get("response_type").and_then(ResponseType::parse).unwrap_or(ResponseType::Code);
            deny(&state, &redirect_uri, response_type, query.get("state"), &denied)
        }
    }
}

pub(crate) async fn decide(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(form) = Parameters::from_body(&headers, &body) else {
        return problem_page("The form did not arrive as this page sent it.");
    };
    let now = state.clock.now();
    let request = form
        .get("ticket")
        .zip(browser(&headers))
        .and_then(|(ticket, browser)| state.pending.take(ticket, browser, now));
    let Some(request) = request else {
        return problem_page("This page has expired, or was opened in another browser. Please start again.");
    };
    let mut event = Event {
        kind: EventKind::Authorization,
        endpoint: Some(Endpoint::Authorize),
        at: now,
        client_id: Some(request.client_id.clone()),
        outcome: "approved".to_owned(),
        ..Event::default()
    };
    if form.get("decision") != Some("allow") {
        event.outcome = "access_denied".to_owned();
        state.journal.record(event);
        let denied = Denied { code: "access_denied", description: "the person said no" };
        return deny(&state, &request.redirect_uri, request.response_type, request.state.as_deref(), &denied);
    }
    let (username, password) =
        (form.get("username").unwrap_or_default(), form.get("password").unwrap_or_default());
    let Some(user) = state.registry().user(username, password).cloned() else {
        event.outcome = "wrong_password".to_owned();
        state.journal.record(event);
        let problem = "That username and password do not belong together.";
        return consent_page(&state, &headers, request, username, Some(problem));
    };
    state.journal.record(event);
    approve(&state, request, user, now)
}

/// Sends the person back with what the client asked for.
fn approve(state: &State, request: AuthorizationRequest, user: User, now: u64) -> Response {
    let authorization = Arc::new(Authorization {
        client_id: request.client_id,
        subject: user.subject,
        username: Some(user.username),
        scope: request.scope,
        audience: request.audience,
        nonce: request.nonce,
        auth_time: now,
    });
    let mut answer: Vec<(&str, String)> = Vec::new();
    if request.response_type == ResponseType::Code {
        let code = Code {
            authorization,
            redirect_uri: request.redirect_uri_given.then(|| request.redirect_uri.clone()),
            challenge: request.challenge,
            consented: request.consented,
            issued_at: now,
            spent: None,
        };
        answer.push(("code", state.grants().issue_code(code)));
    } else {
        //= https://www.rfc-editor.org/rfc/rfc6749#section-4.2.2
        //# The authorization server MUST NOT issue a refresh token.
        let Ok(access) = state.issue_access_token(&authorization, &authorization.scope, None) else {
            return problem_page("The token could not be signed.");
        };
        state.journal.record(Event {
            kind: EventKind::Exchange,
            endpoint: Some(Endpoint::Authorize),
            at: now,
            client_id: Some(authorization.client_id.clone()),
            grant_type: Some("implicit".to_owned()),
            outcome: "issued".to_owned(),
            access_token: Some(fingerprint(&access.value)),
            lifetime: Some(access.lifetime),
            ..Event::default()
        });
        if request.response_type == ResponseType::IdTokenToken
            && let Ok(id_token) = state.issue_id_token(&authorization, &access.value)
        {
            answer.push(("id_token", id_token));
        }
        answer.push(("token_type", "Bearer".to_owned()));
        answer.push(("expires_in", (access.lifetime / 1000).to_string()));
        answer.push(("scope", authorization.scope.join(" ")));
        answer.push(("access_token", access.value));
    }
    redirect(state, &request.redirect_uri, request.response_type, request.state.as_deref(), answer)
}

pub(super) fn check(
    state: &State,
    client: &Client,
    redirect_uri: String,
    query: &Parameters,
) -> Result<AuthorizationRequest, Denied> {
    let invalid = |description| Denied { code: "invalid_request", description };
    let response_type = query.get("response_type").ok_or_else(|| invalid("response_type is missing"))?;
    let response_type = ResponseType::parse(response_type).ok_or(Denied {
        code: "unsupported_response_type",
        description: "code, token and id_token token are known",
    })?;
    let challenge = query.get("code_challenge");
    //= https://www.rfc-editor.org/rfc/rfc7636#section-4.4.1
    //# If the server requires Proof Key for Code Exchange (PKCE) by OAuth
    //# public clients and the client does not send the "code_challenge" in
    //# the request, the authorization endpoint MUST return the authorization
    //# error response with the "error" value set to "invalid_request".
    if response_type == ResponseType::Code && client.is_public() && challenge.is_none() {
        return Err(invalid("a public client must send code_challenge"));
    }
    if challenge.is_some() && query.get("code_challenge_method") != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    if challenge.is_some_and(|challenge| challenge.len() != 43) {
        return Err(invalid("code_challenge is not the base64url of a SHA-256"));
    }
    if response_type == ResponseType::IdTokenToken && query.get("nonce").is_none() {
        return Err(invalid("nonce is required for an id_token on the redirect"));
    }
    let refused = |refused: super::Refused| Denied { code: refused.code, description: refused.description };
    Ok(AuthorizationRequest {
        client_id: client.id.clone(),
        client_name: client.name.clone(),
        redirect_uri,
        redirect_uri_given: query.get("redirect_uri").is_some(),
        response_type,
        scope: granted_scope(query.get("scope"), true).map_err(refused)?,
        audience: granted_audience(state, query).map_err(refused)?,
        state: query.get("state").map(str::to_owned),
        nonce: query.get("nonce").map(str::to_owned),
        challenge: challenge.map(str::to_owned),
        consented: asks_for_consent(query),
    })
}

/// Whether the request wants the person to be asked whether the client may stay logged in,
/// [OpenID Connect Core §11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess).
fn asks_for_consent(query: &Parameters) -> bool {
    let among = |name, wanted| query.get(name).is_some_and(|text| text.split(' ').any(|word| word == wanted));
    among("scope", "offline_access") && among("prompt", "consent")
}

/// The address to answer to: byte-identical to a registered one, or the only one registered when
/// the request names none. A loopback address may have any port.
pub(super) fn redirect_uri<'a>(client: &'a Client, asked: Option<&'a str>) -> Option<&'a str> {
    let Some(asked) = asked else {
        return match client.redirect_uris.as_slice() {
            [only] => Some(only),
            _ => None,
        };
    };
    client
        .redirect_uris
        .iter()
        .any(|registered| registered == asked || differs_in_loopback_port(registered, asked))
        .then_some(asked)
}

//= https://www.rfc-editor.org/rfc/rfc8252#section-7.3
//# The authorization server MUST allow any port to be specified at the
//# time of the request for loopback IP redirect URIs, to accommodate
//# clients that obtain an available ephemeral port from the operating
//# system at the time of the request.
fn differs_in_loopback_port(registered: &str, asked: &str) -> bool {
    let (Ok(registered), Ok(mut asked)) = (Url::parse(registered), Url::parse(asked)) else { return false };
    let loopback = match registered.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        _ => false,
    };
    loopback
        && registered.scheme() == "http"
        && asked.set_port(registered.port()).is_ok()
        && registered == asked
}

fn deny(
    state: &State,
    redirect_uri: &str,
    kind: ResponseType,
    echo: Option<&str>,
    denied: &Denied,
) -> Response {
    let answer =
        vec![("error", denied.code.to_owned()), ("error_description", denied.description.to_owned())];
    redirect(state, redirect_uri, kind, echo, answer)
}

fn redirect(
    state: &State,
    redirect_uri: &str,
    kind: ResponseType,
    echo: Option<&str>,
    mut answer: Vec<(&str, String)>,
) -> Response {
    let leaves_out = |quirk| state.has(quirk) && answer.iter().any(|(name, _)| *name == "error");
    let (stateless, nameless) = (leaves_out(Quirk::DenialWithoutState), leaves_out(Quirk::DenialWithoutIss));
    answer.extend(echo.filter(|_| !stateless).map(|echo| ("state", echo.to_owned())));
    //= https://www.rfc-editor.org/rfc/rfc9207#section-2
    //# In authorization responses to the client, including error responses,
    //# an authorization server supporting this specification MUST indicate
    //# its identity by including the iss parameter in the response.
    answer.extend((!nameless).then(|| ("iss", state.base_url.clone())));
    let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(answer).finish();
    let separator = match kind {
        ResponseType::Token | ResponseType::IdTokenToken => '#',
        ResponseType::Code if redirect_uri.contains('?') => '&',
        ResponseType::Code => '?',
    };
    let Ok(location) = HeaderValue::from_str(&format!("{redirect_uri}{separator}{encoded}")) else {
        return problem_page("The application that sent you here gave an address that cannot be used.");
    };
    sealed((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

fn consent_page(
    state: &State,
    headers: &HeaderMap,
    request: AuthorizationRequest,
    username: &str,
    problem: Option<&str>,
) -> Response {
    let (nonce, browser) = (random::token(16), page::browser_or_new(headers));
    let destination = destination(&request.redirect_uri);
    let ticket = state.pending.open(request.clone(), browser.value.clone(), state.clock.now());
    let page = ConsentPage {
        nonce: &nonce,
        client: &request.client_name,
        destination: &destination,
        scopes: &request.scope,
        ticket: &ticket,
        username,
        problem,
        sample: &state.samples.user,
    };
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let response = page::html(status, page.render(), &nonce, &format!("'self' {destination}"));
    browser.remembered(response, "/authorize")
}

/// The origin of a redirect URI, which is what a person can judge, and all that the page's policy
/// must name for the browser to follow the redirect; for a private scheme, the scheme.
fn destination(redirect_uri: &str) -> String {
    match Url::parse(redirect_uri) {
        Ok(url) if url.origin().is_tuple() => url.origin().ascii_serialization(),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => "'none'".to_owned(),
    }
}
