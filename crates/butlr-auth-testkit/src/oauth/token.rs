//! `/token`: every grant, as a form or as JSON.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::client_authentication::authenticate;
use super::{Answer, Refused, TokenAnswer};
use crate::grants::{Authorization, Redeemed, Spent};
use crate::journal::{Event, EventKind};
use crate::parameters::Parameters;
use crate::random::fingerprint;
use crate::registry::{API_SCOPES, Client, IDENTITY_SCOPES};
use crate::state::State;
use crate::{Endpoint, Quirk};

/// The grant type of devices, [RFC 8628 §3.4](https://www.rfc-editor.org/rfc/rfc8628#section-3.4).
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// One token request on its way through: what the journal will say of it fills up as it goes.
///
/// Nothing awaits between the first change and [`finish`](Self::finish), and the server runs on one
/// thread, so the order of the journal is the order of the commits.
pub(crate) struct Exchange<'a> {
    pub(crate) state: &'a State,
    pub(crate) event: Event,
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(state: &'a State, endpoint: Endpoint, grant_type: Option<&str>) -> Self {
        let event = Event {
            kind: EventKind::Exchange,
            endpoint: Some(endpoint),
            at: state.clock.now(),
            grant_type: grant_type.map(str::to_owned),
            ..Event::default()
        };
        Self { state, event }
    }

    /// Starts a login: a family with its first refresh token when asked for, then the tokens.
    pub(crate) fn log_in(&mut self, authorization: Authorization, with_refresh_token: bool) -> Answer {
        let authorization = Arc::new(authorization);
        self.event.client_id = Some(authorization.client_id.clone());
        let mut refresh_token = None;
        if with_refresh_token {
            let (family, value) = self.state.grants().start_family(Arc::clone(&authorization), self.event.at);
            self.event.family = Some(family);
            refresh_token = Some(value);
        }
        let scope = authorization.scope.clone();
        self.issue(&authorization, &scope, refresh_token)
    }

    /// Issues the tokens of one answer.
    pub(crate) fn issue(
        &mut self,
        granted: &Authorization,
        scope: &[String],
        refresh_token: Option<String>,
    ) -> Answer {
        let access = self.state.issue_access_token(granted, scope, self.event.family)?;
        let openid = granted.username.is_some() && scope.iter().any(|scope| scope == "openid");
        let id_token = openid.then(|| self.state.issue_id_token(granted, &access.value)).transpose()?;
        self.event.access_token = Some(fingerprint(&access.value));
        self.event.lifetime = Some(access.lifetime);
        self.event.issued = refresh_token.as_deref().map(fingerprint);
        Ok(TokenAnswer {
            access_token: access.value,
            refresh_token,
            id_token,
            scope: scope.join(" "),
            expires_in: access.lifetime / 1000,
            token_type: "Bearer",
        })
    }

    /// Writes the journal and turns the outcome into a response.
    pub(crate) fn finish(mut self, answer: Answer) -> Response {
        self.event.outcome = answer.as_ref().map_or_else(|refused| refused.code, |_| "issued").to_owned();
        self.state.journal.record(self.event);
        answer.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
    }
}

pub(crate) async fn exchange(
    Extract(state): Extract<Arc<State>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let parameters = Parameters::from_body(&headers, &body);
    let grant_type = parameters.as_ref().ok().and_then(|parameters| parameters.get("grant_type"));
    let mut exchange = Exchange::new(&state, Endpoint::Token, grant_type);
    let answer = parameters
        .as_ref()
        .map_err(|problem| Refused::invalid_request(problem))
        .and_then(|parameters| answer(&mut exchange, &headers, parameters));
    exchange.finish(answer)
}

fn answer(exchange: &mut Exchange<'_>, headers: &HeaderMap, parameters: &Parameters) -> Answer {
    let grant_type =
        parameters.get("grant_type").ok_or_else(|| Refused::invalid_request("grant_type is missing"))?;
    exchange.event.client_id = parameters.get("client_id").map(str::to_owned);
    exchange.event.presented = parameters.get("refresh_token").map(fingerprint);
    let client = authenticate(exchange.state, headers, parameters)?;
    exchange.event.client_id = Some(client.id.clone());
    match grant_type {
        "authorization_code" => authorization_code(exchange, &client, parameters),
        "password" => password(exchange, &client, parameters),
        "client_credentials" => client_credentials(exchange, &client, parameters),
        "refresh_token" => refresh(exchange, Some(&client), parameters),
        DEVICE_CODE => super::device::exchange(exchange, &client, parameters),
        _ => Err(Refused::new("unsupported_grant_type", "this server does not know the grant type")),
    }
}

