//! What a flight asks of the server.

use std::sync::Arc;
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind, Fingerprint, Grant, IdToken, Moment, RefreshToken, TokenResponse};

use super::super::{failure, id_token};
use super::Flight;
use crate::protocol::{Answer, FailureClass, Input, Received};
use crate::record::Subject;

/// How often a lease beats while a request is under way.
const BEAT: Duration = Duration::from_millis(1500);

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
        let exchange = endpoint.exchange(&grant);
        tokio::pin!(exchange);
        let response = loop {
            match tokio::time::timeout(BEAT, &mut exchange).await {
                Ok(response) => break response,
                Err(_) => self.beat().await,
            }
        };
        self.shared.tell_of_exchange(&grant, &response, sent_at);
        Input::Answer(self.judge(response, sent_at))
    }

    fn refresh_grant(&self, token: RefreshToken) -> Grant {
        let grant = Grant::refresh_token(token);
        let says_scope = self.shared.endpoint.identity().refresh_scope;
        if says_scope { grant.with_scope(self.shared.setup.scope.clone()) } else { grant }
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

    fn judge(&mut self, response: Result<TokenResponse, Error>, sent_at: Moment) -> Answer {
        match response {
            Ok(response) => {
                let received = self.receive(&response, sent_at);
                self.received = Some(response);
                Answer::Granted(received)
            }
            Err(error) => {
                let answer = failure::classify(&error, self.shared.setup.token_key);
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
        Received { refresh: refresh.map(RefreshToken::fingerprint), issued, stranger }
    }

    /// OpenID Connect Core §12.2: `iss` and `sub` must be those of the login.
    fn is_stranger(&self, id_token: &IdToken) -> bool {
        self.record.subject.as_ref().is_some_and(|login| Subject::of(id_token).as_ref() != Some(login))
    }

    pub(super) async fn revoke(&mut self) -> Input {
        if let Some(response) = self.received.take() {
            let result = self.shared.revoke(response.refresh_token.as_ref(), &[&response.access_token]).await;
            if let Err(error) = result {
                tracing::debug!(session = &*self.shared.name, %error, "a superseded token could not be revoked");
            }
        }
        Input::Revoked
    }
}
