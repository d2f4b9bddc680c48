use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use butlr_auth_core::{
    ASSUMED_LIFETIME, End, Error, ErrorKind, Fingerprint, Moment, Token, TokenResponse, Validity,
};

use super::{Known, Renewal, Shared};
use crate::policy::Windows;
use crate::protocol::{History, Issued, Lifetime, LoginReason, Offered, ROUNDING, State, confirmation};
use crate::record::Record;
use crate::{Entry, Event, metrics};

/// A token younger than this, or than a quarter of its life, is not renewed because somebody refused it: a resource
/// server that refuses everything must not cause a storm.
const REJECTABLE_AGE: Duration = Duration::from_secs(5);

/// What `token()` hands out; first what a get looks at.
#[derive(Clone, Debug)]
#[repr(C)]
pub(super) struct Current {
    pub(super) token: Token,
    /// Whether a resource server refused it, and nobody has asked since whether there is a better one.
    pub(super) rejected: bool,
    history: History,
    obtained_at: Duration,
    confirmed: u32,
}

impl Current {
    fn new(record: &Record, issued: &Issued, now: Moment) -> Option<Self> {
        let access_token = record.access_tokens.get(&issued.fingerprint)?.clone();
        let age = issued.age(now);
        // Counted from now, so that a token from another boot or host gets its place on this boot's clock. Before
        // the boot means over.
        let at = |after: Duration| now.boot.saturating_add(after).saturating_sub(age);
        let validity = match issued.lifetime {
            Lifetime::Said(lifetime) => {
                Validity::new(at(issued.refresh_after), at(issued.mandatory_after), End::At(at(lifetime)))
            }
            Lifetime::Unsaid { assumed: Some(assumed) } => {
                Validity::new(at(issued.refresh_after), at(issued.mandatory_after), End::Assumed(at(assumed)))
            }
            Lifetime::Unsaid { assumed: None } => Validity::UNTIL_REFUSED,
        };
        Some(Self {
            token: Token::new(access_token, issued.scope.clone(), validity),
            rejected: false,
            history: History { epoch: record.ledger.epoch, generation: issued.generation },
            obtained_at: now.boot.saturating_sub(age),
            confirmed: issued.confirmed,
        })
    }

    pub(super) fn marked(&self, rejected: bool) -> Self {
        Self { rejected, ..self.clone() }
    }

    pub(super) fn obtained_at(&self) -> Duration {
        self.obtained_at
    }

    /// Whether nothing but a refusal ends it.
    pub(super) fn is_until_refused(&self) -> bool {
        self.token.validity().end == End::Unknown
    }

    pub(super) fn offered(&self) -> Offered {
        let &Validity { refresh_at, mandatory_at, .. } = self.token.validity();
        let generation = self.history.generation;
        Offered { fingerprint: self.token.fingerprint(), generation, refresh_at, mandatory_at }
    }

    /// Whether asking for another one because of a refusal would not help: it is new, or the server confirmed it.
    pub(super) fn is_too_young_to_reject(&self, now: Duration) -> bool {
        // Nothing is asked for because of a token that only a refusal ends.
        if self.is_until_refused() {
            return false;
        }
        let age = now.saturating_sub(self.obtained_at);
        match self.confirmed {
            0 => age < REJECTABLE_AGE.min(self.lifetime() / 4),
            times => age < confirmation(times),
        }
    }

    /// How long it lives as a whole; for ever if nobody knows.
    fn lifetime(&self) -> Duration {
        self.token.remaining(self.obtained_at).unwrap_or(Duration::MAX)
    }
}

