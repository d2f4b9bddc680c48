//! Device codes and the user codes that go with them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::grants::Authorization;
use crate::random;
use crate::settings::Settings;
use crate::time::millis;

/// What a device asked for, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct DeviceRequest {
    pub(crate) user_code: String,
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    pub(crate) scope: Vec<String>,
    pub(crate) audience: Vec<String>,
    issued_at: u64,
    /// In milliseconds.
    interval: u64,
    polled_at: Option<u64>,
    decision: Decision,
}

#[derive(Clone, Debug)]
enum Decision {
    Pending,
    Denied,
    Approved(Box<Authorization>),
    Spent,
}

/// What a poll comes to.
#[derive(Debug)]
pub(crate) enum Poll {
    Unknown,
    Expired,
    Pending,
    SlowDown,
    Denied,
    Granted(Box<Authorization>),
}

/// Every device code, by its value.
#[derive(Debug, Default)]
pub(crate) struct DeviceCodes(Mutex<HashMap<String, DeviceRequest>>);

impl DeviceCodes {
    fn all(&self) -> MutexGuard<'_, HashMap<String, DeviceRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Issues a device code and its user code.
    pub(crate) fn issue(
        &self,
        client: &crate::Client,
        scope: Vec<String>,
        audience: Vec<String>,
        now: u64,
        settings: &Settings,
    ) -> (String, String) {
        let (device_code, user_code) = (random::code(), random::user_code());
        let request = DeviceRequest {
            user_code: user_code.clone(),
            client_id: client.id.clone(),
            client_name: client.name.clone(),
            scope,
            audience,
            issued_at: now,
            interval: millis(settings.device_poll_interval),
            polled_at: None,
            decision: Decision::Pending,
        };
        let mut all = self.all();
        // An expired one is remembered for as long again, to say that it has expired.
        all.retain(|_, old| now.saturating_sub(old.issued_at) < 2 * millis(settings.device_code_lifetime));
        all.insert(device_code.clone(), request);
        (device_code, user_code)
    }

    /// The request that waits behind a user code, as a person types it: in any case, with or without the hyphen.
    pub(crate) fn waiting(&self, typed: &str, now: u64, settings: &Settings) -> Option<DeviceRequest> {
        let typed = letters(typed);
        let all = self.all();
        let found = all.values().find(|request| letters(&request.user_code) == typed)?;
        let fits = matches!(found.decision, Decision::Pending) && !found.is_expired(now, settings);
        fits.then(|| found.clone())
    }

    /// Writes a person's decision down: an authorization, or none.
    pub(crate) fn decide(&self, user_code: &str, authorization: Option<Authorization>) {
        let mut all = self.all();
        if let Some(request) = all.values_mut().find(|request| request.user_code == user_code) {
            request.decision =
                authorization.map_or(Decision::Denied, |granted| Decision::Approved(Box::new(granted)));
        }
    }

    /// Answers a device that polls.
    pub(crate) fn poll(&self, device_code: &str, client_id: &str, now: u64, settings: &Settings) -> Poll {
        let mut all = self.all();
        let found = all.get_mut(device_code).filter(|request| request.client_id == client_id);
        let Some(request) = found else { return Poll::Unknown };
        if request.is_expired(now, settings) {
            return Poll::Expired;
        }
        let polled_at = request.polled_at.replace(now).unwrap_or(request.issued_at);
        match &request.decision {
            Decision::Spent => Poll::Unknown,
            Decision::Denied => Poll::Denied,
            Decision::Approved(authorization) => {
                let granted = Poll::Granted(authorization.clone());
                request.decision = Decision::Spent;
                granted
            }
            //= https://www.rfc-editor.org/rfc/rfc8628#section-3.5
            //# A variant of "authorization_pending", the authorization request is still pending and polling should
            //# continue, but the interval MUST be increased by 5 seconds for this and all subsequent requests.
            Decision::Pending if now.saturating_sub(polled_at) < request.interval => {
                request.interval += 5000;
                Poll::SlowDown
            }
            Decision::Pending => Poll::Pending,
        }
    }
}

impl DeviceRequest {
    fn is_expired(&self, now: u64, settings: &Settings) -> bool {
        now.saturating_sub(self.issued_at) >= millis(settings.device_code_lifetime)
    }
}

fn letters(code: &str) -> String {
    code.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect()
}
