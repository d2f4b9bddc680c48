use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{Extensions, Response};
use reqwest::{Body, Request, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next};
use url::{Origin, Url};

use super::{Bearer, BearerBody, BearerError, Sent, Verdict};

/// As a middleware it puts the token on the requests of a reqwest client, which itself leaves the header behind when
/// it follows a redirect to another scheme, host or port.
///
/// An error of the token is in [`reqwest_middleware::Error::Middleware`] and can be had by
/// `downcast_ref::<butlr_auth_core::Error>()`.
///
/// # Examples
/// ```
/// # use butlr_auth_core::{AccessToken, Scope, StaticToken, Token, Validity};
/// use butlr_auth_http::Bearer;
/// use reqwest_middleware::ClientBuilder;
///
/// # async fn example(session: StaticToken) -> Result<(), Box<dyn std::error::Error>> {
/// let bearer = Bearer::new(session).origin("https://api.butlr.io")?;
/// let client = ClientBuilder::new(reqwest::Client::new()).with(bearer).build();
/// let rooms = client.get("https://api.butlr.io/rooms").send().await?;
/// # drop(rooms);
/// # Ok(()) }
/// ```
#[async_trait]
impl Middleware for Bearer {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response, Error> {
        if request.headers().contains_key(AUTHORIZATION) || !self.covers_url(request.url()) {
            return next.run(request, extensions).await;
        }
        self.call_client(request, extensions, next).await.map_err(|error| match error {
            BearerError::Token(error) => Error::middleware(error),
            BearerError::Service(error) => error,
        })
    }
}

impl Bearer {
    fn covers_url(&self, url: &Url) -> bool {
        self.covers_origin(url.scheme(), url.authority())
    }

    async fn call_client(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<reqwest::Response, BearerError<Error>> {
        let (copy, origin) = (request.try_clone(), request.url().origin());
        let host = request.url().host_str().unwrap_or_default().to_owned();
        let sent = self.put(request.headers_mut(), host).await.map_err(BearerError::Token)?;
        let answer = next.clone().run(request, extensions).await.map_err(BearerError::Service)?;
        let (answer, verdict) = self.judge_from(&origin, answer, &sent).await;
        let another = self.another(&sent, verdict, copy.is_some()).await.map_err(BearerError::Token)?;
        let (Some(another), Some(mut request)) = (another, copy) else { return Ok(answer) };
        drop(answer);
        request.headers_mut().insert(AUTHORIZATION, another);
        let answer = next.run(request, extensions).await.map_err(BearerError::Service)?;
        let (answer, verdict) = self.judge_from(&origin, answer, &sent).await;
        verdict.scope_is_enough().map_err(BearerError::Token)?;
        Ok(answer)
    }

    /// Judges an answer, unless a redirect has led elsewhere: there nobody has seen the token.
    async fn judge_from(
        &self,
        origin: &Origin,
        response: reqwest::Response,
        sent: &Sent,
    ) -> (reqwest::Response, Verdict) {
        if response.url().origin() != *origin {
            return (response, Verdict::Fine);
        }
        if !self.looks_into(response.status(), response.headers()) {
            let verdict = Verdict::of(response.status(), response.headers(), sent);
            return (response, verdict);
        }
        let url = response.url().clone();
        let mut response = Response::<Body>::from(response).map(BearerBody::new);
        let verdict = self.judge(&mut response, sent).await;
        let (mut parts, body) = response.into_parts();
        // Where it came from is lost on the way through `http` otherwise.
        let url = http::response::Builder::new().url(url);
        parts.extensions.extend(url.extensions_ref().cloned().unwrap_or_default());
        (Response::from_parts(parts, Body::wrap(body)).into(), verdict)
    }
}
