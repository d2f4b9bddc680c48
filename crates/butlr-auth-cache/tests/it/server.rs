//! An authorization server in a struct: single-use refresh tokens, families, a journal, and faults on request.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use butlr_auth_core::{
    AccessToken, ClientId, Delivery, EndpointIdentity, Error, ErrorCode, ErrorKind, ErrorResponse, Grant,
    GrantType, Password, Provider, RefreshError, RefreshToken, Revocation, TokenEndpoint, TokenResponse,
};
use tokio::sync::Semaphore;

/// What goes wrong with the next request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// An answer with this status, without acting on the request.
    Status(u16),
    /// The server acts on the request, and its answer is lost.
    AnswerLost,
    /// The server acts on the request, and a part of its answer arrives.
    CutOff,
    /// The server acts on the request, and of its answer nothing but the refresh token can be used.
    Blemished,
    /// An answer with this status and error code, without acting on the request.
    Code(u16, &'static str),
    /// The request never leaves.
    NotSent,
    /// Nor does this one, because whoever asked has no time left.
    NoTime,
    /// The request may have left, the server never saw it, and there is no answer.
    Lost,
}

#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    identity: EndpointIdentity,
    state: Mutex<State>,
    /// How many requests may be answered; a test that wants to hold one back takes the permits away.
    gate: Semaphore,
    can_refresh: bool,
}

#[derive(Debug, Default)]
struct State {
    issued: u64,
    lifetime: Duration,
    /// Refresh token to (family, used).
    refresh_tokens: HashMap<String, (u64, bool)>,
    dead: HashSet<u64>,
    revoked: Vec<String>,
    faults: VecDeque<Fault>,
    exchanges: Vec<GrantType>,
    reuse: usize,
    id_token: Option<String>,
    habit: Habit,
}

/// How the server treats an access token that it has issued before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Each answer brings a new one.
    #[default]
    New,
    /// It comes again and again, with the whole lifetime.
    Same,
    /// It comes again, with what is left of its life, in whole seconds, until it ends.
    Remaining(Duration),
}

