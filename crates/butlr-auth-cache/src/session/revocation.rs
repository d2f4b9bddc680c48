use std::time::Duration;

use butlr_auth_core::{AccessToken, Error, ErrorCode, RefreshToken, Revocation};

use super::Shared;

/// What lies between two tries of one revocation that met temporary trouble: not long, because somebody waits for
/// the logout.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

/// A server that asks for a longer pause than this is not asked again: 1 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Shared {
    /// Revokes what is given, the refresh token first (RFC 7009 §2.1: it usually ends the access tokens too).
    ///
    /// That a server does not revoke access tokens is its way, and no failure: they end by themselves. One that does
    /// not revoke refresh tokens leaves the session alive, and that is told.
    pub(super) async fn revoke(
        &self,
        refresh: Option<&RefreshToken>,
        access: &[&AccessToken],
    ) -> Result<(), Error> {
        let mut result = Ok(());
        if let Some(token) = refresh {
            result = self.revoke_patiently(Revocation::RefreshToken(token)).await;
        }
        for token in access {
            match self.revoke_patiently(Revocation::AccessToken(token)).await {
                Err(error) if result.is_ok() && !is_unsupported(&error) => result = Err(error),
                _ => {}
            }
        }
        result
    }

    //= https://www.rfc-editor.org/rfc/rfc7009#section-2.2.1
    //# If the server responds with HTTP status code 503, the client must assume the token still exists and may retry
    //# after a reasonable delay.
    async fn revoke_patiently(&self, token: Revocation<'_>) -> Result<(), Error> {
        for pause in PAUSES {
            let error = match self.endpoint.revoke(token).await {
                Err(error) if error.is_transient() => error,
                other => return other,
            };
            let asked = error.retry_after().unwrap_or_default();
            if asked > LONGEST_PAUSE {
                return Err(error);
            }
            tokio::time::sleep(pause.max(asked)).await;
        }
        self.endpoint.revoke(token).await
    }
}

fn is_unsupported(error: &Error) -> bool {
    error.error_response().is_some_and(|response| response.error == ErrorCode::UNSUPPORTED_TOKEN_TYPE)
}
