use std::fmt;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::json::{Malformed, Object};
use crate::token_response::{expires_in, invalid, seconds, secret};
use crate::{DeviceCode, Error, ErrorCode, ErrorKind, Grant, Moment, Scope, text};

/// What a server that names no interval is taken to mean: 5 seconds.
//= https://www.rfc-editor.org/rfc/rfc8628#section-3.2
//# If no value is provided, clients MUST use 5 as the default.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);

/// By how much each `slow_down` makes the interval longer: 5 seconds.
const SLOWER: Duration = Duration::from_secs(5);

/// No device code is waited for longer than this: 1 hour.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The longest pause between two polls that trouble can cause: 1 minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// No address for a person is longer than this: 2,048 characters, which a QR code still holds.
const LONGEST_URI: usize = 2048;

/// What a device shows to its person: a code, and the address at which to enter it
/// ([RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).
///
/// Show the [user code](Self::user_code) even beside the [complete address](Self::verification_uri_complete): the
/// person compares it with what the page says. Open no address unless asked to.
#[derive(Clone)]
pub struct DeviceAuthorization {
    device_code: DeviceCode,
    user_code: String,
    verification_uri: Url,
    verification_uri_complete: Option<Url>,
    expires_in: Duration,
    interval: Duration,
    asked_at: Moment,
    provider_id: String,
    scope: Scope,
}

impl DeviceAuthorization {
    /// Reads the answer of the device authorization endpoint of provider `provider_id`, asked at `asked_at` for
    /// `scope`.
    ///
    /// An `interval` that cannot be meant, because it is not a positive number of seconds or leaves no time for a
    /// poll, counts as absent: 5 s. A lifetime of more than 1 hour is cut to that. `verification_url` is read where
    /// `verification_uri` is missing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] if a member is missing or malformed, or an address is anything but http or
    /// https without a user name.
    pub fn from_json(
        body: &[u8],
        provider_id: impl Into<String>,
        scope: Scope,
        asked_at: Moment,
    ) -> Result<Self, Error> {
        let members = Object::parse(body).map_err(|Malformed(why)| invalid(format!("the answer {why}")))?;
        let missing = |name: &str| invalid(format!("`{name}` is missing"));
        let device_code = secret(&members, "device_code")?.ok_or_else(|| missing("device_code"))?;
        let user_code = members.member("user_code").ok_or_else(|| missing("user_code"))?;
        let user_code = user_code.as_str().filter(|code| !code.trim().is_empty());
        let user_code = user_code.ok_or_else(|| invalid("`user_code` is not a string, or empty"))?;
        // Google and the older endpoints of Entra ID call it so, since before the RFC.
        let verification_uri = match address(&members, "verification_uri")? {
            None => address(&members, "verification_url")?,
            found => found,
        };
        let lifetime = expires_in(&members)?.ok_or_else(|| missing("expires_in"))?.min(LONGEST_WAIT);
        let interval = members.member("interval").and_then(seconds);
        let interval = interval.filter(|interval| !interval.is_zero() && *interval < lifetime);
        Ok(Self {
            device_code,
            user_code: text::escape(user_code, 64),
            verification_uri: verification_uri.ok_or_else(|| missing("verification_uri"))?,
            verification_uri_complete: address(&members, "verification_uri_complete")?,
            expires_in: lifetime,
            interval: interval.unwrap_or(DEFAULT_INTERVAL),
            asked_at,
            provider_id: provider_id.into(),
            scope,
        })
    }

    /// Returns the code that the person enters, escaped: 64 characters at most.
    #[must_use]
    pub fn user_code(&self) -> &str {
        &self.user_code
    }

    /// Returns the address at which the person enters the code. As text it is ASCII without control characters.
    #[must_use]
    pub fn verification_uri(&self) -> &Url {
        &self.verification_uri
    }

    /// Returns the address that holds the code already, for a QR code, if the server gave one.
    #[must_use]
    pub fn verification_uri_complete(&self) -> Option<&Url> {
        self.verification_uri_complete.as_ref()
    }

    /// Returns for how long after [`asked_at`](Self::asked_at) the codes are good: 1 hour at most.
    #[must_use]
    pub fn expires_in(&self) -> Duration {
        self.expires_in
    }

    /// Returns how long to wait between two polls, to begin with.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns when the codes were asked for.
    #[must_use]
    pub fn asked_at(&self) -> Moment {
        self.asked_at
    }

    /// Makes the grant. Each exchange of it is one poll, to be paced by a [`DevicePacing`].
    #[must_use]
    pub fn grant(&self) -> Grant {
        Grant::DeviceCode {
            device_code: self.device_code.clone(),
            provider_id: self.provider_id.clone(),
            scope: self.scope.clone(),
        }
    }
}

