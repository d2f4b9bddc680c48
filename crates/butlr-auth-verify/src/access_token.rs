use std::time::SystemTime;

use butlr_auth_core::Scope;
use serde::de::DeserializeOwned;

use crate::claims::{Claims, audience, check_issuer, check_times};
use crate::jws::Jws;
use crate::verifier::Settings;
use crate::{Reason, VerifyError};

/// The media types of access tokens: RFC 9068's own, and what servers write that do not follow it.
const ACCESS_TOKEN: &str = "at+jwt";
const PLAIN: &str = "JWT";

/// The claims that an access token of RFC 9068 has besides those that every token must have.
//= https://www.rfc-editor.org/rfc/rfc9068#section-2.2
//# The following claims are used in the JWT access token data structure.
const REQUIRED: [&str; 3] = ["sub", "client_id", "jti"];

/// What a verified access token says.
///
/// `Debug` names the claims and does not show them.
#[derive(Debug)]
pub struct VerifiedAccessToken {
    claims: Claims,
    scope: Scope,
    expires_at: SystemTime,
}

impl VerifiedAccessToken {
    /// Checks everything but the signature, which is known to be good.
    pub(crate) fn check(jws: &Jws<'_>, settings: &Settings) -> Result<Self, VerifyError> {
        let claims = Claims::new(jws.claims()?);
        //= https://www.rfc-editor.org/rfc/rfc9068#section-4
        //# The resource server MUST verify that the "typ" header value is "at+jwt" or "application/at+jwt" and reject
        //# tokens carrying any other value.
        let typed = jws.is_typed(ACCESS_TOKEN);
        let plain = settings.plain_jwt && jws.typ.as_deref().is_none_or(|_| jws.is_typed(PLAIN));
        // Nothing but an id_token vouches for other tokens.
        if !(typed || plain) || claims.has("at_hash") || claims.has("c_hash") {
            return Err(Reason::WrongType.into());
        }
        check_issuer(&claims, &settings.issuer)?;
        if !audience(&claims)?.iter().any(|name| settings.audiences.iter().any(|ours| ours == name)) {
            return Err(Reason::WrongAudience.into());
        }
        let expires_at = check_times(&claims, settings.now(), settings.leeway)?;
        if typed {
            claims.required_time("iat")?;
            for claim in REQUIRED {
                claims.required_text(claim)?;
            }
        } else {
            for claim in REQUIRED {
                claims.text(claim)?;
            }
        }
        //= https://www.rfc-editor.org/rfc/rfc7800#section-3.1
        //# Applications that require the use of the "cnf" claim need to specify how it is to be used
        if claims.has("cnf") {
            return Err(Reason::SenderConstrained.into());
        }
        let scope = claims.text("scope")?.unwrap_or_default();
        let scope = scope.parse().map_err(|_| Reason::MalformedClaim("scope"))?;
        Ok(Self { claims, scope, expires_at })
    }

    /// Returns whom the token speaks for (`sub`): a person, or the client itself. Absent only where
    /// [plain JWTs](crate::VerifierBuilder::plain_jwt) are accepted.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// Returns the client that got the token (`client_id`). Absent only where
    /// [plain JWTs](crate::VerifierBuilder::plain_jwt) are accepted.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.text("client_id")
    }

    /// Returns the token's own name (`jti`), by which single ones can be refused. Absent only where
    /// [plain JWTs](crate::VerifierBuilder::plain_jwt) are accepted.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// Returns the scope that was granted: none if the claim is absent.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Returns when the token ends (`exp`).
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// Requires every part of `scope`, given as text with spaces: the authorisation of one route.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`], whose answer names the scope. A `scope` that is not well-formed is in no token.
    pub fn require_scope(&self, scope: &str) -> Result<(), VerifyError> {
        match scope.parse::<Scope>() {
            Ok(needed) if self.scope.covers(&needed) => Ok(()),
            Ok(needed) => Err(VerifyError::insufficient_scope(needed)),
            Err(_) => Err(Reason::InsufficientScope.into()),
        }
    }

    /// Reads another claim, such as one of the program's own.
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

    /// A claim whose type was checked.
    fn text(&self, claim: &'static str) -> Option<&str> {
        self.claims.text(claim).ok().flatten()
    }
}
