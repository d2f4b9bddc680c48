use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use butlr_auth_core::{Clock, Error, ErrorKind, Fingerprint, SystemClock, Token, TokenSource};
use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

/// How many handles a thread keeps a copy for; a power of two. Further handles take each other's places.
const COPIES: usize = 64;

/// After this a copy is taken anew even if nothing has changed: 1 second.
///
/// Whoever asks its source for a token shows that it is in use, and a session in use looks every 5 seconds for logins
/// and logouts of other processes. A longer copy would let it look late.
const LONGEST_COPY: Duration = Duration::from_secs(1);

/// The `Authorization` header of a [`TokenSource`], ready to be sent: what a program asks for on every request.
///
/// A shared reference count does not scale with cores, so each thread keeps a copy of its own. The copy is good while
/// the source's [`version`](TokenSource::version) stands still and the token need not be renewed; then
/// [`get`](Self::get) costs one atomic load and one reading of the clock, allocates nothing and writes nothing that
/// another thread reads.
///
/// A thread keeps at most 64 copies. One that is no longer good, such as that of a handle that is gone, is thrown
/// away when the thread takes the next one.
///
/// The value's bytes are wiped when its last clone is dropped. What an HTTP client copies out of it into its buffers
/// is not ours to wipe.
///
/// # Examples
/// ```
/// use butlr_auth_core::{AccessToken, Scope, StaticToken, Token, Validity};
/// use butlr_auth_http::AuthorizationHeader;
///
/// # async fn example() -> Result<(), butlr_auth_core::Error> {
/// let token = Token::new(AccessToken::new("mF_9.B5f-4.1JqM")?, Scope::empty(), Validity::UNTIL_REFUSED);
/// let header = AuthorizationHeader::new(StaticToken::new(token));
/// let value = header.get().await?;
/// assert_eq!(value, "Bearer mF_9.B5f-4.1JqM");
/// assert!(value.is_sensitive());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuthorizationHeader {
    source: Arc<dyn TokenSource>,
    clock: Arc<dyn Clock>,
    id: u64,
}

/// A thread's own copy of one handle's header.
struct Copy {
    id: u64,
    version: u64,
    good_until: Duration,
    value: HeaderValue,
}

thread_local! {
    static OWN: RefCell<[Option<Copy>; COPIES]> = const { RefCell::new([const { None }; COPIES]) };
}

impl AuthorizationHeader {
    /// Hands out the header of `source`, whose tokens are dated by the system's clock.
    #[must_use]
    pub fn new(source: impl TokenSource + 'static) -> Self {
        Self::with_clock(source, SystemClock::new())
    }

    /// Hands out the header of `source`, whose tokens are dated by `clock`.
    #[must_use]
    pub fn with_clock(source: impl TokenSource + 'static, clock: impl Clock + 'static) -> Self {
        // No two handles have the same, so that a copy of one that is gone is nobody's.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { source: Arc::new(source), clock: Arc::new(clock), id: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    /// Returns the header, marked sensitive: at once if this thread has a good copy, else from the source.
    ///
    /// # Errors
    /// As [`TokenSource::token`].
    #[inline]
    pub async fn get(&self) -> Result<HeaderValue, Error> {
        match self.try_get() {
            Some(value) => Ok(value),
            None => self.take().await,
        }
    }

    /// Returns the header if this thread has a good copy. Never waits.
    #[inline]
    #[must_use]
    pub fn try_get(&self) -> Option<HeaderValue> {
        let version = self.source.version();
        let now = self.clock.boot();
        self.with_place(|place| {
            place
                .as_ref()
                .filter(|copy| copy.id == self.id && copy.version == version && now < copy.good_until)
                .map(|copy| copy.value.clone())
        })
    }

    /// Reports that a resource server refused `sent`, a header that this handle gave out: see
    /// [`TokenSource::reject`].
    pub fn reject(&self, sent: &HeaderValue) {
        let Some(token) = sent.as_bytes().strip_prefix(b"Bearer ") else { return };
        self.with_place(|place| {
            place.take_if(|copy| copy.id == self.id && copy.value == *sent);
        });
        self.source.reject(&Fingerprint::of(token));
    }

    /// Returns the source.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn TokenSource> {
        &self.source
    }

    async fn take(&self) -> Result<HeaderValue, Error> {
        // Before the token: if it changes in between, the copy is stale at once, which is harmless.
        let version = self.source.version();
        let token = self.source.token().await?;
        let value = header_value(&token)?;
        let now = self.clock.boot();
        let good_until = token.validity().refresh_at.min(now.saturating_add(LONGEST_COPY));
        throw_away_until(now);
        let copy = Copy { id: self.id, version, good_until, value: value.clone() };
        self.with_place(|place| *place = Some(copy));
        Ok(value)
    }

    /// This handle's place among the copies of this thread.
    #[inline]
    fn with_place<R: Default>(&self, act: impl FnOnce(&mut Option<Copy>) -> R) -> R {
        let place = usize::try_from(self.id % COPIES as u64).unwrap_or_default();
        // A thread that is ending has no copies any more.
        OWN.try_with(|own| own.borrow_mut().get_mut(place).map(act)).ok().flatten().unwrap_or_default()
    }
}

/// Drops what this thread must not give out any more. A copy by another clock may go too early: it is taken anew.
fn throw_away_until(now: Duration) {
    let _ = OWN.try_with(|own| {
        for place in own.borrow_mut().iter_mut() {
            place.take_if(|copy| copy.good_until <= now);
        }
    });
}

impl fmt::Debug for AuthorizationHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationHeader").field("source", &self.source).finish_non_exhaustive()
    }
}

fn header_value(token: &Token) -> Result<HeaderValue, Error> {
    let (token_type, access_token) = (token.token_type().as_str(), token.access_token().expose());
    // Of the right size at once: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(token_type.len() + 1 + access_token.len()));
    for word in [token_type, " ", access_token] {
        text.extend_from_slice(word.as_bytes());
    }
    let mut value = HeaderValue::from_maybe_shared(Bytes::from_owner(text))
        .map_err(|_| Error::new(ErrorKind::InvalidResponse, "the access token does not fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests;
