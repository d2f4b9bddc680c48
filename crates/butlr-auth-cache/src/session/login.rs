use std::sync::Arc;
use std::time::Duration;
use std::time::SystemTime;

use butlr_auth_core::{Error, ErrorKind, Grant, Moment, Scope, Token, TokenResponse};
use tokio::sync::oneshot;

use super::{Session, Shared};
use crate::protocol::{Epoch, Ledger, LoginReason, Refresh, State};
use crate::record::{Record, Subject};
use crate::{Entry, Event, Id, Swap};

/// A login or logout that keeps finding the record changed gives up after this many tries.
pub(super) const TRIES: u32 = 32;

/// What became of a logout.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Logout {
    /// Whether there was anything to forget.
    pub was_logged_in: bool,
    /// Why the record stayed in the store, if it did: a full disk, say. The server was asked all the same; this process
    /// has forgotten the tokens, and others go on with them as long as the server lets them.
    pub not_forgotten: Option<Error>,
    /// Why the server still honours the tokens, if it does: it has no revocation endpoint, or could not be asked.
    pub not_revoked: Option<Error>,
    /// What became of the refresh token at the server, if there was one and the server was asked.
    pub refresh_token: Option<Result<(), Error>>,
    /// What became of each access token that had not ended. Many servers revoke none: those end by themselves.
    pub access_tokens: Vec<Result<(), Error>>,
}

impl Logout {
    fn new(was_logged_in: bool) -> Self {
        Self {
            was_logged_in,
            not_forgotten: None,
            not_revoked: None,
            refresh_token: None,
            access_tokens: Vec::new(),
        }
    }
}

impl Session {
    /// Logs in: exchanges a grant and begins the session anew with what it brings. Whoever waits for this session,
    /// in any process, goes on with it.
    ///
    /// The grant is used for this one request and not kept. The login is a task of its own: once it has begun,
    /// dropping the future does not lose what the server issues.
    ///
    /// # Errors
    /// - What the server said, with nothing changed.
    /// - [`ErrorKind::Configuration`] if the store is not safe to use, the session belongs to another server, or
    ///   there is no tokio runtime here.
    /// - [`ErrorKind::Storage`] or [`ErrorKind::Busy`] if the session could not be kept; the new tokens were then
    ///   revoked, as far as the server can.
    ///
    /// # Examples
    /// ```
    /// # use butlr_auth_core::{Error, Grant, Password};
    /// # async fn example(session: butlr_auth_cache::Session, typed: String) -> Result<(), Error> {
    /// session.login(&Grant::password("ada@example.com", Password::new(typed)?)).await?;
    /// # Ok(()) }
    /// ```
    pub async fn login(&self, grant: &Grant) -> Result<Token, Error> {
        let (shared, grant) = (Arc::clone(&self.0), grant.clone());
        self.owned(async move {
            // A store that cannot be read, or a session of another server, shows before the grant is spent.
            shared.read_for_login().await?;
            let turn = shared.turn().await;
            let sent_at = shared.setup.clock.now();
            let response = shared.endpoint.exchange(&grant).await;
            drop(turn);
            shared.tell_of_exchange(&grant, response.as_ref(), sent_at);
            let mut response = response?;
            if let Grant::RefreshToken { refresh_token, .. } = &grant {
                // RFC 6749 §6: without another one in the answer, it stays good.
                response.refresh_token.get_or_insert_with(|| refresh_token.clone());
            }
            shared.establish(response, sent_at, grant.scope().clone()).await
        })
        .await
    }

    /// Begins the session anew with tokens that came another way: from the redirect of the implicit grant, or from
    /// another program.
    ///
    /// # Errors
    /// As [`login`](Self::login).
    pub async fn login_with(&self, response: TokenResponse) -> Result<Token, Error> {
        let shared = Arc::clone(&self.0);
        self.owned(async move {
            let now = shared.setup.clock.now();
            let scope = shared.setup.scope.clone();
            shared.establish(response, now, scope).await
        })
        .await
    }

