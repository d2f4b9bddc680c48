use std::time::Duration;

use butlr_auth_core::{AccessToken, Error, ErrorCode, Fingerprint, RefreshToken, Revocation};

use super::Shared;
use crate::record::Record;

/// What lies between two tries of one revocation that met temporary trouble: not long, because somebody waits for
/// the logout.
const PAUSES: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_millis(500), Duration::from_secs(1)];

/// A server that asks for a longer pause than this is not asked again: 1 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What became of each token.
#[derive(Debug, Default)]
pub(super) struct Revoked {
    pub(super) refresh: Option<Result<(), Error>>,
    pub(super) access: Vec<Result<(), Error>>,
}

impl Revoked {
    /// Why the server still honours something, if that is no matter of course.
    pub(super) fn failure(&self) -> Option<Error> {
        let refresh = self.refresh.iter().find_map(|result| result.as_ref().err());
        let mut access = self.access.iter().filter_map(|result| result.as_ref().err());
        refresh.or_else(|| access.find(|error| !is_unsupported(error))).cloned()
    }
}

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
        self.revoke_each(refresh, access).await.failure().map_or(Ok(()), Err)
    }

    /// The same, told for each token.
    pub(super) async fn revoke_each(
        &self,
        refresh: Option<&RefreshToken>,
        access: &[&AccessToken],
    ) -> Revoked {
        let mut revoked = Revoked::default();
        if let Some(token) = refresh {
            revoked.refresh = Some(self.revoke_patiently(Revocation::RefreshToken(token)).await);
        }
        for token in access {
            revoked.access.push(self.revoke_patiently(Revocation::AccessToken(token)).await);
        }
        revoked
    }

    /// Revokes what a login has replaced by a record that is durable. Whether nothing of it is left.
    pub(super) async fn revoke_replaced(&self, replaced: &Record, by: &Record) -> bool {
        let refresh = replaced.ledger.refresh.and_then(|refresh| {
            replaced.refresh_tokens.get(&refresh.fingerprint).filter(|_| by.ledger.refresh != Some(refresh))
        });
        let access = self.alive(replaced, Some(by));
        self.revoke_each(refresh, &access).await.failure().is_none()
    }

    /// The access tokens of a record that have not ended, without those of another one.
    pub(super) fn alive<'a>(&self, record: &'a Record, but: Option<&Record>) -> Vec<&'a AccessToken> {
        let now = self.setup.clock.now();
        let issued = record.ledger.access.values().filter(|issued| !issued.is_expired(now));
        let kept = |issued: &Fingerprint| but.is_some_and(|other| other.access_tokens.get(issued).is_some());
        issued
            .filter(|issued| !kept(&issued.fingerprint))
            .filter_map(|issued| record.access_tokens.get(&issued.fingerprint))
            .collect()
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