fn authorization_code(exchange: &mut Exchange<'_>, client: &Client, parameters: &Parameters) -> Answer {
    let value = parameters.get("code").ok_or_else(|| Refused::invalid_request("code is missing"))?;
    let code = match exchange.state.grants().redeem_code(value, exchange.event.at) {
        Redeemed::Good(code) => code,
        Redeemed::Unknown => return Err(Refused::invalid_grant("the code is unknown")),
        Redeemed::Expired => return Err(Refused::invalid_grant("the code has expired")),
        Redeemed::Reuse(family) => {
            exchange.event.family = family;
            exchange.event.reuse = true;
            return Err(Refused::invalid_grant("the code was used before, so its tokens are revoked"));
        }
    };
    if code.authorization.client_id != client.id {
        return Err(Refused::invalid_grant("the code was issued to another client"));
    }
    //= https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3
    //# ensure that the "redirect_uri" parameter is present if the
    //# "redirect_uri" parameter was included in the initial authorization
    //# request as described in Section 4.1.1, and if included ensure that
    //# their values are identical.
    if code.redirect_uri.as_deref() != parameters.get("redirect_uri") {
        return Err(Refused::invalid_grant("redirect_uri is not that of the authorization request"));
    }
    match (&code.challenge, parameters.get("code_verifier")) {
        (Some(challenge), Some(verifier)) if is_verifier(verifier) && s256(verifier) == *challenge => {}
        (None, None) => {}
        //= https://www.rfc-editor.org/rfc/rfc9700#section-2.1.1
        //# Authorization servers MUST mitigate PKCE downgrade attacks by
        //# ensuring that a token request containing a code_verifier parameter is
        //# accepted only if a code_challenge parameter was present in the
        //# authorization request
        (None, Some(_)) => {
            return Err(Refused::invalid_grant(
                "code_verifier is given, but the authorization request had no challenge",
            ));
        }
        _ => return Err(Refused::invalid_grant("code_verifier does not match the challenge")),
    }
    let needs_consent =
        [Quirk::RefreshNeedsConsent, Quirk::AnnouncedConsent].iter().any(|quirk| exchange.state.has(*quirk));
    let stays = code.consented || !needs_consent;
    let answer = exchange.log_in(Authorization::clone(&code.authorization), stays);
    exchange.state.grants().spend_code(value, exchange.event.family);
    answer
}

fn password(exchange: &mut Exchange<'_>, client: &Client, parameters: &Parameters) -> Answer {
    let (Some(username), Some(password)) = (parameters.get("username"), parameters.get("password")) else {
        return Err(Refused::invalid_request("username and password are needed"));
    };
    let state = exchange.state;
    let user = state.registry().user(username, password).cloned();
    let user = user.ok_or_else(|| Refused::invalid_grant("the username or the password is wrong"))?;
    let authorization = Authorization {
        client_id: client.id.clone(),
        subject: user.subject,
        username: Some(user.username),
        scope: granted_scope(parameters.get("scope"), true)?,
        audience: granted_audience(state, parameters)?,
        nonce: None,
        auth_time: exchange.event.at,
    };
    exchange.log_in(authorization, true)
}

fn client_credentials(exchange: &mut Exchange<'_>, client: &Client, parameters: &Parameters) -> Answer {
    //= https://www.rfc-editor.org/rfc/rfc6749#section-4.4
    //# The client credentials grant type MUST only be used by confidential
    //# clients.
    if client.is_public() {
        return Err(Refused::new("unauthorized_client", "a public client has no credentials to present"));
    }
    let authorization = Authorization {
        client_id: client.id.clone(),
        subject: client.id.clone(),
        username: None,
        scope: granted_scope(parameters.get("scope"), false)?,
        audience: granted_audience(exchange.state, parameters)?,
        nonce: None,
        auth_time: exchange.event.at,
    };
    //= https://www.rfc-editor.org/rfc/rfc6749#section-4.4.3
    //# A refresh token SHOULD NOT be included.
    exchange.log_in(authorization, exchange.state.settings.refresh_token_for_client_credentials)
}