    /// Logs out: forgets the tokens at once, in every process from its next look on, then asks the server to revoke
    /// them, the refresh token first ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)).
    ///
    /// # Errors
    /// [`ErrorKind::Storage`], [`ErrorKind::CorruptRecord`], [`ErrorKind::Configuration`] or [`ErrorKind::Busy`], of
    /// the store alone, if it cannot be read. That it could not be written, or the server not revoke, is told in the
    /// result: what is forgotten stays forgotten.
    ///
    /// # Examples
    /// ```
    /// # async fn example(session: butlr_auth_cache::Session) -> Result<(), butlr_auth_core::Error> {
    /// if let Some(error) = session.logout().await?.not_revoked {
    ///     println!("the server may still honour the token until it ends: {error}");
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn logout(&self) -> Result<Logout, Error> {
        let shared = Arc::clone(&self.0);
        self.owned(async move { shared.end(true).await }).await
    }

    /// Forgets the tokens without asking the server to revoke them.
    ///
    /// # Errors
    /// As [`logout`](Self::logout).
    pub async fn forget(&self) -> Result<Logout, Error> {
        let shared = Arc::clone(&self.0);
        self.owned(async move { shared.end(false).await }).await
    }

    /// Runs work that must be finished even if its caller leaves.
    async fn owned<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        self.0.spawn(async move {
            // The caller may have left: the work is done all the same.
            let _ = sender.send(work.await);
        })?;
        let ended = |_| Error::new(ErrorKind::Busy, "the runtime ended before the session was changed");
        receiver.await.map_err(ended)?
    }
}

impl Shared {
    /// Stores what a login brought, over whatever is there. The last of several concurrent logins stays; what an
    /// overtaken one had brought is revoked.
    async fn establish(
        self: &Arc<Self>,
        response: TokenResponse,
        sent_at: Moment,
        asked: Scope,
    ) -> Result<Token, Error> {
        let mut first_seen: Option<Option<Epoch>> = None;
        for _ in 0..TRIES {
            let stored = match self.read_for_login().await {
                Ok(stored) => stored,
                Err(error) => return Err(self.give_back(&response, error).await),
            };
            let before = stored.as_ref().map(|(_, record)| record.ledger.epoch);
            let at_first = *first_seen.get_or_insert(before);
            let record =
                self.logged_in(&response, sent_at, &asked, stored.as_ref().map(|(_, record)| &record.ledger));
            match self.replace(stored.as_ref().map(|(entry, _)| entry), &record).await {
                Ok(true) => {
                    let replaced = stored.map(|(_, record)| record);
                    let by = record.clone();
                    self.begin_with(record);
                    if let Some(replaced) = replaced {
                        self.end_replaced(&replaced, &by, at_first != before).await;
                    }
                    let current = self.current.load_full();
                    return current
                        .map(|current| current.token.clone())
                        .ok_or_else(|| self.login_required(LoginReason::LoggedOut));
                }
                Ok(false) => {}
                Err(error) => return Err(self.give_back(&response, error).await),
            }
        }
        let error = Error::new(ErrorKind::Busy, "other processes keep changing the session");
        Err(self.give_back(&response, error).await)
    }

    /// The new record is durable: only now may what it replaced be ended. An overtaken login has no use for its tokens;
    /// those of an earlier one are left alone unless that is asked for, because some servers end the whole grant by it.
    async fn end_replaced(&self, replaced: &Record, by: &Record, is_overtaken: bool) {
        if is_overtaken {
            if let Some(refresh) = replaced.refresh_tokens.values().next() {
                let _ = self.revoke(Some(refresh), &[]).await;
            }
            return;
        }
        let was_alive = replaced.ledger.state != State::LoggedOut
            && (replaced.ledger.refresh.is_some_and(|refresh| by.ledger.refresh != Some(refresh))
                || !self.alive(replaced, Some(by)).is_empty());
        if !was_alive || !self.rotates() {
            return;
        }
        let ended = self.setup.revoke_replaced && self.revoke_replaced(replaced, by).await;
        self.emit(if ended { Event::ReplacedRevoked } else { Event::ReplacedLives });
    }

