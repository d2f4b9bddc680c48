//! The device grant, [RFC 8628](https://www.rfc-editor.org/rfc/rfc8628): the device's endpoint, the person's page and
//! the device's polls.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::client_authentication::authenticate;
use super::device_codes::{DeviceRequest, Poll};
use super::page::{self, browser, problem_page};
use super::token::{Exchange, granted_audience, granted_scope};
use super::{Answer, Refused, no_store};
use crate::Endpoint;
use crate::grants::Authorization;
use crate::journal::{Event, EventKind};
use crate::parameters::Parameters;
use crate::random;
use crate::registry::{Client, User};
use crate::state::State;

#[derive(Template)]
#[template(path = "device.html")]
struct CodePage<'a> {
    nonce: &'a str,
    user_code: &'a str,
    problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "device_consent.html")]
struct ConsentPage<'a> {
    nonce: &'a str,
    request: &'a DeviceRequest,
    ticket: &'a str,
    username: &'a str,
    problem: Option<&'a str>,
    sample: &'a User,
}

#[derive(Template)]
#[template(path = "device_done.html")]
struct DonePage<'a> {
    nonce: &'a str,
    allowed: bool,
}

/// `/device_authorization`: the device asks for its codes.
pub(crate) async fn authorize(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = Parameters::from_body(&headers, &body).map_err(Refused::invalid_request);
    let codes = parameters.and_then(|parameters| {
        let client = authenticate(&state, &headers, &parameters)?;
        let scope = granted_scope(parameters.get("scope"), true)?;
        let audience = granted_audience(&state, &parameters)?;
        Ok(state.device_codes.issue(&client, scope, audience, state.clock.now(), &state.settings))
    });
    match codes {
        Ok((device_code, user_code)) => {
            let page = format!("{}{}", state.base_url, Endpoint::Device.path());
            let answer = json!({
                "device_code": device_code,
                "user_code": user_code,
                "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={user_code}"),
                "expires_in": state.settings.device_code_lifetime.as_secs(),
                "interval": state.settings.device_poll_interval.as_secs(),
            });
            no_store(Json(answer).into_response())
        }
        Err(refused) => refused.into_response(),
    }
}

/// `/device`: the person enters the user code, and then sees what is asked for.
pub(crate) async fn show(Extract(state): Extract<Arc<State>>, headers: HeaderMap, uri: Uri) -> Response {
    let query = match Parameters::from_form(uri.query().unwrap_or_default().as_bytes()) {
        Ok(query) => query,
        Err(problem) => return problem_page(problem),
    };
    let Some(typed) = query.get("user_code") else { return code_page("", None) };
    match state.device_codes.waiting(typed, state.clock.now(), &state.settings) {
        Some(request) => consent_page(&state, &headers, &request, "", None),
        None => code_page(typed, Some("No device waits for this code. It may have expired.")),
    }
}

/// `/device`: the person decides.
pub(crate) async fn decide(Extract(state): Extract<Arc<State>>, headers: HeaderMap, body: Bytes) -> Response {
    let Ok(form) = Parameters::from_body(&headers, &body) else {
        return problem_page("The form did not arrive as this page sent it.");
    };
    let now = state.clock.now();
    let user_code = form
        .get("ticket")
        .zip(browser(&headers))
        .and_then(|(ticket, browser)| state.device_pages.take(ticket, browser, now));
    let Some(user_code) = user_code else {
        return problem_page("This page has expired, or was opened in another browser. Please start again.");
    };
    let Some(request) = state.device_codes.waiting(&user_code, now, &state.settings) else {
        return problem_page("The device's code has expired. Please start again on the device.");
    };
    let mut event = Event {
        kind: EventKind::Authorization,
        endpoint: Some(Endpoint::Device),
        at: now,
        client_id: Some(request.client_id.clone()),
        outcome: "approved".to_owned(),
        ..Event::default()
    };
    let allowed = form.get("decision") == Some("allow");
    let mut authorization = None;
    if allowed {
        let (username, password) =
            (form.get("username").unwrap_or_default(), form.get("password").unwrap_or_default());
        let Some(user) = state.registry().user(username, password).cloned() else {
            event.outcome = "wrong_password".to_owned();
            state.journal.record(event);
            let problem = "That username and password do not belong together.";
            return consent_page(&state, &headers, &request, username, Some(problem));
        };
        authorization = Some(Authorization {
            client_id: request.client_id,
            subject: user.subject,
            username: Some(user.username),
            scope: request.scope,
            audience: request.audience,
            nonce: None,
            auth_time: now,
        });
    } else {
        event.outcome = "access_denied".to_owned();
    }
    state.journal.record(event);
    state.device_codes.decide(&user_code, authorization);
    let nonce = random::token(16);
    page::html(StatusCode::OK, DonePage { nonce: &nonce, allowed }.render(), &nonce, "'none'")
}

/// One poll at the token endpoint.
pub(super) fn exchange(exchange: &mut Exchange<'_>, client: &Client, parameters: &Parameters) -> Answer {
    let code =
        parameters.get("device_code").ok_or_else(|| Refused::invalid_request("device_code is missing"))?;
    let state = exchange.state;
    match state.device_codes.poll(code, &client.id, exchange.event.at, &state.settings) {
        Poll::Granted(authorization) => exchange.log_in(*authorization, true),
        Poll::Unknown => Err(Refused::invalid_grant("the device code is unknown")),
        Poll::Expired => Err(Refused::new("expired_token", "the device code has expired")),
        Poll::Denied => Err(Refused::new("access_denied", "the person said no")),
        Poll::Pending => Err(Refused::new("authorization_pending", "the person has not decided yet")),
        Poll::SlowDown => Err(Refused::new("slow_down", "wait five seconds more between polls")),
    }
}

fn code_page(user_code: &str, problem: Option<&str>) -> Response {
    let nonce = random::token(16);
    let page = CodePage { nonce: &nonce, user_code, problem };
    let status = if problem.is_some() { StatusCode::NOT_FOUND } else { StatusCode::OK };
    page::html(status, page.render(), &nonce, "'self'")
}

fn consent_page(
    state: &State,
    headers: &HeaderMap,
    request: &DeviceRequest,
    username: &str,
    problem: Option<&str>,
) -> Response {
    let (nonce, browser) = (random::token(16), page::browser_or_new(headers));
    let ticket = state.device_pages.open(request.user_code.clone(), browser.value.clone(), state.clock.now());
    let sample = &state.samples.user;
    let page = ConsentPage { nonce: &nonce, request, ticket: &ticket, username, problem, sample };
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    browser.remembered(page::html(status, page.render(), &nonce, "'self'"), "/device")
}
