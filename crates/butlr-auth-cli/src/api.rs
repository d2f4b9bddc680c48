//! The API behind the profile: a request with the session's bearer token, which goes to the profile's origin alone.

use butlr_auth::core::Fingerprint;
use butlr_auth::core::text::escape;
use butlr_auth::{Bearer, Clock as _, EndpointUrl, Network, Session, SystemClock, Token};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::http;
use crate::lifetime;
use crate::network;
use crate::output::Output;
use crate::patience::Patience;
use crate::profile::Profile;

/// Sends requests with a session's token.
#[derive(Debug)]
pub(crate) struct Api {
    session: Session,
    base_url: EndpointUrl,
    login_command: String,
    http: reqwest::Client,
    network: Network,
    patience: Patience,
    is_own: bool,
    clock: SystemClock,
    output: Output,
}

/// One request, kept whole so that it can be sent again.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Api {
    pub(crate) async fn new(context: &Context, profile: &Profile) -> Result<Self, Failure> {
        let (base_url, _) = profile.base_url.clone().ok_or_else(|| {
            Failure::configuration(format!("profile `{}` does not say where its API is", profile.name))
                .help("set `base_url` in the profile, or give --base-url")
        })?;
        context.patience.begin();
        let network = network::open(&profile.network, &context.environment, context.patience.left()).await?;
        let http = http::client(&network, &base_url, context.global.timeout)?;
        Ok(Self {
            session: context.open(profile).await?,
            patience: context.patience.clone(),
            is_own: profile.is_the_clients_own(),
            base_url,
            login_command: profile.login_command(),
            clock: context.clock.clone(),
            output: context.output.clone(),
            http,
            network,
        })
    }

    /// Resolves a path below the base URL, or a URL of the same origin.
    pub(crate) fn url(&self, path: &str) -> Result<Url, Failure> {
        let url = if path.contains("://") {
            let url: EndpointUrl = path.parse()?;
            if url.origin() != self.base_url.origin() {
                return Err(Failure::usage(format!(
                    "the token is sent to {} only, not to {}",
                    self.base_url.origin(),
                    url.origin()
                )));
            }
            url.as_url().clone()
        } else {
            let (path, query) =
                path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
            let mut url = self.base_url.join_path(path).as_url().clone();
            url.set_query(query);
            url
        };
        Ok(url)
    }

    /// Sends a request. If the token turns out to have ended or to be refused, renews it once and sends once more.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let (answer, used) = self.attempt(request).await?;
        if !answer.refuses_token() {
            return Ok(answer);
        }
        self.session.reject(&used);
        let renewed = self.token().await?;
        if renewed.fingerprint() == used {
            return Ok(answer);
        }
        Ok(self.attempt(request).await?.0)
    }

    async fn attempt(&self, request: &Request) -> Result<(Answer, Fingerprint), Failure> {
        let token = self.token().await?;
        let mut sent = self
            .http
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .timeout(self.patience.left())
            .bearer_auth(token.access_token().expose());
        if let Some(body) = &request.body {
            sent = sent.body(body.clone());
        }
        let mut response = match sent.send().await {
            Ok(response) => response,
            Err(error) => {
                return Err(http::unreachable(&self.network, &self.base_url, "the call", error).await);
            }
        };
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        tracing::debug!(method = %request.method, path = request.url.path(), %status, "called the API");
        let body = http::body(response, &self.base_url.host()).await?;
        Ok((Answer { status, headers, body }, token.fingerprint()))
    }

    async fn token(&self) -> Result<Token, Failure> {
        let token = self.patience.token(&self.session, self.is_own, || self.session.token()).await;
        let token = token.map_err(|error| Failure::from(error).help_by_login(&self.login_command))?;
        lifetime::warn_if_over(&self.output, &token, self.clock.boot());
        Ok(token)
    }
}

impl Answer {
    /// Whether the token itself is refused, by status and challenge or in GraphQL's way.
    pub(crate) fn refuses_token(&self) -> bool {
        match self.status {
            StatusCode::OK => self.is_unauthenticated_graphql(),
            status => Bearer::is_refused(status, &self.headers),
        }
    }

    /// An expired token may come back with status 200 and `errors[].extensions.code = "UNAUTHENTICATED"`.
    pub(crate) fn is_unauthenticated_graphql(&self) -> bool {
        const CODE: &[u8] = b"UNAUTHENTICATED";
        if !self.body.windows(CODE.len()).any(|window| window == CODE) {
            return false;
        }
        let Ok(document) = serde_json::from_slice::<Value>(&self.body) else { return false };
        let errors = document.get("errors").and_then(Value::as_array);
        errors.is_some_and(|errors| {
            errors
                .iter()
                .any(|error| error.pointer("/extensions/code").is_some_and(|code| code == "UNAUTHENTICATED"))
        })
    }

    /// How many errors GraphQL's answer tells of, whatever else is in it.
    pub(crate) fn graphql_errors(&self) -> usize {
        let document = serde_json::from_slice::<Value>(&self.body).unwrap_or_default();
        match document.get("errors") {
            None | Some(Value::Null) => 0,
            Some(Value::Array(errors)) => errors.len(),
            Some(_) => 1,
        }
    }

    /// Where a redirect points, for people: without the query, which may hold a secret.
    pub(crate) fn target(&self) -> Option<String> {
        let location = self.headers.get(LOCATION)?;
        let location = String::from_utf8_lossy(location.as_bytes());
        let shown = location.split(['?', '#']).next().unwrap_or_default();
        // What stands before an `@` may be a password.
        let shown = shown.rsplit_once('@').map_or(shown, |(_, host)| host);
        Some(escape(shown, 256)).filter(|shown| !shown.is_empty())
    }

    pub(crate) fn is_refusal(&self) -> bool {
        self.status.as_u16() >= 400 || (self.status == StatusCode::OK && self.is_unauthenticated_graphql())
    }
}

#[cfg(test)]
mod tests;
