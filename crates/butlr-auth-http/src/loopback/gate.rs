//! Which requests get as far as being an answer.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, StatusCode};
use oauth2::CsrfToken;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Names the attempt in the request that hands a fragment over. No page of another origin can send a header of its own
/// without asking first, and it is not answered then.
pub(super) const ATTEMPT: HeaderName = HeaderName::from_static("butlr-auth-attempt");

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What the requests of one attempt are held against.
pub(super) struct Gate {
    authority: String,
    origin: String,
    path: String,
    in_fragment: bool,
    attempt: Zeroizing<String>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Not for this attempt.
    TurnedAway(StatusCode),
    /// The browser came back and holds the answer in the fragment.
    HandOver,
    /// The page of the attempt sends the fragment.
    HandedOver,
    /// An answer on the query, as the end of an address.
    Answer(Zeroizing<String>),
}

impl Gate {
    pub(super) fn new(authority: String, path: String, in_fragment: bool) -> Self {
        let origin = format!("http://{authority}");
        Self {
            authority,
            origin,
            path,
            in_fragment,
            attempt: Zeroizing::new(CsrfToken::new_random_len(32).into_secret()),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What the page must send along with a fragment.
    pub(super) fn attempt(&self) -> &str {
        &self.attempt
    }

    pub(super) fn judge(&self, head: &Parts) -> Verdict {
        // Another name for this address is how a page elsewhere would read what it gets from here (DNS rebinding).
        if only(&head.headers, &HOST) != Some(self.authority.as_str()) {
            return Verdict::TurnedAway(StatusCode::MISDIRECTED_REQUEST);
        }
        if head.uri.authority().is_some() {
            return Verdict::TurnedAway(StatusCode::BAD_REQUEST);
        }
        if head.uri.path() != self.path {
            return Verdict::TurnedAway(StatusCode::NOT_FOUND);
        }
        match head.method {
            Method::GET if !is_a_page(&head.headers) => Verdict::TurnedAway(StatusCode::FORBIDDEN),
            Method::GET if self.in_fragment => Verdict::HandOver,
            Method::GET => Verdict::Answer(Zeroizing::new(head.uri.to_string())),
            Method::POST if self.in_fragment && self.is_own(&head.headers) => Verdict::HandedOver,
            Method::POST if self.in_fragment => Verdict::TurnedAway(StatusCode::FORBIDDEN),
            _ => Verdict::TurnedAway(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// Whether a request comes from the page of this attempt.
    fn is_own(&self, headers: &HeaderMap) -> bool {
        only(headers, &ORIGIN) == Some(self.origin.as_str())
            && (!headers.contains_key(SEC_FETCH_SITE)
                || only(headers, &SEC_FETCH_SITE) == Some("same-origin"))
            && only(headers, &ATTEMPT)
                .is_some_and(|attempt| attempt.as_bytes().ct_eq(self.attempt.as_bytes()).into())
    }
}

/// Whether the browser opens a page with this request, as far as it says: no image, frame or script's request.
fn is_a_page(headers: &HeaderMap) -> bool {
    !headers.contains_key(SEC_FETCH_DEST) || only(headers, &SEC_FETCH_DEST) == Some("document")
}

/// The value of a header that is given once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)?.to_str().ok()
}
