use std::time::{Duration, SystemTime};

use butlr_auth_core::{AccessToken, AuthorizationCode, Nonce};
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;

use crate::claims::{Claims, audience, check_issuer, check_times};
use crate::jws::Jws;
use crate::verifier::Settings;
use crate::{Reason, VerifyError};

/// A `sub` longer than this is refused.
//= https://openid.net/specs/openid-connect-core-1_0.html#IDToken
//# It MUST NOT exceed 255 ASCII characters in length.
const LONGEST_SUBJECT: usize = 255;

/// What an `id_token` must agree with: the client, and what else is known of the login it came from.
///
/// ```
/// use std::time::Duration;
/// use butlr_auth_core::{AccessToken, Nonce};
/// use butlr_auth_verify::ExpectedIdToken;
///
/// let (nonce, access_token) = (Nonce::new("n-0S6_WzA2Mj")?, AccessToken::new("mF_9.B5f-4.1JqM")?);
/// let expected = ExpectedIdToken::by_client("my-client")
///     .nonce(&nonce)
///     .access_token(&access_token)
///     .max_age(Duration::from_secs(3600));
/// # let _ = expected;
/// # Ok::<(), butlr_auth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "it checks nothing by itself"]
pub struct ExpectedIdToken<'a> {
    client_id: &'a str,
    nonce: Option<&'a Nonce>,
    access_token: Option<&'a AccessToken>,
    code: Option<&'a AuthorizationCode>,
    max_age: Option<Duration>,
    on_redirect: bool,
}

impl<'a> ExpectedIdToken<'a> {
    /// Expects an `id_token` for this client: it must be in `aud`, and be `azp` if that is there. An `id_token` that
    /// came [on the redirect](Self::on_redirect) must have `azp` beside several audiences.
    pub fn by_client(client_id: &'a str) -> Self {
        Self { client_id, nonce: None, access_token: None, code: None, max_age: None, on_redirect: false }
    }

    /// Expects the nonce of the authorization request.
    pub fn nonce(mut self, nonce: &'a Nonce) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// Names the access token that came along: `at_hash`, where there is one, must be its.
    pub fn access_token(mut self, token: &'a AccessToken) -> Self {
        self.access_token = Some(token);
        self
    }

    /// Names the authorization code that came along: `c_hash`, where there is one, must be its.
    pub fn code(mut self, code: &'a AuthorizationCode) -> Self {
        self.code = Some(code);
        self
    }

    /// Expects a login no longer ago than this, as the authorization request asked for by `max_age`.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = Some(age);
        self
    }

    /// Says that the `id_token` came on the redirect itself, through the browser. There it must have a nonce, and vouch
    /// for what came along: `at_hash` for an access token, `c_hash` for a code.
    pub fn on_redirect(mut self) -> Self {
        self.on_redirect = true;
        self
    }
}

/// What a verified `id_token` says.
///
/// `Debug` names the claims and does not show them.
#[derive(Debug)]
pub struct VerifiedIdToken {
    claims: Claims,
    expires_at: SystemTime,
}

