use butlr_auth_core::{End, Error, IdToken, Token};

use super::Session;
use crate::{LoginReason, Promises, protocol::State};

/// What a session is able to do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionState {
    /// It has a token, or can get one.
    Active,
    /// The server refuses to renew it. It is asked again, seldom and not for ever, when a token is wanted; once the
    /// token has ended a login helps.
    Refused,
    /// A person is needed.
    NeedsLogin(LoginReason),
}

/// What is known of a session, from the store and without asking the server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionStatus {
    /// Whether it can go on by itself.
    pub state: SessionState,
    /// The stored access token, expired or not.
    pub token: Option<Token>,
    /// Whether there is a refresh token, or a grant that the session repeats by itself.
    pub renewable: bool,
    /// What the last failed renewal was, or why a login is needed, as far as the server said so: redacted, of a few
    /// lines.
    pub reason: Option<String>,
    /// Who logged in: the `sub` of the login's `id_token`.
    pub subject: Option<String>,
    /// The `id_token` of the login or of a renewal, ended or not.
    pub id_token: Option<IdToken>,
    /// What the store promises.
    pub promises: Promises,
}

impl Session {
    /// Loads the record and says what is known, without asking the server.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`](butlr_auth_core::ErrorKind::Storage),
    /// [`ErrorKind::CorruptRecord`](butlr_auth_core::ErrorKind::CorruptRecord) or
    /// [`ErrorKind::Configuration`](butlr_auth_core::ErrorKind::Configuration), of the store.
    pub async fn status(&self) -> Result<SessionStatus, Error> {
        let shared = &self.0;
        let read = shared.read().await?;
        shared.adopt(read.as_ref().map(|(_, record)| record));
        let record = read.map(|(_, record)| record);
        let token = shared.current.load_full().map(|current| current.token.clone());
        let alive = token.as_ref().is_some_and(|token| !token.is_over(shared.setup.clock.boot()));
        let has_refresh = record.as_ref().is_some_and(|record| record.ledger.refresh.is_some());
        let renewable = shared.can_renew() && (shared.setup.own_grant.is_some() || has_refresh);
        let state = match record.as_ref().map(|record| record.ledger.state) {
            Some(State::NeedsLogin { why, .. }) => SessionState::NeedsLogin(why),
            Some(State::Refused { .. }) => SessionState::Refused,
            _ if shared.setup.own_grant.is_some() => SessionState::Active,
            None => SessionState::NeedsLogin(LoginReason::NeverLoggedIn),
            Some(State::LoggedOut) => SessionState::NeedsLogin(LoginReason::LoggedOut),
            Some(State::Active) if alive || renewable => SessionState::Active,
            Some(State::Active) => SessionState::NeedsLogin(match token.as_ref().map(|t| t.validity().end) {
                Some(End::Assumed(_)) => LoginReason::AssumedLifetimeOver,
                _ => LoginReason::NoRefreshToken,
            }),
        };
        let reason =
            record.as_ref().and_then(|record| record.reason.as_ref()).map(|reason| reason.text.clone());
        let (subject, id_token) = record.map(|record| (record.subject, record.id_token)).unwrap_or_default();
        let (subject, promises) = (subject.map(|subject| subject.sub), shared.setup.store.promises());
        Ok(SessionStatus { state, token, renewable, reason, subject, id_token, promises })
    }
}
