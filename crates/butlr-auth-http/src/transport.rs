use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use butlr_auth_core::{Delivery, EndpointUrl, Error, ErrorKind, GrantType, text};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use reqwest::{Client, ClientBuilder, RequestBuilder, redirect, retry};
use url::Url;
use zeroize::Zeroizing;

use crate::network::{Network, unanswered};

/// No answer is read further than this: 256 KiB. Tokens are a few KiB.
pub(crate) const LONGEST_ANSWER: usize = 256 * 1024;

/// For how long an idle connection is kept: 4 seconds, less than servers and balancers keep theirs.
///
/// A request that is written into a connection which the server is just closing is lost, and with it, perhaps, a
/// refresh token.
const IDLE: Duration = Duration::from_secs(4);

/// For how long an answer is still read after its deadline: 100 ms.
const MOMENT: Duration = Duration::from_millis(100);

/// No header and no URL is logged further than this, in characters.
const LONGEST_LOGGED: usize = 256;

/// Longer than any deadline: whoever's client it is, ours decides.
const NEVER: Duration = Duration::from_secs(86_400);

/// The HTTP client, built at the first request: reading the TLS roots takes milliseconds, and a session that finds
/// a fresh token in its store needs none of it.
pub(crate) struct Transport {
    settings: Mutex<Option<ClientBuilder>>,
    client: OnceLock<Result<Client, Error>>,
    connect: Duration,
    direct: bool,
    network: Network,
}

/// What came back: a status, headers, and the body as far as it was read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Why the body is not whole.
    pub(crate) broken: Option<Error>,
}

/// What a request is for, as messages put it, and the secrets in it, which must not come back in a message.
pub(crate) struct Errand<'a> {
    pub(crate) host: String,
    /// Such as `the refresh_token grant`.
    pub(crate) asked: String,
    pub(crate) secrets: Vec<&'a str>,
    /// Where the request goes.
    pub(crate) url: Url,
    /// The grant, if it is one.
    pub(crate) grant_type: Option<GrantType>,
}

impl<'a> Errand<'a> {
    pub(crate) fn new(url: &EndpointUrl, asked: impl Into<String>, secrets: Vec<&'a str>) -> Self {
        let url_of = url.as_url().clone();
        Self { host: url.host(), asked: asked.into(), secrets, url: url_of, grant_type: None }
    }

    /// Says, at TRACE, what came back: the status, the URL without its query, and the content type.
    fn trace(&self, status: StatusCode, headers: &HeaderMap) {
        let Self { secrets, .. } = self;
        let mut url = self.url.clone();
        url.set_query(None);
        let shown = |text: &str| text::escape(&text::redact(text, secrets), LONGEST_LOGGED);
        let content_type =
            headers.get(CONTENT_TYPE).map(|value| shown(&String::from_utf8_lossy(value.as_bytes())));
        tracing::trace!(status = status.as_u16(), url = shown(url.as_str()), content_type, "answered");
    }
}

impl Transport {
    /// Takes the settings of the client. A `direct` one uses no proxy.
    pub(crate) fn new(
        settings: Option<ClientBuilder>,
        network: Network,
        connect: Duration,
        direct: bool,
    ) -> Self {
        Self { settings: Mutex::new(settings), client: OnceLock::new(), connect, direct, network }
    }

    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    fn client(&self) -> Result<&Client, Error> {
        self.client.get_or_init(|| self.build()).as_ref().map_err(Clone::clone)
    }