impl Server {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self::with(lifetime, Duration::ZERO, true)
    }

    pub(crate) fn without_refresh_endpoint(lifetime: Duration) -> Self {
        Self::with(lifetime, Duration::ZERO, false)
    }

    fn with(lifetime: Duration, reuse_interval: Duration, can_refresh: bool) -> Self {
        let provider = Provider::butlr().with_reuse_interval(reuse_interval);
        let identity = EndpointIdentity::new(&provider, ClientId::new("cli"));
        let state = Mutex::new(State { lifetime, ..State::default() });
        Self(Arc::new(Inner { identity, state, gate: Semaphore::new(Semaphore::MAX_PERMITS), can_refresh }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(crate) fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// How many requests reached the server, or may have.
    pub(crate) fn exchanges(&self) -> usize {
        self.state().exchanges.len()
    }

    pub(crate) fn reuse(&self) -> usize {
        self.state().reuse
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        self.state().revoked.clone()
    }

    /// Ends every family, as an administrator does.
    pub(crate) fn revoke_all(&self) {
        let mut state = self.state();
        let families: Vec<u64> = state.refresh_tokens.values().map(|(family, _)| *family).collect();
        state.dead.extend(families);
    }

    pub(crate) fn say_id_token(&self, sub: &str) {
        self.say_claims(&format!(r#"{{"iss":"https://as.example.com","sub":"{sub}","aud":"cli"}}"#));
    }

    pub(crate) fn say_id_token_for(&self, audience: &str) {
        self.say_claims(&format!(r#"{{"iss":"https://as.example.com","sub":"alice","aud":{audience}}}"#));
    }

    /// The `id_token` of each answer says who asked for it, and nobody if it is `None`.
    pub(crate) fn say_id_token_by(&self, party: Option<&str>) {
        let party = party.map(|party| format!(r#","azp":"{party}""#)).unwrap_or_default();
        self.say_claims(&format!(r#"{{"iss":"https://as.example.com","sub":"alice","aud":"cli"{party}}}"#));
    }

    /// From now on each answer has an `id_token` that ends then, in seconds since 1970.
    pub(crate) fn say_id_token_until(&self, exp: u64) {
        self.say_claims(&format!(
            r#"{{"iss":"https://as.example.com","sub":"alice","aud":"cli","exp":{exp}}}"#
        ));
    }

    pub(crate) fn say_no_id_token(&self) {
        self.state().id_token = None;
    }

    fn say_claims(&self, claims: &str) {
        use base64::Engine as _;
        let part = |json: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
        self.state().id_token = Some(format!("{}.{}.c2ln", part(r#"{"alg":"ES256"}"#), part(claims)));
    }

    /// From now on requests wait until [`open`](Self::open).
    pub(crate) fn close(&self) {
        self.0.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub(crate) fn open(&self) {
        self.0.gate.add_permits(1_000);
    }

    /// From now on the server issues access tokens in this way.
    pub(crate) fn becomes(&self, habit: Habit) {
        self.state().habit = habit;
    }

    /// From now on tokens live for so long.
    pub(crate) fn give(&self, lifetime: Duration) {
        self.state().lifetime = lifetime;
    }

    fn issue(state: &mut State, family: Option<u64>) -> TokenResponse {
        state.issued += 1;
        let number = state.issued;
        let name =
            if state.habit == Habit::New { format!("access-{number}") } else { "access-same".to_owned() };
        let mut response = TokenResponse::new(AccessToken::new(name).unwrap());
        response.expires_in = Some(match state.habit {
            Habit::Remaining(left) => left,
            Habit::New | Habit::Same => state.lifetime,
        });
        response.id_token = state.id_token.as_ref().map(|token| token.parse_id_token());
        if let Some(family) = family {
            let refresh = format!("refresh-{number}%3d");
            state.refresh_tokens.insert(refresh.clone(), (family, false));
            response.refresh_token = Some(RefreshToken::new(refresh).unwrap());
        }
        response
    }
}

trait ParseIdToken {
    fn parse_id_token(&self) -> butlr_auth_core::IdToken;
}

impl ParseIdToken for String {
    fn parse_id_token(&self) -> butlr_auth_core::IdToken {
        butlr_auth_core::IdToken::new(self.as_str()).unwrap()
    }
}

pub(crate) fn refused(code: ErrorCode, status: u16) -> Error {
    Error::new(ErrorKind::Refused, format!("as.example.com refused: {code}"))
        .with_delivery(Delivery::Answered)
        .with_status(status)
        .with_error_response(ErrorResponse::new(code, None))
}

#[async_trait]
impl TokenEndpoint for Server {
    async fn exchange(&self, grant: &Grant) -> Result<TokenResponse, Error> {
        self.refresh(grant).await.map_err(|refused| refused.error)
    }

    async fn refresh(&self, grant: &Grant) -> Result<TokenResponse, RefreshError> {
        let fault = {
            let mut state = self.state();
            let fault = state.faults.pop_front();
            if !matches!(fault, Some(Fault::NotSent | Fault::NoTime)) {
                state.exchanges.push(grant.grant_type());
            }
            fault
        };
        self.0.gate.acquire().await.unwrap().forget();
        self.0.gate.add_permits(1);
        match fault {
            Some(Fault::NotSent) => {
                return Err(Error::new(ErrorKind::Unreachable, "connection refused").into());
            }
            Some(Fault::NoTime) => return Err(Error::new(ErrorKind::Busy, "no time was left").into()),
            Some(Fault::Lost) => {
                return Err(Error::new(ErrorKind::TimedOut, "no answer")
                    .with_delivery(Delivery::Unanswered)
                    .into());
            }
            Some(Fault::Status(status)) => {
                let kind = if status >= 500 { ErrorKind::ServerFailed } else { ErrorKind::Refused };
                let error = Error::new(kind, format!("as.example.com answered {status}"));
                return Err(error.with_delivery(Delivery::Answered).with_status(status).into());
            }
            Some(Fault::Code(status, code)) => return Err(refused(ErrorCode::new(code), status).into()),
            Some(Fault::AnswerLost | Fault::CutOff | Fault::Blemished) | None => {}
        }
        let mut state = self.state();
        let response = match grant {
            Grant::RefreshToken { refresh_token, .. } => {
                let presented = refresh_token.expose().to_owned();
                let Some((family, used)) = state.refresh_tokens.get(&presented).copied() else {
                    return Err(refused(ErrorCode::INVALID_GRANT, 400).into());
                };
                if used {
                    state.reuse += 1;
                    state.dead.insert(family);
                }
                if state.dead.contains(&family) {
                    return Err(refused(ErrorCode::INVALID_GRANT, 400).into());
                }
                state.refresh_tokens.insert(presented, (family, true));
                Self::issue(&mut state, Some(family))
            }
            Grant::ClientCredentials { .. } => Self::issue(&mut state, None),
            _ => {
                let family = state.issued + 1_000_000;
                Self::issue(&mut state, Some(family))
            }
        };
        drop(state);
        let lost = || Error::new(ErrorKind::TimedOut, "no answer").with_delivery(Delivery::Unanswered);
        match fault {
            Some(Fault::AnswerLost) => Err(lost().into()),
            Some(Fault::CutOff) => Err(lost().with_status(200).into()),
            Some(Fault::Blemished) => {
                let error = Error::new(ErrorKind::InvalidResponse, "`token_type` is not Bearer");
                let error = error.with_delivery(Delivery::Answered).with_status(200);
                Err(RefreshError::from(error).with_successor(response.refresh_token))
            }
            _ => Ok(response),
        }
    }

    async fn revoke(&self, token: Revocation<'_>) -> Result<(), Error> {
        let mut state = self.state();
        state.revoked.push(token.expose().to_owned());
        let family = state.refresh_tokens.get(token.expose()).map(|(family, _)| *family);
        state.dead.extend(family);
        Ok(())
    }

    fn supports(&self, grant_type: GrantType) -> bool {
        grant_type != GrantType::RefreshToken || self.0.can_refresh
    }

    fn identity(&self) -> &EndpointIdentity {
        &self.0.identity
    }
}

pub(crate) fn password() -> Grant {
    Grant::password("alice", Password::new("canary-password").unwrap())
}

/// What the runtime's own timer says, which a paused test moves by itself.
#[expect(clippy::disallowed_methods, reason = "a session waits by it")]
pub(crate) fn timer() -> tokio::time::Instant {
    tokio::time::Instant::now()
}