    fn logged_in(
        &self,
        response: &TokenResponse,
        sent_at: Moment,
        asked: &Scope,
        before: Option<&Ledger>,
    ) -> Record {
        // A record that was set aside or removed leaves no number to go on from, and a process that remembers it must
        // not take it for the newer one: then the counter goes on from the time.
        let begun = || sent_at.wall.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let counter = before.map_or_else(begun, |ledger| ledger.epoch.counter) + 1;
        let mut ledger = Ledger::new(Epoch { counter, login: Id::random() });
        ledger.fence = before.map_or(0, |ledger| ledger.fence) + 1;
        ledger.generation = 1;
        let mut issued = self.issued(response, sent_at, None);
        issued.generation = 1;
        if response.scope.is_none() {
            issued.scope = asked.clone();
        }
        let refresh = response.refresh_token.as_ref().filter(|_| self.rotates());
        ledger.refresh = refresh.map(|token| Refresh { fingerprint: token.fingerprint() });
        let mut record = Record::new(self.endpoint.identity().origin.clone(), Ledger::new(ledger.epoch));
        record.access_tokens.insert(issued.fingerprint, response.access_token.clone());
        record.refresh_tokens = refresh.iter().map(|token| (token.fingerprint(), (*token).clone())).collect();
        record.subject = response.id_token.as_ref().and_then(Subject::of);
        record.id_token = response.id_token.clone();
        ledger.access.insert(self.token_key(), issued);
        record.asked = self.setup.scope.clone();
        record.ledger = ledger;
        record
    }

    /// Writes a tombstone, without waiting for whoever renews, and then revokes.
    async fn end(self: &Arc<Self>, revoke: bool) -> Result<Logout, Error> {
        for _ in 0..TRIES {
            let Some((entry, record)) = self.read_for_change().await? else {
                self.forget();
                return Ok(Logout::new(false));
            };
            let was_logged_in = record.ledger.state != State::LoggedOut;
            let epoch = Epoch { counter: record.ledger.epoch.counter + 1, login: Id::random() };
            let mut ledger = Ledger::new(epoch);
            ledger.state = State::LoggedOut;
            ledger.fence = record.ledger.fence + 1;
            let tombstone = Record::new(record.origin.clone(), ledger);
            let mut logout = Logout::new(was_logged_in);
            if was_logged_in {
                match self.replace(Some(&entry), &tombstone).await {
                    Ok(true) => {}
                    Ok(false) => continue,
                    // The server can still end what cannot be forgotten here.
                    Err(error) if revoke => logout.not_forgotten = Some(error),
                    Err(error) => return Err(error),
                }
            }
            // First the knowledge, then the token: a renewal that ends in between must find the logout.
            if was_logged_in {
                self.state().known = Some(self.known(tombstone));
            }
            self.forget();
            if revoke && was_logged_in {
                let refresh =
                    record.ledger.refresh.and_then(|refresh| record.refresh_tokens.get(&refresh.fingerprint));
                let revoked = self.revoke_each(refresh, &self.alive(&record, None)).await;
                logout.not_revoked = revoked.failure();
                logout.refresh_token = revoked.refresh;
                logout.access_tokens = revoked.access;
            }
            return Ok(logout);
        }
        Err(Error::new(ErrorKind::Busy, "other processes keep changing the session"))
    }

    /// Reads the record in order to replace it: one that was damaged has been set aside, and counts as none.
    async fn read_for_change(&self) -> Result<Option<(Entry, Record)>, Error> {
        match self.read().await {
            Err(error) if error.kind() == ErrorKind::CorruptRecord => self.read().await,
            other => other,
        }
    }

    /// As [`read_for_change`](Self::read_for_change); and one that stays, as an encrypted one does whose key was lost,
    /// counts as none too: the store sets it aside when it is replaced.
    async fn read_for_login(&self) -> Result<Option<(Entry, Record)>, Error> {
        match self.read_for_change().await {
            Err(error) if error.kind() == ErrorKind::CorruptRecord => Ok(None),
            other => other,
        }
    }

    pub(super) async fn replace(&self, before: Option<&Entry>, record: &Record) -> Result<bool, Error> {
        let write_id = Id::random();
        let entry = record.encode(write_id)?;
        match self.setup.store.compare_and_swap(&self.key(), before.map(Entry::write_id), &entry).await {
            Ok(swap) => Ok(swap == Swap::Swapped),
            Err(doubt) => match self.setup.store.load(&self.key()).await {
                Ok(Some(stored)) if stored.write_id() == write_id => Ok(true),
                _ => Err(doubt),
            },
        }
    }

    fn begin_with(&self, record: Record) {
        let mut state = self.state();
        state.known = None;
        state.failure = None;
        state.not_before = Duration::ZERO;
        drop(state);
        self.forget();
        self.publish_made(record);
    }

    async fn give_back(&self, response: &TokenResponse, error: Error) -> Error {
        let _ = self.revoke(response.refresh_token.as_ref(), &[&response.access_token]).await;
        self.emit(Event::NotPersisted);
        error
    }
}