/// The refresh token grant. Butlr's password sessions come here without a client.
pub(crate) fn refresh(
    exchange: &mut Exchange<'_>,
    client: Option<&Client>,
    parameters: &Parameters,
) -> Answer {
    let value = parameters
        .get("refresh_token")
        .ok_or_else(|| Refused::invalid_request("refresh_token is missing"))?;
    let state = exchange.state;
    let mut grants = state.grants();
    exchange.event.presented = Some(fingerprint(value));
    let unknown = || Refused::invalid_grant("the refresh token is unknown");
    let place = grants.place(value).ok_or_else(unknown)?;
    exchange.event.family = Some(place.family);
    exchange.event.generation = Some(place.generation);
    let owner = client.map_or(crate::butlr::LOGIN_CLIENT, |client| client.id.as_str());
    if place.authorization.client_id != owner {
        return Err(Refused::invalid_grant("the refresh token was issued to another client"));
    }
    exchange.event.client_id = Some(owner.to_owned());
    //= https://www.rfc-editor.org/rfc/rfc6749#section-6
    //# The requested scope MUST NOT include any scope
    //# not originally granted by the resource owner, and if omitted is
    //# treated as equal to the scope originally granted by the
    //# resource owner.
    let scope = match parameters.get("scope") {
        None => place.authorization.scope.clone(),
        Some(text) => {
            let asked = granted_scope(Some(text), true)?;
            if !asked.iter().all(|scope| place.authorization.scope.contains(scope)) {
                return Err(Refused::new("invalid_scope", "the scope is wider than what was granted"));
            }
            asked
        }
    };
    let spent = grants.spend(value, exchange.event.at, &state.settings);
    drop(grants);
    match spent {
        Spent::Refused { reuse } => {
            exchange.event.reuse = reuse;
            Err(Refused::invalid_grant(if reuse {
                "the refresh token was used before, so its whole family is revoked"
            } else {
                "the refresh token has expired or was revoked"
            }))
        }
        Spent::Honoured { next, reuse } => {
            exchange.event.reuse = reuse;
            exchange.issue(&place.authorization, &scope, next)
        }
    }
}

/// The scope that a request is given: what it asks for, or every scope of the API.
pub(crate) fn granted_scope(asked: Option<&str>, person: bool) -> Result<Vec<String>, Refused> {
    let Some(asked) = asked else { return Ok(API_SCOPES.map(str::to_owned).to_vec()) };
    let mut granted: Vec<String> = Vec::new();
    for scope in asked.split(' ') {
        let known = API_SCOPES.contains(&scope) || (person && IDENTITY_SCOPES.contains(&scope));
        if !known {
            return Err(Refused::new("invalid_scope", "a scope is unknown to this server"));
        }
        if !granted.iter().any(|already| already == scope) {
            granted.push(scope.to_owned());
        }
    }
    Ok(granted)
}

/// The audience that a request is given, by `resource` (RFC 8707) or `audience` (Auth0's word).
pub(crate) fn granted_audience(state: &State, parameters: &Parameters) -> Result<Vec<String>, Refused> {
    let mut granted: Vec<String> = Vec::new();
    for asked in parameters.all("audience").chain(parameters.all("resource")) {
        if ![crate::settings::API_AUDIENCE, &state.base_url, &state.settings.default_audience]
            .contains(&asked)
        {
            return Err(Refused::new("invalid_target", "no such audience"));
        }
        if !granted.iter().any(|already| already == asked) {
            granted.push(asked.to_owned());
        }
    }
    if granted.is_empty() {
        granted.push(state.settings.default_audience.clone());
    }
    Ok(granted)
}

/// The challenge of a verifier, [RFC 7636 §4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2).
fn s256(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Tells whether this can be a verifier at all,
/// [RFC 7636 §4.1](https://www.rfc-editor.org/rfc/rfc7636#section-4.1).
fn is_verifier(value: &str) -> bool {
    (43..=128).contains(&value.len())
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