impl fmt::Debug for DeviceAuthorization {
    /// Leaves out what the person types: whoever reads it in a log could type it, too.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceAuthorization")
            .field("provider_id", &self.provider_id)
            .field("expires_in", &self.expires_in)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// An address for people: http or https, and no user name that would make it look like another place.
fn address(members: &Object, name: &str) -> Result<Option<Url>, Error> {
    let refuse = |why: &str| invalid(format!("`{name}` {why}"));
    let Some(value) = members.member(name) else { return Ok(None) };
    let written = Value::as_str(value).ok_or_else(|| refuse("is not a string"))?;
    if written.len() > LONGEST_URI {
        return Err(refuse("is too long"));
    }
    let url = Url::parse(written).map_err(|_| refuse("is not an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(refuse("is neither https nor http"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("holds a user name or a password"));
    }
    Ok(Some(url))
}

/// When to poll next, and when to stop: the rules of
/// [RFC 8628 §3.5](https://www.rfc-editor.org/rfc/rfc8628#section-3.5), without the waiting.
///
/// ```
/// use std::time::Duration;
/// use butlr_auth_core::{Clock, DeviceAuthorization, DevicePacing, Error, ErrorCode, ErrorKind, ErrorResponse};
/// use butlr_auth_core::{ManualClock, Scope};
///
/// let clock = ManualClock::new();
/// let answer = br#"{"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://example.com/device",
///     "expires_in":900}"#;
/// let device = DeviceAuthorization::from_json(answer, "example", Scope::empty(), clock.now())?;
/// let mut pacing = DevicePacing::new(&device);
/// assert_eq!(pacing.pause(clock.now())?, Duration::from_secs(5));
///
/// let slow_down = ErrorResponse::new(ErrorCode::SLOW_DOWN, None);
/// pacing.go_on(Error::new(ErrorKind::Refused, "slow down").with_error_response(slow_down))?;
/// assert_eq!(pacing.pause(clock.now())?, Duration::from_secs(10));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DevicePacing {
    asked_at: Moment,
    expires_in: Duration,
    interval: Duration,
    pause: Duration,
}

impl DevicePacing {
    /// Begins with the interval that the server named.
    #[must_use]
    pub fn new(device: &DeviceAuthorization) -> Self {
        let DeviceAuthorization { asked_at, expires_in, interval, .. } = *device;
        Self { asked_at, expires_in, interval, pause: interval }
    }

    /// Returns how long to wait before the next poll.
    ///
    /// # Errors
    /// [`ErrorKind::LoginRequired`] if the codes will have expired by then, or have already: by our own clock,
    /// whatever the server says.
    pub fn pause(&self, now: Moment) -> Result<Duration, Error> {
        if self.age(now).saturating_add(self.pause) < self.expires_in {
            Ok(self.pause)
        } else {
            Err(Self::expired(None))
        }
    }

    /// Refuses to go on once the codes have expired by our own clock: a machine may have been suspended meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::LoginRequired`].
    pub fn check(&self, now: Moment) -> Result<(), Error> {
        if self.age(now) < self.expires_in { Ok(()) } else { Err(Self::expired(None)) }
    }

    /// A clock that was set back cannot tell the age. Then nobody knows, and the person starts again.
    fn age(&self, now: Moment) -> Duration {
        now.since(&self.asked_at).unwrap_or(self.expires_in)
    }

    /// Takes a poll's failure: it passes, and the next pause is set, or it ends the login.
    ///
    /// Pending and `slow_down` pass, and so does trouble that is temporary, with a pause twice as long each time.
    ///
    /// # Errors
    /// [`ErrorKind::LoginRequired`] if the server no longer knows the code, else the failure as it was, such as
    /// [`ErrorKind::Refused`] with [`ErrorCode::ACCESS_DENIED`].
    pub fn go_on(&mut self, failure: Error) -> Result<(), Error> {
        match failure.error_response().map(|response| &response.error) {
            Some(code) if *code == ErrorCode::AUTHORIZATION_PENDING => {
                self.pause = self.interval;
            }
            //= https://www.rfc-editor.org/rfc/rfc8628#section-3.5
            //# the interval MUST be increased by 5 seconds for this and all subsequent requests.
            Some(code) if *code == ErrorCode::SLOW_DOWN => {
                self.interval = self.interval.saturating_add(SLOWER);
                self.pause = self.interval;
            }
            Some(code) if *code == ErrorCode::EXPIRED_TOKEN || *code == ErrorCode::INVALID_GRANT => {
                return Err(Self::expired(Some(failure)));
            }
            //= https://www.rfc-editor.org/rfc/rfc8628#section-3.5
            //# On encountering a connection timeout, clients MUST unilaterally reduce their polling frequency before
            //# retrying.
            // A store that is away lost the token of a code that is spent: asking again brings none.
            _ if failure.is_transient() && failure.kind() != ErrorKind::StoreUnreachable => {
                let longest = LONGEST_PAUSE.max(self.interval);
                let asked = failure.retry_after().unwrap_or_default();
                self.pause = self.pause.saturating_mul(2).min(longest).max(asked);
            }
            // django-oauth-toolkit says `device_not_found` of a code that it no longer has.
            _ if failure.status() == Some(404) => return Err(Self::expired(Some(failure))),
            _ => return Err(failure),
        }
        Ok(())
    }

    fn expired(said: Option<Error>) -> Error {
        let message = "the device code is no longer good and nobody has approved it: log in again";
        let error = Error::new(ErrorKind::LoginRequired, message);
        let Some(said) = said else { return error };
        let (response, status) = (said.error_response().cloned(), said.status());
        let mut error = error.with_delivery(said.delivery()).with_source(said);
        if let Some(status) = status {
            error = error.with_status(status);
        }
        if let Some(response) = response {
            error = error.with_error_response(response);
        }
        error
    }
}

#[cfg(test)]
mod tests;
