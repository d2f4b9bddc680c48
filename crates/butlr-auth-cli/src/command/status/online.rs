//! Whether a stored token is good in the eyes of the server, by one question that changes nothing.

use butlr_auth::{Error, ErrorKind, Token};
use serde_json::{Value, json};

use crate::api::Answer;
use crate::config::Preset;
use crate::context::Context;
use crate::failure::Failure;
use crate::http;
use crate::network;
use crate::profile::Profile;

/// What the server says.
#[derive(Debug)]
pub(super) enum Online {
    Good,
    /// The API takes it no more.
    NotGood,
    /// Not active, says the authorization server, and means: for the client that asks
    /// ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
    Inactive,
    /// It cannot be asked, or did not answer.
    Unknown(Failure),
}

impl Online {
    /// Asks Butlr's API, which is where its tokens are used, and any other server by introspection.
    pub(super) async fn ask(context: &Context, profile: &Profile, token: &Token) -> Self {
        let is_butlrs = profile.preset == Preset::Butlr;
        let good = if is_butlrs {
            at_butlr(context, profile, token).await
        } else {
            let endpoint = context.endpoint(profile);
            let asked = async {
                let introspection = endpoint.http().await?.introspect(token.access_token()).await?;
                Ok::<_, Error>(introspection.active)
            };
            asked.await.map_err(Failure::from)
        };
        match good {
            Ok(true) => Self::Good,
            Ok(false) if is_butlrs => Self::NotGood,
            Ok(false) => Self::Inactive,
            Err(failure) => Self::Unknown(failure),
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Good => "good".to_owned(),
            Self::NotGood => "not good: it was revoked, or is no token of this server".to_owned(),
            Self::Inactive => {
                "not active for this client: it was revoked, has ended, or is not for this client to see"
                    .to_owned()
            }
            Self::Unknown(failure) => format!("cannot be told: {failure}"),
        }
    }

    pub(super) fn document(&self) -> Value {
        match self {
            Self::Good => json!({ "good": true }),
            Self::NotGood => json!({ "good": false }),
            Self::Inactive => json!({ "good": false, "why": "not active for this client" }),
            Self::Unknown(failure) => json!({ "good": null, "why": failure.to_string() }),
        }
    }
}

/// The smallest query there is: every token may make it.
async fn at_butlr(context: &Context, profile: &Profile, token: &Token) -> Result<bool, Failure> {
    let Some((base_url, _)) = &profile.base_url else { return Ok(false) };
    let network = network::open(&profile.network, &context.environment, context.patience.left()).await?;
    let url = base_url.join_path("/api/v3/graphql").as_url().clone();
    let query = json!({ "query": "{ __typename }" });
    let asked = http::client(&network, base_url, context.global.timeout)?
        .post(url)
        .bearer_auth(token.access_token().expose())
        .header("Content-Type", "application/json")
        .body(query.to_string());
    let response = match asked.send().await {
        Ok(response) => response,
        Err(error) => return Err(http::unreachable(&network, base_url, "the query", error).await),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    let body = http::body(response, &base_url.host()).await?;
    let answer = Answer { status, headers, body };
    if answer.refuses_token() {
        return Ok(false);
    }
    if answer.is_refusal() {
        let (host, status) = (base_url.host(), answer.status);
        return Err(Failure::new(ErrorKind::ServerFailed, format!("{host} answered {status}")));
    }
    Ok(true)
}