impl Shared {
    /// Describes an issued token by when it was asked for and how long it lives. `before`: what a renewal found.
    pub(super) fn issued(
        &self,
        response: &TokenResponse,
        sent_at: Moment,
        before: Option<&Record>,
    ) -> Issued {
        let lifetime = self.lifetime(response, sent_at, before);
        let windows = lifetime.end().map_or(Windows::NEVER, |end| self.setup.policy.windows(end));
        Issued {
            fingerprint: response.access_token.fingerprint(),
            // RFC 6749 §5.1: an answer without a scope granted what was asked for.
            scope: response.scope.clone().unwrap_or_else(|| self.setup.scope.clone()),
            obtained_at: sent_at,
            lifetime,
            refresh_after: windows.refresh_after,
            mandatory_after: windows.mandatory_after,
            generation: 0,
            confirmed: 0,
        }
    }

    /// How long a token lives: as the server or the token says, else as the provider assumes. Where nothing is
    /// assumed, one that renews itself is renewed after a while; and one that does not is good until it is refused,
    /// unless the server did say something: that it is less than nothing. Of a token that was there before, that means
    /// that it is over.
    fn lifetime(&self, response: &TokenResponse, sent_at: Moment, before: Option<&Record>) -> Lifetime {
        let negative = response.expires_in_negative;
        let fingerprint = response.access_token.fingerprint();
        if negative && before.is_some_and(|before| before.access_tokens.get(&fingerprint).is_some()) {
            return Lifetime::Said(Duration::ZERO);
        }
        // What is left of the token that was there before is less than the second that the server counts in.
        let had = before.and_then(|before| before.ledger.access.get(&self.token_key()));
        let had = had.filter(|had| had.fingerprint == fingerprint).map(|had| had.left(sent_at));
        if let Some(had) = had.filter(|had| response.expires_in == Some(Duration::ZERO) && *had < ROUNDING) {
            return Lifetime::Said(had);
        }
        if let Some(lifetime) = response.lifetime(&sent_at) {
            return Lifetime::Said(lifetime);
        }
        let has_means = !self.rotates() || before.is_some() || response.refresh_token.is_some();
        let usual = || (negative || (has_means && self.can_renew())).then_some(ASSUMED_LIFETIME);
        Lifetime::Unsaid { assumed: self.endpoint.identity().assumed_lifetime.or_else(usual) }
    }

