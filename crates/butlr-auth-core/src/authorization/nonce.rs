//! The `nonce`, which ties an `id_token` to the request that it answers.

use subtle::ConstantTimeEq as _;

use crate::{Delivery, Error, ErrorKind, Grant, Hint, IdToken, Nonce, TokenResponse, UnverifiedClaims};

impl Grant {
    /// Checks what came back for this grant beyond the response itself: the `nonce` of an `id_token`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] if an `id_token` does not repeat the nonce of the authorization request:
    /// it belongs to another attempt.
    pub fn check_response(&self, response: &TokenResponse) -> Result<(), Error> {
        match (self, &response.id_token) {
            (Self::AuthorizationCode { nonce, scope, .. }, Some(id_token)) if scope.contains("openid") => {
                check_nonce(id_token, nonce).map_err(|wrong| {
                    let message = format!("the answer to the authorization_code grant {}", wrong.why());
                    wrong.told(
                        Error::new(ErrorKind::InvalidResponse, message).with_delivery(Delivery::Answered),
                    )
                })
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with the nonce of an `id_token`.
#[derive(Clone, Copy)]
pub(super) enum WrongNonce {
    NoJwt,
    Missing,
    Another,
}

impl WrongNonce {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::NoJwt => "holds an `id_token` that is not a JWT",
            Self::Missing => "holds an `id_token` without the `nonce` that was sent",
            Self::Another => "holds an `id_token` of another authorization request",
        }
    }

    pub(super) fn told(self, error: Error) -> Error {
        if matches!(self, Self::Missing) { error.with_hint(Hint::NoNonce) } else { error }
    }
}

pub(super) fn check_nonce(id_token: &IdToken, nonce: &Nonce) -> Result<(), WrongNonce> {
    let claims = UnverifiedClaims::decode(id_token.expose()).ok_or(WrongNonce::NoJwt)?;
    //= https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
    //# If a nonce value was sent in the Authentication Request, a nonce Claim MUST be present and its value
    //# checked to verify that it is the same value as the one that was sent in the Authentication Request.
    let got = claims.text("nonce").ok_or(WrongNonce::Missing)?;
    let same = bool::from(got.as_bytes().ct_eq(nonce.expose().as_bytes()));
    if same { Ok(()) } else { Err(WrongNonce::Another) }
}