impl VerifiedIdToken {
    /// Checks everything but the signature, which is known to be good.
    pub(crate) fn check(
        jws: &Jws<'_>,
        expected: &ExpectedIdToken<'_>,
        settings: &Settings,
    ) -> Result<Self, VerifyError> {
        let claims = Claims::new(jws.claims()?);
        //= https://www.rfc-editor.org/rfc/rfc8725#section-3.11
        //# explicit typing may not achieve disambiguation from existing kinds of JWTs, as the validation rules for
        //# existing kinds of JWTs often do not use the "typ" Header Parameter value.
        let is_plain = jws.typ.is_none() || jws.is_typed("JWT");
        // `events` makes it a logout token or another security event.
        if !is_plain || claims.has("events") {
            return Err(Reason::WrongType.into());
        }
        check_issuer(&claims, &settings.issuer)?;
        check_client(&claims, expected)?;
        let now = settings.now();
        let expires_at = check_times(&claims, now, settings.leeway)?;
        claims.required_time("iat")?;
        if claims.required_text("sub")?.len() > LONGEST_SUBJECT {
            return Err(Reason::MalformedClaim("sub").into());
        }
        check_nonce(&claims, expected)?;
        check_age(&claims, expected.max_age, now, settings.leeway)?;
        let half = |token: &str| jws.algorithm.half_hash(token);
        let vouched = [
            ("at_hash", expected.access_token.map(|token| half(token.expose())), Reason::WrongTokenHash),
            ("c_hash", expected.code.map(|code| half(code.expose())), Reason::WrongCodeHash),
        ];
        for (claim, hash, wrong) in vouched {
            match (claims.text(claim)?, hash) {
                (Some(found), Some(hash)) if found != hash => return Err(wrong.into()),
                (None, Some(_)) if expected.on_redirect => return Err(Reason::MissingClaim(claim).into()),
                _ => {}
            }
        }
        Ok(Self { claims, expires_at })
    }

    /// Returns who logged in: never reassigned, and told apart within the issuer only.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.claims.text("sub").ok().flatten().unwrap_or_default()
    }

    /// Returns when the `id_token` ends (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Reads another claim, such as `email`.
    ///
    /// # Errors
    /// [`Reason::MalformedClaim`] if it is there and not a `T`.
    pub fn claim<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, VerifyError> {
        self.claims.read(name)
    }

    /// Returns every claim as JSON text, for display.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.claims.to_json()
    }
}

//= https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
//# This validation MAY include that when an azp (authorized party) Claim is present, the Client SHOULD verify that its
//# client_id is the Claim Value.
// Nothing is asked of an absent one since the specification's errata; what came through the browser has nothing else
// that ties it to this client alone.
fn check_client(claims: &Claims, expected: &ExpectedIdToken<'_>) -> Result<(), VerifyError> {
    let audience = audience(claims)?;
    if !audience.contains(&expected.client_id) {
        return Err(Reason::WrongAudience.into());
    }
    match claims.text("azp")? {
        Some(party) if party == expected.client_id => Ok(()),
        None if audience.len() == 1 || !expected.on_redirect => Ok(()),
        _ => Err(Reason::WrongAuthorizedParty.into()),
    }
}

//= https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
//# If a nonce value was sent in the Authentication Request, a nonce Claim MUST be present and its value checked to verify
//# that it is the same value as the one that was sent in the Authentication Request.
fn check_nonce(claims: &Claims, expected: &ExpectedIdToken<'_>) -> Result<(), VerifyError> {
    let found = claims.text("nonce")?;
    let Some(nonce) = expected.nonce else {
        let missing = expected.on_redirect && found.is_none();
        return if missing { Err(Reason::MissingClaim("nonce").into()) } else { Ok(()) };
    };
    let found = found.ok_or(Reason::MissingClaim("nonce"))?;
    let same = found.as_bytes().ct_eq(nonce.expose().as_bytes());
    if same.into() { Ok(()) } else { Err(Reason::WrongNonce.into()) }
}

fn check_age(
    claims: &Claims,
    max_age: Option<Duration>,
    now: SystemTime,
    leeway: Duration,
) -> Result<(), VerifyError> {
    let logged_in_at = claims.time("auth_time")?;
    let Some(max_age) = max_age else { return Ok(()) };
    let logged_in_at = logged_in_at.ok_or(Reason::MissingClaim("auth_time"))?;
    // A login to come is none that has just been.
    let age = now.duration_since(logged_in_at);
    let is_young = match age {
        Ok(age) => age <= max_age.saturating_add(leeway),
        Err(ahead) => ahead.duration() <= leeway,
    };
    if is_young { Ok(()) } else { Err(Reason::TooOld.into()) }
}
