use std::fmt;

use butlr_auth_core::{Error, TokenSource};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};

use crate::AuthorizationHeader;

#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
mod body;
mod challenge;
mod error;
#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
mod graphql;
mod origin;
#[cfg(feature = "reqwest-middleware")]
mod reqwest;
#[cfg(feature = "tower")]
mod tower;

#[cfg(any(feature = "reqwest-middleware", feature = "tower"))]
pub use body::BearerBody;
pub(crate) use challenge::Verdict;
pub use error::BearerError;
use origin::Origin;
#[cfg(feature = "tower")]
pub use tower::{BearerLayer, BearerService};

/// Puts the token of a [`TokenSource`] on requests, and sees to it that a token which turns out to be bad is replaced.
///
/// There are three ways to use it: as a tower `Layer` (`Bearer::layer`, feature `tower`), as a middleware of
/// `reqwest-middleware` (it *is* one, feature `reqwest-middleware`), and as a plain function around any client at all,
/// [`send`](Self::send). All follow the same rules.
///
/// # Where the token goes
///
/// To the [origins](Self::origin) that it was given, and nowhere else: scheme, host and port must be theirs, and the
/// URL must not hold a user name. Whatever goes elsewhere goes without a token. On a redirect to another origin the
/// header is left behind.
///
/// A client for an origin on this machine, over plain `http`, should have no proxy: the proxy would see the token.
///
/// A request that brings an `Authorization` header of its own is sent as it is, and its answer is nobody's business
/// but the caller's.
///
/// # What a refusal does
///
/// - **Status 401**, with a Bearer challenge whose code is `invalid_token` or that has no code, or with no challenge at
///   all: the token is [rejected](TokenSource::reject), and if that brings another one, the request is sent once more,
///   provided that its body can be. So each call makes two requests at most, and a thousand that fail at once cost one
///   exchange. With any other challenge, such as `Basic` alone, the answer is handed on.
/// - **`insufficient_scope`** is an error of [that kind](butlr_auth_core::ErrorKind::InsufficientScope) that names the
///   scope which the server asks for: another token would fare no better
///   ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
/// - **GraphQL's `UNAUTHENTICATED`**, where [asked for](Self::graphql), counts as a 401.
///
/// # Examples
/// ```
/// # use butlr_auth_testkit::AuthorizationServer;
/// # use butlr_auth_core::{AccessToken, Scope, StaticToken, Token, Validity};
/// use butlr_auth_http::Bearer;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let session = StaticToken::new(Token::new(AccessToken::new("mF_9.B5f-4.1JqM")?, Scope::empty(), Validity::UNTIL_REFUSED));
/// let bearer = Bearer::new(session).origin("https://api.butlr.io")?;
///
/// let mut request = http::Request::get("https://api.butlr.io/api/v3/graphql").body(())?;
/// assert!(bearer.authorize(&mut request).await?);
/// let mut elsewhere = http::Request::get("https://api.butlr.io.example.com/").body(())?;
/// assert!(!bearer.authorize(&mut elsewhere).await?);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Bearer {
    header: AuthorizationHeader,
    origins: Vec<Origin>,
    graphql: bool,
}

/// What an answer to a request with `token` means.
#[cfg(feature = "fuzzing")]
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, token: &str) -> Result<bool, Error> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).unwrap_or(HeaderValue::from_static("Bearer"));
    value.set_sensitive(true);
    let sent = Sent { token: value, host: "api.example.com".to_owned() };
    match Verdict::of(status, headers, &sent) {
        Verdict::InsufficientScope(error) => Err(error),
        verdict => Ok(matches!(verdict, Verdict::Refused { .. })),
    }
}

/// What went out with a request.
struct Sent {
    token: HeaderValue,
    host: String,
}

impl Bearer {
    /// Takes the tokens of `source`. Without an [`origin`](Self::origin) they go nowhere.
    #[must_use]
    pub fn new(source: impl TokenSource + 'static) -> Self {
        Self::with_header(AuthorizationHeader::new(source))
    }

    /// Takes a header that is in use elsewhere too, or that has a clock of its own.
    #[must_use]
    pub fn with_header(header: AuthorizationHeader) -> Self {
        Self { header, origins: Vec::new(), graphql: false }
    }

    /// Adds an origin that the token goes to, such as `https://api.butlr.io`. Call it once for each.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](butlr_auth_core::ErrorKind::Configuration) unless it is `https`, or `http` to a
    /// literal loopback address, without user name, path and query.
    pub fn origin(mut self, origin: &str) -> Result<Self, Error> {
        self.origins.push(origin.parse()?);
        Ok(self)
    }

    /// Takes an answer of status 200 whose `errors[].extensions.code` is `UNAUTHENTICATED` for a refusal, as GraphQL
    /// servers give it.
    ///
    /// Answers of a JSON type are read up to 64 KiB before they are handed on, whole: a longer one is no refusal. If
    /// one has data beside the error, some of the request was carried out: the token is rejected, and the request is
    /// not repeated. [`send`](Self::send) does not look into bodies.
    #[must_use]
    pub fn graphql(mut self) -> Self {
        self.graphql = true;
        self
    }

    /// Returns the header, for a client that none of the three ways fits.
    #[must_use]
    pub fn header(&self) -> &AuthorizationHeader {
        &self.header
    }