    /// Reads what the store holds: `None` if there is no record.
    pub(super) async fn read(&self) -> Result<Option<(Entry, Record)>, Error> {
        let Some(entry) = self.setup.store.load(&self.key()).await? else { return Ok(None) };
        let record = Record::decode(&entry)?;
        let origin = &self.endpoint.identity().origin;
        if record.origin != *origin {
            let message = format!(
                "session `{}` was made for {} and is not used at {origin}: log in there under another name",
                self.name, record.origin
            );
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(Some((entry, record)))
    }

    /// Takes over what the store holds, unless this process knows better.
    pub(super) fn adopt(&self, record: Option<&Record>) {
        let now = self.setup.clock.now();
        let mut state = self.state();
        let Some(record) = record else {
            // Absent means logged out; a client's own session has just not begun.
            if self.rotates() && state.known.take().is_some() {
                self.forget();
            }
            return;
        };
        let known = state.known.as_ref().map(Known::history);
        let seen = record.ledger.history();
        if known.is_some_and(|known| known.is_newer_than(seen)) {
            return;
        }
        let first = known.is_none();
        let another_login = known.is_some_and(|known| known.epoch != seen.epoch);
        state.known = Some(self.known(record.clone()));
        if another_login {
            state.failure = None;
            state.not_before = Duration::ZERO;
        }
        drop(state);
        let is_refused =
            matches!(record.ledger.state, State::NeedsLogin { why: LoginReason::TokenRefused, .. });
        if record.ledger.state == State::LoggedOut || is_refused {
            self.forget();
            return;
        }
        let issued = record.ledger.access.get(&self.token_key());
        let offered = issued.and_then(|issued| Current::new(record, issued, now));
        match offered {
            Some(offered) => {
                let adopted = self.publish(&self.state(), offered) && !first;
                if adopted {
                    self.emit(Event::Adopted);
                }
            }
            None if another_login => self.forget(),
            None => {}
        }
    }

    /// Hands out a token from now on; `false` if that exchange's is handed out already, or if this process knows of a
    /// later login, logout or exchange. The lock keeps a logout from passing between the check and the change.
    fn publish(&self, state: &Renewal, offered: Current) -> bool {
        let known = state.known.as_ref().map(|known| known.history().epoch.counter);
        if known.is_some_and(|known| known > offered.history.epoch.counter) {
            return false;
        }
        if let Some(current) = self.current.load().as_ref() {
            let (had, has) = (current.history, offered.history);
            let same = current.token.fingerprint() == offered.token.fingerprint();
            if had.epoch == has.epoch
                && (had.generation > has.generation || (had.generation == has.generation && same))
            {
                return false;
            }
        }
        self.current.store(Some(Arc::new(offered)));
        self.version.fetch_add(1, Ordering::Release);
        true
    }

    /// Remembers a record that this process made, and hands out its token.
    pub(super) fn publish_made(&self, record: Record) {
        let now = self.setup.clock.now();
        let issued = record.ledger.access.get(&self.token_key());
        let made = issued.and_then(|issued| Current::new(&record, issued, now));
        let mut state = self.state();
        let replaced = self.current.load_full();
        let published = made.is_some_and(|made| self.publish(&state, made));
        if let Some(replaced) = replaced.filter(|replaced| published && !replaced.rejected) {
            metrics::replaced(self.provider(), replaced.token.remaining(now.boot).unwrap_or_default());
        }
        let made = record.ledger.history();
        if !state.known.as_ref().is_some_and(|known| known.history().is_newer_than(made)) {
            state.known = Some(self.known(record));
        }
    }

    /// Marks a token that a resource server refused, so that the next get asks for another one.
    pub(super) fn reject(self: &Arc<Self>, rejected: &Fingerprint) {
        let Some(current) = self.current.load_full() else { return };
        let now = self.setup.clock.boot();
        if current.token.fingerprint() != *rejected || current.rejected || current.is_too_young_to_reject(now)
        {
            return;
        }
        let marked = Arc::new(current.marked(true));
        let previous = self.current.compare_and_swap(&current, Some(marked));
        if previous.as_ref().is_some_and(|previous| Arc::ptr_eq(previous, &current)) {
            self.version.fetch_add(1, Ordering::Release);
            // A failure that concerned the renewal of a good token does not excuse a bad one.
            self.state().not_before = Duration::ZERO;
            self.emit(Event::Rejected);
            if current.is_until_refused() && self.rotates() {
                self.remember_refusal(*rejected);
            }
        }
    }

    /// Hands out a refused token again, for want of another one: its own end will come. One that nobody knows the end
    /// of has had it.
    pub(super) fn pardon(&self) {
        let refused = |current: &Arc<Current>| current.rejected && !current.is_until_refused();
        let Some(current) = self.current.load_full().filter(refused) else { return };
        self.current.compare_and_swap(&current, Some(Arc::new(current.marked(false))));
    }

    /// Hands out nothing from now on.
    pub(super) fn forget(&self) {
        if self.current.swap(None).is_some() {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Loads once and takes over what is there.
    pub(super) async fn look(&self) -> Result<(), Error> {
        let read = self.read().await?;
        self.adopt(read.as_ref().map(|(_, record)| record));
        Ok(())
    }

    pub(super) fn is_look_due(&self, now: Duration) -> bool {
        milliseconds(now) >= self.next_look.load(Ordering::Relaxed)
    }

    /// Looks, at most once per `recheck`, whether another process changed the record.
    pub(super) fn look_in_background(self: &Arc<Self>, now: Duration) {
        let due = self.next_look.load(Ordering::Relaxed);
        if milliseconds(now) < due {
            return;
        }
        let next = milliseconds(now.saturating_add(self.setup.policy.recheck));
        if self.next_look.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let shared = Arc::clone(self);
        // Without a runtime there is nobody to look, and the token is good all the same.
        let _ = self.spawn(async move {
            if let Err(error) = shared.look().await {
                tracing::debug!(session = &*shared.name, %error, "the store could not be read");
            }
        });
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
