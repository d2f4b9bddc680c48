use std::time::{Duration, SystemTime};

use butlr_auth_core::{Error, ErrorKind, IdToken, UnverifiedClaims};

use super::{Session, Shared};
use crate::LoginReason;
use crate::protocol::State;

impl Session {
    /// Returns an `id_token` that its own `exp` still allows: who logged in, in the server's words, for an audience that
    /// asks for that and not for an access token. If the stored one has ended the session is renewed, once.
    ///
    /// It costs a look into the store. What it says is not verified here: whoever gets it has to.
    ///
    /// # Errors
    /// - [`ErrorKind::LoginRequired`] if the session has none: nobody has logged in, or neither the login nor the renewal
    ///   brought one. Then nobody is asked again before the access token has to be renewed.
    /// - As [`token`](Self::token).
    ///
    /// # Examples
    /// ```
    /// # async fn example(session: butlr_auth_cache::Session) -> Result<(), butlr_auth_core::Error> {
    /// let id_token = session.id_token().await?;
    /// println!("{}", id_token.expose());
    /// # Ok(()) }
    /// ```
    pub async fn id_token(&self) -> Result<IdToken, Error> {
        self.id_token_outliving(Duration::ZERO).await
    }

    /// Returns an `id_token` that is good for at least `min_ttl` more, renewing the session first if it must. A new one
    /// is returned even if its whole lifetime is shorter.
    ///
    /// # Errors
    /// As [`id_token`](Self::id_token).
    pub async fn id_token_outliving(&self, min_ttl: Duration) -> Result<IdToken, Error> {
        let shared = &self.0;
        match shared.stored_id_token().await? {
            Some(stored) if shared.is_good(&stored, min_ttl) => return Ok(stored),
            // The last answer brought none, and the next one will be no other.
            None if !shared.is_renewal_due() => return Err(shared.without_id_token()),
            _ => {}
        }
        self.renew().await?;
        let renewed = shared.stored_id_token().await?;
        renewed.filter(|token| shared.is_good(token, Duration::ZERO)).ok_or_else(|| shared.without_id_token())
    }
}

impl Shared {
    async fn stored_id_token(&self) -> Result<Option<IdToken>, Error> {
        let read = self.read().await?;
        self.adopt(read.as_ref().map(|(_, record)| record));
        let why = match read.as_ref().map(|(_, record)| record.ledger.state) {
            None => LoginReason::NeverLoggedIn,
            Some(State::LoggedOut) => LoginReason::LoggedOut,
            Some(_) => return Ok(read.and_then(|(_, record)| record.id_token)),
        };
        if self.rotates() { Err(self.login_required(why)) } else { Ok(None) }
    }

    fn is_good(&self, id_token: &IdToken, min_ttl: Duration) -> bool {
        !is_over(id_token, self.setup.clock.now().wall + min_ttl)
    }

    fn is_renewal_due(&self) -> bool {
        let now = self.setup.clock.boot();
        let current = self.current.load();
        current.as_ref().is_none_or(|current| current.rejected || now >= current.token.validity().refresh_at)
    }

    fn without_id_token(&self) -> Error {
        let message =
            format!("session `{}` has no id_token: the server's last answer brought none", self.name);
        Error::new(ErrorKind::LoginRequired, message)
    }
}

/// Chooses what a record keeps after an answer. One that has ended is dropped when an answer brings no better one: its
/// absence says that asking again would not help.
pub(super) fn kept(answered: Option<&IdToken>, before: Option<IdToken>, now: SystemTime) -> Option<IdToken> {
    let good = |token: &IdToken| !is_over(token, now);
    answered.cloned().filter(good).or_else(|| before.filter(good))
}

/// Whether it has ended by the wall clock, which its `exp` is meant for. One that cannot be read, such as an encrypted
/// one, does not end.
fn is_over(id_token: &IdToken, now: SystemTime) -> bool {
    let claims = UnverifiedClaims::decode(id_token.expose());
    let ends = claims.and_then(|claims| claims.seconds("exp"));
    let ends = ends.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
    ends.is_some_and(|ends| now >= ends)
}