    /// Returns whether an answer says that the token of its request is no good: status 401, and a Bearer challenge with
    /// `invalid_token` or without a code, or no challenge at all
    /// ([RFC 6750 §3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    ///
    /// For a client that none of the three ways fits: [reject](AuthorizationHeader::reject) the token then, and send
    /// the request once more with the next one. A challenge for more scope is no such answer.
    ///
    /// # Examples
    /// ```
    /// use butlr_auth_http::Bearer;
    /// use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#));
    /// assert!(Bearer::is_refused(http::StatusCode::UNAUTHORIZED, &headers));
    /// headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="insufficient_scope""#));
    /// assert!(!Bearer::is_refused(http::StatusCode::UNAUTHORIZED, &headers));
    /// ```
    #[must_use]
    pub fn is_refused(status: StatusCode, headers: &HeaderMap) -> bool {
        let sent = Sent { token: HeaderValue::from_static("Bearer"), host: String::new() };
        matches!(Verdict::of(status, headers, &sent), Verdict::Refused { .. })
    }

    /// Returns whether the token may go to `uri`. One without scheme and host names no origin.
    #[must_use]
    pub fn covers(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
        self.covers_origin(scheme, authority.as_str())
    }

    fn covers_origin(&self, scheme: &str, authority: &str) -> bool {
        self.origins.iter().any(|origin| origin.is(scheme, authority))
    }

    /// Puts the token on a request if it may go there and if there is no `Authorization` yet; returns whether it did.
    ///
    /// # Errors
    /// As [`TokenSource::token`].
    pub async fn authorize<B>(&self, request: &mut Request<B>) -> Result<bool, Error> {
        let wanted = self.is_for(request);
        if wanted {
            request.headers_mut().insert(AUTHORIZATION, self.header.get().await?);
        }
        Ok(wanted)
    }

    fn is_for<B>(&self, request: &Request<B>) -> bool {
        !request.headers().contains_key(AUTHORIZATION) && self.covers(request.uri())
    }

    /// Sends a request by whatever client there is: once, or twice if the token turned out to be bad.
    ///
    /// `send` must not follow redirects to other origins with the header, as no client of note does.
    ///
    /// # Errors
    /// - [`BearerError::Token`] if there is no token, or if its scope is not enough.
    /// - [`BearerError::Service`] with the error of `send`.
    ///
    /// # Examples
    /// ```
    /// # use butlr_auth_core::{AccessToken, Scope, StaticToken, Token, Validity};
    /// # use butlr_auth_http::{Bearer, BearerError};
    /// # async fn example(bearer: Bearer, client: reqwest::Client) -> Result<(), BearerError<reqwest::Error>> {
    /// let request = http::Request::post("https://api.butlr.io/api/v3/graphql").body(r#"{"query":"{ sites }"}"#);
    /// # let request = request.expect("a valid request");
    /// let response = bearer
    ///     .send(request, |request| async {
    ///         let response = client.execute(reqwest::Request::try_from(request)?).await?;
    ///         Ok(http::Response::<reqwest::Body>::from(response))
    ///     })
    ///     .await?;
    /// # drop(response);
    /// # Ok(()) }
    /// ```
    pub async fn send<B, R, E, F>(
        &self,
        mut request: Request<B>,
        mut send: impl FnMut(Request<B>) -> F,
    ) -> Result<Response<R>, BearerError<E>>
    where
        B: Clone,
        F: Future<Output = Result<Response<R>, E>>,
    {
        if !self.is_for(&request) {
            return send(request).await.map_err(BearerError::Service);
        }
        let host = request.uri().host().unwrap_or_default().to_owned();
        let mut copy = request.clone();
        let sent = self.put(request.headers_mut(), host).await.map_err(BearerError::Token)?;
        let judge = |answer: &Response<R>| Verdict::of(answer.status(), answer.headers(), &sent);
        let answer = send(request).await.map_err(BearerError::Service)?;
        let another = self.another(&sent, judge(&answer), true).await.map_err(BearerError::Token)?;
        let Some(another) = another else { return Ok(answer) };
        drop(answer);
        copy.headers_mut().insert(AUTHORIZATION, another);
        let answer = send(copy).await.map_err(BearerError::Service)?;
        judge(&answer).scope_is_enough().map_err(BearerError::Token)?;
        Ok(answer)
    }

    /// Puts the token on a request.
    async fn put(&self, headers: &mut HeaderMap, host: String) -> Result<Sent, Error> {
        let token = self.header.get().await?;
        headers.insert(AUTHORIZATION, token.clone());
        Ok(Sent { token, host })
    }

    /// Draws the consequence of the first answer: returns another token if the request is to be sent once more.
    async fn another(
        &self,
        sent: &Sent,
        verdict: Verdict,
        has_copy: bool,
    ) -> Result<Option<HeaderValue>, Error> {
        let repeatable = match verdict {
            Verdict::Fine => return Ok(None),
            Verdict::InsufficientScope(error) => return Err(error),
            Verdict::Refused { repeatable } => repeatable && has_copy,
        };
        tracing::debug!(host = sent.host, "a resource server refused the token");
        self.header.reject(&sent.token);
        if !repeatable {
            return Ok(None);
        }
        let renewed = self.header.get().await?;
        // A source may have no other one: it was issued a moment ago, or cannot be renewed.
        Ok(Some(renewed).filter(|renewed| *renewed != sent.token))
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer")
            .field("source", self.header.source())
            .field("origins", &self.origins)
            .field("graphql", &self.graphql)
            .finish_non_exhaustive()
    }
}
