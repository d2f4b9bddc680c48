//! What a flight asks of the server.

use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{
    AccessToken, Delivery, Error, ErrorKind, Fingerprint, Grant, IdToken, Moment, RefreshError, RefreshToken,
    Secret, TokenResponse, UnverifiedClaims,
};

use super::super::{failure, id_token};
use super::Flight;
use crate::protocol::{Answer, FailureClass, Input, Received};
use crate::record::{Reason, Subject};

/// How often a lease beats while a request is under way.
pub(super) const BEAT: Duration = Duration::from_millis(1500);

/// An access token and an `id_token` that are longer than this together do not fit into a record: 48 KiB.
const LONGEST: usize = 48 * 1024;

/// What was received, to be given back if nobody is left to have it.
pub(super) struct Brought {
    refresh: Option<RefreshToken>,
    access: Option<AccessToken>,
}

impl Flight {
    pub(super) async fn send(&mut self, token: Option<Fingerprint>, not_after: Option<Duration>) -> Input {
        let grant = match token {
            Some(fingerprint) => {
                self.record.refresh_tokens.get(&fingerprint).cloned().map(|token| self.refresh_grant(token))
            }
            None => self.shared.setup.own_grant.clone(),
        };
        let Some(grant) = grant else {
            self.error =
                Some(Error::new(ErrorKind::CorruptRecord, "a session record names a token that it lacks"));
            return Input::Answer(Answer::NotSent { class: FailureClass::Configuration });
        };
        let sent_at = self.shared.setup.clock.now();
        if not_after.is_some_and(|guard| sent_at.boot > guard) {
            return Input::Answer(Answer::TooLate);
        }
        self.tell_of_the_wait();
        let endpoint = Arc::clone(&self.shared.endpoint);
        let exchange = async {
            match token {
                Some(_) => endpoint.refresh(&grant).await,
                None => endpoint.exchange(&grant).await.map_err(RefreshError::from),
            }
        };
        tokio::pin!(exchange);
        let response = loop {
            match tokio::time::timeout(BEAT, &mut exchange).await {
                Ok(response) => break response,
                Err(_) => self.beat().await,
            }
        };
        // Nothing stands between an answer and its commit but what can be seen of it here.
        let judged = response.and_then(|response| match self.blemish(&response) {
            None => Ok(response),
            Some(error) => Err(RefreshError::from(error).with_successor(response.refresh_token)),
        });
        let told = judged.as_ref().map_err(|refused| &refused.error);
        self.shared.tell_of_exchange(&grant, told, sent_at);
        Input::Answer(self.judge(judged, sent_at))
    }

