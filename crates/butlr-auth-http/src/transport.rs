use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use butlr_auth_core::{Delivery, EndpointUrl, Error, ErrorKind};
use http::{HeaderMap, StatusCode};
use zeroize::Zeroizing;

/// No answer is read further than this: 256 KiB.
const MAX_BODY: usize = 256 * 1024;

/// Connecting takes at most this much of an exchange's deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Sends one request and reads one bounded answer: the one place that makes an HTTP client.
pub(crate) struct Transport {
    builder: Mutex<Option<reqwest::ClientBuilder>>,
    client: OnceLock<Result<reqwest::Client, Error>>,
    timeout: Duration,
    is_local: bool,
}

/// An answer whose body was read, whatever it says.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Transport {
    pub(crate) fn new(builder: Option<reqwest::ClientBuilder>, timeout: Duration, origin: &str) -> Self {
        // An `http` origin is a loopback address: nothing else passes as an endpoint.
        let is_local = origin.starts_with("http://");
        Self { builder: Mutex::new(builder), client: OnceLock::new(), timeout, is_local }
    }

    /// The client, built when it is needed for the first time: reading the system's roots takes milliseconds.
    fn client(&self) -> Result<&reqwest::Client, Error> {
        let built = self.client.get_or_init(|| {
            let given = self.builder.lock().unwrap_or_else(PoisonError::into_inner).take();
            let builder = given
                .unwrap_or_default()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_zstd()
                .tls_version_min(reqwest::tls::Version::TLS_1_2)
                .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
                .timeout(self.timeout)
                .user_agent(concat!("butlr-auth/", env!("CARGO_PKG_VERSION")));
            let builder = if self.is_local { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| {
                Error::new(ErrorKind::Configuration, "the HTTP client could not be set up")
                    .with_source(error.without_url())
            })
        });
        built.as_ref().map_err(Clone::clone)
    }

    /// Sends a request once. `what` names the grant or operation in errors.
    ///
    /// The error's delivery says whether the request can have been acted on; an answer that could not be read to its
    /// end counts as none.
    pub(crate) async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        endpoint: &EndpointUrl,
        what: &str,
    ) -> Result<Answer, Error> {
        let failed = |error: reqwest::Error| self.failed(error, endpoint, what);
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut response = self.client()?.execute(request).await.map_err(failed)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut body = Zeroizing::new(Vec::with_capacity(8 * 1024));
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY {
                let message = format!("{} answered the {what} with more than 256 KiB", endpoint.host());
                let error = Error::new(ErrorKind::InvalidResponse, message).with_status(status.as_u16());
                return Err(error.with_delivery(delivery_of(status)));
            }
            grow(&mut body, &chunk);
        }
        Ok(Answer { status, headers, body })
    }

    fn failed(&self, error: reqwest::Error, endpoint: &EndpointUrl, what: &str) -> Error {
        let host = endpoint.host();
        let (kind, delivery, message) = if error.is_builder() {
            let message = format!("the {what} for {host} could not be built");
            (ErrorKind::Configuration, Delivery::NotSent, message)
        } else if error.is_connect() {
            let kind = if error.is_timeout() { ErrorKind::TimedOut } else { ErrorKind::Unreachable };
            (kind, Delivery::NotSent, format!("could not connect to {host} for the {what}"))
        } else if error.is_timeout() {
            let seconds = self.timeout.as_secs_f64();
            let message = format!("{host} did not answer the {what} within {seconds} s");
            (ErrorKind::TimedOut, Delivery::Unanswered, message)
        } else {
            let message = format!("the connection to {host} broke before the {what} was answered");
            (ErrorKind::Unreachable, Delivery::Unanswered, message)
        };
        Error::new(kind, message).with_delivery(delivery).with_source(error.without_url())
    }
}

/// What an answer with this status says of the request, even if nothing else of it can be used: a success may have
/// brought tokens that are lost now.
pub(crate) fn delivery_of(status: StatusCode) -> Delivery {
    if status.is_client_error() || status.is_server_error() {
        Delivery::Answered
    } else {
        Delivery::Unanswered
    }
}

/// Appends without leaving an unwiped copy of the old buffer behind.
fn grow(body: &mut Zeroizing<Vec<u8>>, chunk: &[u8]) {
    if body.len() + chunk.len() > body.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity((body.len() + chunk.len()) * 2));
        larger.extend_from_slice(body);
        *body = larger;
    }
    body.extend_from_slice(chunk);
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