    /// Builds the client, and forces what a caller's settings must not change.
    fn build(&self) -> Result<Client, Error> {
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.network
            .apply(settings, self.direct)?
            .user_agent(concat!("butlr-auth/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .http1_only()
            // At TRACE it would log every byte.
            .connection_verbose(false)
            .connect_timeout(self.connect)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| {
                Error::new(ErrorKind::Configuration, "the HTTP client cannot be built")
                    .with_source(error.without_url())
            })
    }

    /// Asks for a document that needs no secret.
    pub(crate) async fn get(
        &self,
        url: &EndpointUrl,
        headers: HeaderMap,
        total: Duration,
        errand: &Errand<'_>,
    ) -> Result<Answer, Error> {
        let request = self.client()?.get(url.as_url().clone()).headers(headers);
        self.send(request, url, total, errand).await
    }

    /// Sends a body.
    pub(crate) async fn post(
        &self,
        url: &EndpointUrl,
        headers: HeaderMap,
        body: Zeroizing<Vec<u8>>,
        total: Duration,
        errand: &Errand<'_>,
    ) -> Result<Answer, Error> {
        let request = self
            .client()?
            .post(url.as_url().clone())
            .headers(headers)
            // Wiped when the connection has written it.
            .body(Bytes::from_owner(body));
        self.send(request, url, total, errand).await
    }

    /// Sends one request, once, and reads its answer.
    async fn send(
        &self,
        request: RequestBuilder,
        url: &EndpointUrl,
        total: Duration,
        errand: &Errand<'_>,
    ) -> Result<Answer, Error> {
        // The deadline is kept below.
        let request = request.timeout(NEVER);
        let mut answer = None;
        let exchange = async {
            let mut response = match request.send().await {
                Ok(response) => response,
                Err(error) => return Err(self.unanswered(url, errand, error).await),
            };
            errand.trace(response.status(), response.headers());
            let answer = answer.insert(Answer {
                status: response.status(),
                headers: std::mem::take(response.headers_mut()),
                body: Zeroizing::new(Vec::new()),
                broken: None,
            });
            loop {
                match response.chunk().await {
                    // The length that the server announces is not asked: it may lie.
                    Ok(Some(chunk)) if answer.body.len() + chunk.len() > LONGEST_ANSWER => {
                        answer.broken = Some(errand.broken(format_args!("exceeds {LONGEST_ANSWER} bytes")));
                        return Ok(());
                    }
                    Ok(Some(chunk)) => answer.body.extend_from_slice(&chunk),
                    Ok(None) => return Ok(()),
                    Err(error) => {
                        answer.broken = Some(unanswered(&errand.host, &errand.asked, error));
                        return Ok(());
                    }
                }
            }
        };
        let late = match within(total, exchange).await {
            Some(result) => {
                result?;
                None
            }
            None => Some(errand.late(total)),
        };
        match (answer, late) {
            (Some(answer), None) => Ok(answer),
            (Some(answer), late) => Ok(Answer { broken: late, ..answer }),
            (None, late) => Err(late.unwrap_or_else(|| errand.late(total))),
        }
    }

    async fn unanswered(&self, url: &EndpointUrl, errand: &Errand<'_>, error: reqwest::Error) -> Error {
        let Errand { host, asked, .. } = errand;
        // Rare, and large: nobody who succeeds pays for it.
        match Box::pin(self.network.fault(url, self.direct, &error)).await {
            Some(fault) => fault.into_error(host, asked),
            None => unanswered(host, asked, error),
        }
    }
}

/// Runs `future` for `total`, and a moment more.
///
/// The timer of a process that was stopped fires as soon as it goes on, before it has read what arrived meanwhile.
/// The answer to a refresh may be among that, and asking again would spend the session.
async fn within<T>(total: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match tokio::time::timeout(total, future.as_mut()).await {
        Ok(value) => Some(value),
        Err(_) => tokio::time::timeout(MOMENT, future).await.ok(),
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("built", &self.client.get().is_some())
            .field("direct", &self.direct)
            .finish_non_exhaustive()
    }
}

impl Errand<'_> {
    fn late(&self, total: Duration) -> Error {
        let Self { host, asked, .. } = self;
        let message = format!("no whole answer from {host} to {asked} within {total:?}");
        Error::new(ErrorKind::TimedOut, message).with_delivery(Delivery::Unanswered)
    }

    fn broken(&self, why: impl fmt::Display) -> Error {
        let Self { host, asked, .. } = self;
        Error::new(ErrorKind::InvalidResponse, format!("the answer of {host} to {asked} {why}"))
            .with_delivery(Delivery::Unreadable)
    }
}
