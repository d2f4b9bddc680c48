use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use butlr_auth_core::{ClientSecret, Clock, Error, ErrorKind, SystemClock};
use http::HeaderMap;

use crate::authorization::bearer;
use crate::jws::Jws;
use crate::keys::Keys;
use crate::{
    Algorithm, ExpectedIdToken, KeySet, KeySource, Reason, VerifiedAccessToken, VerifiedIdToken, VerifyError,
};

/// No leeway is longer than this: 60 seconds.
const MOST_LEEWAY: Duration = Duration::from_secs(60);

/// Verifies the tokens of one issuer: JWT access tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)) at a
/// resource server, and `id_token`s (OpenID Connect Core §3.1.3.7) at a client.
///
/// Cheap to clone; clones share their keys. See the [crate](crate) for an example.
#[derive(Clone)]
pub struct Verifier {
    settings: Arc<Settings>,
    keys: Arc<Keys>,
}

pub(crate) struct Settings {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) leeway: Duration,
    pub(crate) plain_jwt: bool,
    shared: Option<ClientSecret>,
    clock: Arc<dyn Clock>,
}

impl Settings {
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now().wall
    }
}

impl Verifier {
    /// Starts a builder for the tokens of this issuer, byte for byte as `iss` has it.
    pub fn builder(issuer: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder {
            issuer: issuer.into(),
            audiences: Vec::new(),
            algorithms: Algorithm::ALL.to_vec(),
            leeway: MOST_LEEWAY,
            plain_jwt: false,
            shared: None,
            clock: None,
            keys: None,
        }
    }

    /// Verifies the access token of a request: its `Authorization` header has to be one `Bearer` and a token.
    ///
    /// # Errors
    /// A [`VerifyError`] that knows the answer to the request.
    pub async fn authorize(&self, headers: &HeaderMap) -> Result<VerifiedAccessToken, VerifyError> {
        self.access_token(bearer(headers)?).await
    }

    /// Verifies an access token: a JWT of type `at+jwt` for one of the [audiences](VerifierBuilder::audience).
    ///
    /// # Errors
    /// A [`VerifyError`] with the first [`Reason`](crate::Reason) that was found. Nothing a token says is looked at
    /// before its signature is known to be good, except for its header.
    pub async fn access_token(&self, token: &str) -> Result<VerifiedAccessToken, VerifyError> {
        let jws = self.signed(token).await?;
        VerifiedAccessToken::check(&jws, &self.settings)
    }

    /// Verifies an `id_token`, which must agree with what is expected.
    ///
    /// # Errors
    /// As [`access_token`](Self::access_token).
    pub async fn id_token(
        &self,
        token: &str,
        expected: ExpectedIdToken<'_>,
    ) -> Result<VerifiedIdToken, VerifyError> {
        let jws = match &self.settings.shared {
            None => self.signed(token).await?,
            Some(secret) => {
                let jws = Jws::parse(token, &[Algorithm::Hs256])?;
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
                // In constant time.
                hmac::verify(&key, jws.message, &jws.signature).map_err(|_| Reason::BadSignature)?;
                jws
            }
        };
        VerifiedIdToken::check(&jws, &expected, &self.settings)
    }

