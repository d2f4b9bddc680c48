use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use butlr_auth_core::{Error, ErrorKind, Fingerprint, Grant, IdToken, Token, TokenResponse};

use crate::{Logout, Session, SessionStatus};

mod runtime;

pub(crate) use runtime::runtime;

/// A [`Session`] for programs and threads without an async runtime.
///
/// Made by [`Session::blocking`]. A fresh token costs no more than from the session itself; whatever needs the network
/// runs on one thread, `butlr-auth`, that all blocking sessions of the process share and that starts with the first
/// one that needs it. The session, its store and its endpoint may be used by async code as well.
///
/// Nothing here panics inside an async runtime, but a call that has to wait blocks the thread that it is made on, and
/// with it whatever else that thread would run: there, await the [`Session`].
///
/// ```
/// # use butlr_auth_core::*;
/// # use butlr_auth_cache::{BlockingSession, Session};
/// # #[derive(Debug)] struct Endpoint(EndpointIdentity);
/// # #[async_trait::async_trait] impl TokenEndpoint for Endpoint {
/// #     async fn exchange(&self, _: &Grant) -> Result<TokenResponse, Error> {
/// #         Ok(TokenResponse::new(AccessToken::new("mF_9.B5f-4.1JqM")?))
/// #     }
/// #     fn identity(&self) -> &EndpointIdentity { &self.0 }
/// # }
/// # fn main() -> Result<(), Error> {
/// # let endpoint = Endpoint(EndpointIdentity::new(&Provider::butlr(), ClientId::new("cli")));
/// let session = Session::builder(endpoint).grant(Grant::client_credentials()).open()?.blocking();
/// let token = session.token()?; // valid now; cached, shared, renewed
/// assert_eq!(token.access_token().expose(), "mF_9.B5f-4.1JqM");
/// session.shutdown()?; // before the program ends
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct BlockingSession(Session);

impl Session {
    /// Returns this session for threads without an async runtime. Its renewals no longer depend on the runtimes of
    /// those who call it.
    #[must_use]
    pub fn blocking(&self) -> BlockingSession {
        self.renew_on_own_thread();
        BlockingSession(self.clone())
    }
}

impl BlockingSession {
    /// Returns a token that is valid now, renewing it first if it must: for at most
    /// [`RefreshPolicy::chain`](crate::RefreshPolicy::chain), 12 seconds unless set.
    ///
    /// # Errors
    /// As [`Session::token`]; [`ErrorKind::TimedOut`] if it takes longer, which changes nothing for the renewal, and
    /// [`ErrorKind::Busy`] if the system has no thread for it.
    pub fn token(&self) -> Result<Token, Error> {
        self.token_within(self.0.longest_wait())
    }

    /// Returns a token that is valid now, as [`token`](Self::token) does, with a deadline of the caller's own.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn token_within(&self, wait: Duration) -> Result<Token, Error> {
        if let Some(token) = self.0.ready() {
            return Ok(token);
        }
        let session = self.0.clone();
        self.run(async move { session.token().await }, wait)
    }

    /// Returns a token that is good for at least `min_ttl` more; see [`Session::token_outliving`].
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn token_outliving(&self, min_ttl: Duration) -> Result<Token, Error> {
        let session = self.0.clone();
        self.run(async move { session.token_outliving(min_ttl).await }, self.0.longest_wait())
    }

    /// Returns a token other than the current one; see [`Session::renew`].
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub fn renew(&self) -> Result<Token, Error> {
        let session = self.0.clone();
        self.run(async move { session.renew().await }, self.0.longest_wait())
    }

    /// Returns an `id_token` that its own `exp` still allows; see [`Session::id_token`].
    ///
    /// # Errors
    /// As [`Session::id_token`], and as [`token`](Self::token).
    pub fn id_token(&self) -> Result<IdToken, Error> {
        let session = self.0.clone();
        self.run(async move { session.id_token().await }, self.0.longest_wait())
    }

    /// Returns the token if one is usable right now. Never waits; see [`Session::try_token`].
    #[must_use]
    pub fn try_token(&self) -> Option<Token> {
        self.0.try_token()
    }

    /// Reports that a resource server refused `rejected`; see
    /// [`TokenSource::reject`](butlr_auth_core::TokenSource::reject).
    pub fn reject(&self, rejected: &Fingerprint) {
        self.0.reject(rejected);
    }

    /// Logs in; see [`Session::login`]. It takes as long as the endpoint lets it.
    ///
    /// # Errors
    /// As [`Session::login`].
    pub fn login(&self, grant: &Grant) -> Result<Token, Error> {
        let (session, grant) = (self.0.clone(), grant.clone());
        self.run(async move { session.login(&grant).await }, Duration::MAX)
    }

    /// Begins the session anew with tokens that came another way; see [`Session::login_with`].
    ///
    /// # Errors
    /// As [`Session::login_with`].
    pub fn login_with(&self, response: TokenResponse) -> Result<Token, Error> {
        let session = self.0.clone();
        self.run(async move { session.login_with(response).await }, Duration::MAX)
    }

    /// Logs out; see [`Session::logout`].
    ///
    /// # Errors
    /// As [`Session::logout`].
    pub fn logout(&self) -> Result<Logout, Error> {
        let session = self.0.clone();
        self.run(async move { session.logout().await }, Duration::MAX)
    }

    /// Says what is known of the session; see [`Session::status`].
    ///
    /// # Errors
    /// As [`Session::status`].
    pub fn status(&self) -> Result<SessionStatus, Error> {
        let session = self.0.clone();
        self.run(async move { session.status().await }, Duration::MAX)
    }

    /// Waits until nothing of this session is under way: what a program does before it ends.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] if the system has no thread for it.
    pub fn shutdown(&self) -> Result<(), Error> {
        let session = self.0.clone();
        self.run(
            async move {
                session.shutdown().await;
                Ok(())
            },
            Duration::MAX,
        )
    }

    /// Returns the session itself, for async code.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.0
    }

    /// Runs `work` on the thread that blocking sessions share, and waits for it with nothing that minds where it is
    /// called.
    fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
        wait: Duration,
    ) -> Result<T, Error> {
        let (sender, receiver) = mpsc::sync_channel(1);
        runtime()?.spawn(async move {
            // The caller may have given up: what is under way is the session's and goes on.
            let _ = sender.send(work.await);
        });
        receiver.recv_timeout(wait).unwrap_or_else(|problem| {
            let name = self.0.key().name;
            Err(match problem {
                RecvTimeoutError::Timeout => {
                    let message = format!("session `{name}` had no token within {} ms", wait.as_millis());
                    Error::new(ErrorKind::TimedOut, message)
                }
                RecvTimeoutError::Disconnected => {
                    Error::new(ErrorKind::Busy, format!("the work of session `{name}` was cut off"))
                }
            })
        })
    }
}
