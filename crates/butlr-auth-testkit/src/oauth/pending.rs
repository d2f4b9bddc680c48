//! What waits for a person to decide.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::random;

/// What an authorization request may ask for, [RFC 6749 §3.1.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResponseType {
    Code,
    Token,
    IdTokenToken,
}

impl ResponseType {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut words: Vec<&str> = text.split(' ').collect();
        words.sort_unstable();
        match words.as_slice() {
            ["code"] => Some(Self::Code),
            ["token"] => Some(Self::Token),
            ["id_token", "token"] => Some(Self::IdTokenToken),
            _ => None,
        }
    }
}

/// A checked authorization request.
#[derive(Clone, Debug)]
pub(crate) struct AuthorizationRequest {
    pub(crate) client_id: String,
    pub(crate) client_name: String,
    /// Where the answer goes.
    pub(crate) redirect_uri: String,
    /// Whether the request named it, so that the token request must name it again.
    pub(crate) redirect_uri_given: bool,
    pub(crate) response_type: ResponseType,
    pub(crate) scope: Vec<String>,
    pub(crate) audience: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    /// Whether the person is asked for consent to stay logged in.
    pub(crate) consented: bool,
}

#[derive(Debug)]
struct Pending<T> {
    what: T,
    browser: String,
    at: u64,
}

/// What is behind the pages that are open, each bound to the browser that opened it.
#[derive(Debug)]
pub(crate) struct Tickets<T>(Mutex<HashMap<String, Pending<T>>>);

/// How long a page stays good, in milliseconds.
const PATIENCE: u64 = 10 * 60 * 1000;

impl<T> Tickets<T> {
    /// Keeps something and gives the ticket that its page carries.
    pub(crate) fn open(&self, what: T, browser: String, at: u64) -> String {
        let ticket = random::token(24);
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, old| at.saturating_sub(old.at) < PATIENCE);
        pending.insert(ticket.clone(), Pending { what, browser, at });
        ticket
    }

    /// What a ticket stands for, taken out, if the same browser brings it back in time: a form that another site
    /// posts carries no ticket of this browser.
    pub(crate) fn take(&self, ticket: &str, browser: &str, now: u64) -> Option<T> {
        let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fits =
            pending.get(ticket).is_some_and(|p| p.browser == browser && now.saturating_sub(p.at) < PATIENCE);
        if !fits {
            return None;
        }
        pending.remove(ticket).map(|pending| pending.what)
    }
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