    async fn signed<'a>(&self, token: &'a str) -> Result<Jws<'a>, VerifyError> {
        let jws = Jws::parse(token, &self.settings.algorithms)?;
        self.keys.check(&jws).await?;
        Ok(jws)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Settings { issuer, audiences, algorithms, .. } = &*self.settings;
        f.debug_struct("Verifier")
            .field("issuer", issuer)
            .field("audiences", audiences)
            .field("algorithms", algorithms)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Verifier`].
///
/// # Defaults
/// - keys: those that the issuer's metadata name, found and fetched when the first token comes (feature `http`).
/// - [`audience`](Self::audience): none, so that every access token is refused; `id_token`s need none.
/// - [`algorithms`](Self::algorithms): every one there is, and each key only by those that fit it.
/// - [`leeway`](Self::leeway): 60 s.
/// - [`clock`](Self::clock): the system's.
#[derive(Debug)]
#[must_use = "a builder does nothing before `build`"]
pub struct VerifierBuilder {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    plain_jwt: bool,
    shared: Option<ClientSecret>,
    clock: Option<Arc<dyn Clock>>,
    keys: Option<Given>,
}

#[derive(Debug)]
enum Given {
    Set(KeySet),
    Source(Box<dyn KeySource>),
}

impl VerifierBuilder {
    /// Adds a name of this resource server: access tokens must have one of its names in `aud`.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Allows only these algorithms. Name the one that the issuer signs with, if you know it.
    pub fn algorithms(mut self, allowed: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = allowed.into_iter().collect();
        self
    }

    /// Accepts access tokens without a type, or with `typ` `JWT`, and without the claims that RFC 9068 adds: what
    /// servers send that do not follow it, Butlr's among them.
    ///
    /// Such a token is told from an `id_token` by its audience alone. Name an [audience](Self::audience) that is no
    /// client's id.
    pub fn plain_jwt(mut self) -> Self {
        self.plain_jwt = true;
        self
    }

    /// Expects `id_token`s that are signed with the client's secret (`HS256`), and no others: what some servers do for
    /// clients that are set up so.
    ///
    /// Whoever knows the secret can make such a token, and a short secret can be guessed from one. Access tokens are
    /// verified as ever.
    pub fn danger_id_token_hs256(mut self, secret: ClientSecret) -> Self {
        self.shared = Some(secret);
        self
    }

    /// Sets how far the issuer's clock may be from ours, both ways: 60 s at most.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Takes another clock than the system's: a test's.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Takes the keys themselves. They are good for as long as the verifier lives.
    pub fn keys(mut self, keys: KeySet) -> Self {
        self.keys = Some(Given::Set(keys));
        self
    }

    /// Fetches the keys from here instead of asking the issuer's metadata where they are.
    #[cfg(feature = "http")]
    pub fn jwks_uri(self, uri: butlr_auth_core::EndpointUrl) -> Self {
        self.key_source(butlr_auth_http::JwksEndpoint::at(uri))
    }

    /// Takes the keys from a source of one's own.
    pub fn key_source(mut self, source: impl KeySource + 'static) -> Self {
        self.keys = Some(Given::Source(Box::new(source)));
        self
    }

    /// Builds it. Nothing is asked of the issuer yet.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] if no algorithm is allowed, if the leeway is longer than 60 s, if there is nothing to
    /// take keys from, or if they are to be found by an issuer that is no URL an endpoint may have.
    pub fn build(self) -> Result<Verifier, Error> {
        let Self { issuer, audiences, algorithms, leeway, plain_jwt, shared, clock, keys } = self;
        let wrong = |why: &str| Err(Error::new(ErrorKind::Configuration, why));
        if algorithms.is_empty() {
            return wrong("no algorithm is allowed");
        }
        if algorithms.contains(&Algorithm::Hs256) {
            return wrong("HS256 is for id_tokens alone: `danger_id_token_hs256`");
        }
        if leeway > MOST_LEEWAY {
            return wrong("the leeway is longer than 60 s");
        }
        if issuer.is_empty() {
            return wrong("the issuer is empty");
        }
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let keys = match keys {
            Some(Given::Set(keys)) => Keys::Fixed(keys),
            Some(Given::Source(source)) => Keys::fetched(source, Arc::clone(&clock)),
            None => found_by_issuer(&issuer, &clock)?,
        };
        let settings = Settings { issuer, audiences, algorithms, leeway, plain_jwt, shared, clock };
        Ok(Verifier { settings: Arc::new(settings), keys: Arc::new(keys) })
    }
}

#[cfg(feature = "http")]
fn found_by_issuer(issuer: &str, clock: &Arc<dyn Clock>) -> Result<Keys, Error> {
    let discovery = butlr_auth_http::Discovery::builder(issuer).clock(Arc::clone(clock)).build()?;
    Ok(Keys::fetched(Box::new(butlr_auth_http::JwksEndpoint::of(discovery)), Arc::clone(clock)))
}

#[cfg(not(feature = "http"))]
fn found_by_issuer(_: &str, _: &Arc<dyn Clock>) -> Result<Keys, Error> {
    Err(Error::new(ErrorKind::Configuration, "there are no keys: give `keys` or `key_source`"))
}