    /// A refresh brings what the login was for; for another scope it has to ask
    /// ([RFC 6749 §6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    fn refresh_grant(&self, token: RefreshToken) -> Grant {
        let scope = &self.shared.setup.scope;
        let grant = Grant::refresh_token(token);
        let says_scope = self.shared.endpoint.identity().refresh_scope || *scope != self.record.asked;
        if says_scope { grant.with_scope(scope.clone()) } else { grant }
    }

    /// Shows that this process is alive and still holds the lease.
    pub(super) async fn beat(&mut self) {
        let Some(next) = self.attempt.beat() else { return };
        let asked_at = self.shared.setup.clock.boot();
        // A beat that does not get through shows at the guard and at the commit.
        if let Ok(true) = self.write(next.clone()).await {
            self.attempt.beaten(next, asked_at);
        }
    }

    /// Why nothing but the refresh token of an answer is taken, if there is a reason that shows by looking.
    fn blemish(&self, response: &TokenResponse) -> Option<Error> {
        let id_token = response.id_token.as_ref().filter(|_| self.shared.rotates());
        let length = response.access_token.expose().len() + id_token.map_or(0, |token| token.expose().len());
        let why = if length > LONGEST {
            "its tokens are longer than a session can keep"
        } else if self.record.subject.is_some()
            && id_token.is_some_and(|id_token| Subject::of(id_token).is_none())
        {
            "its `id_token` does not say who logged in"
        } else if let (Some(before), Some(id_token)) = (&self.record.id_token, id_token)
            && !names_client_of(id_token, before, self.shared.endpoint.identity().client_id.as_str())
        {
            "its `id_token` is not for whom the login's was"
        } else {
            return None;
        };
        let message =
            format!("the answer to the renewal of session `{}` is not taken: {why}", self.shared.name);
        Some(
            Error::new(ErrorKind::InvalidResponse, message)
                .with_delivery(Delivery::Answered)
                .with_status(200),
        )
    }

    fn judge(&mut self, response: Result<TokenResponse, RefreshError>, sent_at: Moment) -> Answer {
        match response {
            Ok(response) => {
                self.error = None;
                self.reason = None;
                let received = self.receive(&response, sent_at);
                self.received =
                    Some(Brought { refresh: response.refresh_token, access: Some(response.access_token) });
                Answer::Granted(received)
            }
            Err(RefreshError { error, successor, .. }) => {
                self.reason = Some(Reason::of(&error));
                let answer = match successor.filter(|_| self.shared.rotates()) {
                    Some(successor) => {
                        let refresh = Some(successor.fingerprint());
                        let class = failure::class(error.kind());
                        self.record.refresh_tokens.insert(successor.fingerprint(), successor.clone());
                        self.received = Some(Brought { refresh: Some(successor), access: None });
                        Answer::Granted(Received { refresh, issued: Err(class), stranger: false })
                    }
                    None => failure::classify(&error, self.shared.token_key(), self.shared.rotates()),
                };
                self.error = Some(error);
                answer
            }
        }
    }

    /// Puts what the server issued where the next record will be made from.
    fn receive(&mut self, response: &TokenResponse, sent_at: Moment) -> Received {
        let issued = self.shared.issued(response, sent_at, Some(&self.record));
        self.record.access_tokens.insert(issued.fingerprint, response.access_token.clone());
        let stranger = response.id_token.as_ref().is_some_and(|id_token| self.is_stranger(id_token));
        let id_token = response.id_token.as_ref().filter(|_| !stranger);
        self.record.id_token = id_token::kept(id_token, self.record.id_token.take(), sent_at.wall);
        if let Some(id_token) = id_token {
            self.record.subject = Subject::of(id_token).or_else(|| self.record.subject.take());
        }
        // RFC 6749 §4.4.3: a refresh token should not come with a client's own token; it is dropped if it does.
        let refresh = response.refresh_token.as_ref().filter(|_| self.shared.rotates());
        if let Some(token) = refresh {
            self.record.refresh_tokens.insert(token.fingerprint(), token.clone());
        }
        Received { refresh: refresh.map(Secret::fingerprint), issued: Ok(issued), stranger }
    }

    /// OpenID Connect Core §12.2: `iss` and `sub` must be those of the login.
    fn is_stranger(&self, id_token: &IdToken) -> bool {
        self.record.subject.as_ref().is_some_and(|login| Subject::of(id_token).as_ref() != Some(login))
    }

    pub(super) async fn revoke(&mut self) -> Input {
        if let Some(Brought { refresh, access }) = self.received.take() {
            let access: Vec<_> = access.iter().collect();
            let result = self.shared.revoke(refresh.as_ref(), &access).await;
            if let Err(error) = result {
                tracing::debug!(session = &*self.shared.name, %error, "a superseded token could not be revoked");
            }
        }
        Input::Revoked
    }
}

/// OpenID Connect Core §12.2: `aud` and `azp` must be those of the login. Of several audiences the client is enough, or
/// one in common where the login's did not name it: servers add and drop those of their APIs. An `azp` that comes or goes
/// says nothing new as long as it is the client.
fn names_client_of(id_token: &IdToken, before: &IdToken, client: &str) -> bool {
    let (Some(claims), Some(before)) =
        (UnverifiedClaims::decode(id_token.expose()), UnverifiedClaims::decode(before.expose()))
    else {
        return true;
    };
    let mut audiences = before.audiences().peekable();
    let has_audience = if before.has_audience(client) {
        claims.has_audience(client)
    } else {
        audiences.peek().is_none() || audiences.any(|audience| claims.has_audience(audience))
    };
    //= https://openid.net/specs/openid-connect-core-1_0.html#RefreshTokenResponse
    //# its azp Claim Value MUST be the same as in the ID Token issued when the original authentication occurred
    let party = claims.text("azp");
    has_audience && party.is_none_or(|party| party == before.text("azp").unwrap_or(client))
}
