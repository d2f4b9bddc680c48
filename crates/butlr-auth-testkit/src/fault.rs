//! Trouble on request: what the server does instead of answering well.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Endpoint;
use crate::time::millis;

/// One kind of trouble, for one endpoint or all of them, a number of times or until cleared.
///
/// Without [`after_commit`](Self::after_commit) the server does not act on the request at all;
/// with it the server acts (rotates the refresh token, say) and only the answer is lost.
///
/// ```
/// use butlr_auth_testkit::{Endpoint, Fault};
/// use std::time::Duration;
///
/// let busy = Fault::status(503).header("Retry-After", "2").times(2).on(Endpoint::Token);
/// let lost_answer = Fault::cut().after_commit().times(1).on(Endpoint::Token);
/// let slow = Fault::delay(Duration::from_millis(200));
/// # let _ = (busy, lost_answer, slow);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    #[serde(flatten)]
    pub(crate) trouble: Trouble,
    #[serde(default)]
    pub(crate) delay_ms: u64,
    #[serde(default)]
    pub(crate) after_commit: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) times: Option<u32>,
    #[serde(default)]
    pub(crate) skip: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on: Option<Endpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub(crate) enum Trouble {
    Status {
        status: u16,
        #[serde(default)]
        headers: BTreeMap<String, String>,
        #[serde(default)]
        body: String,
    },
    Delay,
    Cut,
    Garbage,
    Raw {
        bytes: String,
    },
}

impl Fault {
    /// Answers with this HTTP status and an empty body.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::new(Trouble::Status { status, headers: BTreeMap::new(), body: String::new() })
    }

    /// Answers with status 400 and an error response with this code, such as `slow_down`.
    #[must_use]
    pub fn error(code: &str) -> Self {
        let body = serde_json::json!({ "error": code }).to_string();
        Self::status(400).header("Content-Type", "application/json").body(body)
    }

    /// Waits before the server acts, then lets the request through.
    #[must_use]
    pub fn delay(by: Duration) -> Self {
        Self::new(Trouble::Delay).delayed(by)
    }

    /// Closes the connection without an answer.
    #[must_use]
    pub fn cut() -> Self {
        Self::new(Trouble::Cut)
    }

    /// Answers 200, `application/json`, with bytes that are no JSON.
    #[must_use]
    pub fn garbage() -> Self {
        Self::new(Trouble::Garbage)
    }

    /// Writes these bytes to the socket in place of an HTTP answer, then closes it.
    #[must_use]
    pub fn raw(bytes: impl Into<String>) -> Self {
        Self::new(Trouble::Raw { bytes: bytes.into() })
    }

    /// Adds a header to the answer of a [`status`](Self::status) fault.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let Trouble::Status { headers, .. } = &mut self.trouble {
            headers.insert(name.into(), value.into());
        }
        self
    }

    /// Sets the body of the answer of a [`status`](Self::status) fault.
    #[must_use]
    pub fn body(mut self, text: impl Into<String>) -> Self {
        if let Trouble::Status { body, .. } = &mut self.trouble {
            *body = text.into();
        }
        self
    }

    /// Waits this long as well: before the server acts, or after it with
    /// [`after_commit`](Self::after_commit).
    #[must_use]
    pub fn delayed(mut self, by: Duration) -> Self {
        self.delay_ms = millis(by);
        self
    }

    /// Lets the server act first, so that only its answer is touched.
    #[must_use]
    pub fn after_commit(mut self) -> Self {
        self.after_commit = true;
        self
    }

    /// Strikes this often, then is gone. Without it, until
    /// [`clear_faults`](crate::AuthorizationServer::clear_faults).
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets this many requests pass unharmed first.
    #[must_use]
    pub fn skip(mut self, requests: u32) -> Self {
        self.skip = requests;
        self
    }

    /// Strikes at this endpoint only.
    #[must_use]
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.on = Some(endpoint);
        self
    }

    /// The name by which the journal records this fault.
    pub(crate) fn name(&self) -> String {
        let what = match &self.trouble {
            Trouble::Status { status, .. } => format!("status_{status}"),
            Trouble::Delay => format!("delay_{}ms", self.delay_ms),
            Trouble::Cut => "cut".to_owned(),
            Trouble::Garbage => "garbage".to_owned(),
            Trouble::Raw { .. } => "raw".to_owned(),
        };
        format!("{what}_{}_commit", if self.after_commit { "after" } else { "before" })
    }

    fn new(trouble: Trouble) -> Self {
        Self { trouble, delay_ms: 0, after_commit: false, times: None, skip: 0, on: None }
    }
}

/// The faults that wait for their request, in the order they were asked for.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    waiting: AtomicUsize,
    queue: Mutex<Vec<Fault>>,
}

impl Faults {
    pub(crate) fn inject(&self, fault: Fault) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if fault.times != Some(0) {
            queue.push(fault);
        }
        self.waiting.store(queue.len(), Ordering::Release);
    }

    pub(crate) fn clear(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.clear();
        self.waiting.store(0, Ordering::Release);
    }

    /// The fault that strikes this request: the first in the queue that fits and has nothing left
    /// to skip.
    pub(crate) fn take(&self, endpoint: Endpoint) -> Option<Fault> {
        if self.waiting.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let position = queue.iter_mut().position(|fault| {
            let fits = fault.on.is_none_or(|on| on == endpoint);
            if fits && fault.skip > 0 {
                fault.skip -= 1;
                return false;
            }
            fits
        })?;
        let fault = queue.get_mut(position)?;
        let struck = fault.clone();
        if let Some(times) = &mut fault.times {
            *times -= 1;
            if *times == 0 {
                queue.remove(position);
            }
        }
        self.waiting.store(queue.len(), Ordering::Release);
        Some(struck)
    }
}
