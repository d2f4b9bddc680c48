use std::fmt;
use std::time::Duration;

use url::Url;

use crate::json::{Malformed, Object};
use crate::token_response::{expires_in, invalid};
use crate::{Error, ErrorKind, Moment};

/// No request URI is longer than this: 2,048 characters, which every server takes back in a URL.
const LONGEST_URI: usize = 2048;

/// An authorization request that waits at the server, and the short URL that stands for it
/// ([RFC 9126 §2.2](https://www.rfc-editor.org/rfc/rfc9126#section-2.2)).
///
/// What the person's browser sees names the client and the request, and nothing of what the request says.
pub struct PushedAuthorization {
    url: Url,
    expires_in: Duration,
    pushed_at: Moment,
}

impl PushedAuthorization {
    /// Reads the answer to a request that was pushed at `pushed_at`; `endpoint` is the authorization endpoint's URL.
    pub(crate) fn new(
        body: &[u8],
        endpoint: &Url,
        client_id: &str,
        pushed_at: Moment,
    ) -> Result<Self, Error> {
        let members = Object::parse(body).map_err(|Malformed(why)| invalid(format!("the answer {why}")))?;
        let request_uri = members.member("request_uri").ok_or_else(|| invalid("`request_uri` is missing"))?;
        let request_uri = request_uri
            .as_str()
            .filter(|uri| !uri.is_empty() && uri.len() <= LONGEST_URI)
            .filter(|uri| uri.bytes().all(|byte| byte.is_ascii_graphic()))
            .ok_or_else(|| invalid("`request_uri` is not a URI"))?;
        let lifetime = expires_in(&members)?.ok_or_else(|| invalid("`expires_in` is missing"))?;
        let mut url = endpoint.clone();
        //= https://www.rfc-editor.org/rfc/rfc9126#section-4
        //# The client uses the "request_uri" value returned by the authorization server to build an authorization
        //# request as defined in [RFC9101].
        let kept: Vec<(String, String)> = endpoint
            .query_pairs()
            .filter(|(name, _)| name != "client_id" && name != "request_uri")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        url.set_query(None);
        url.query_pairs_mut()
            .extend_pairs(kept)
            .extend_pairs([("client_id", client_id), ("request_uri", request_uri)]);
        Ok(Self { url, expires_in: lifetime, pushed_at })
    }

    /// Gives the URL to open in the person's browser: once, because the server takes it once.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] if the request has expired meanwhile: push it again.
    pub fn into_url(self, now: Moment) -> Result<Url, Error> {
        if now.since(&self.pushed_at).is_some_and(|age| age < self.expires_in) {
            return Ok(self.url);
        }
        let host = self.url.host_str().unwrap_or_default();
        let message = format!("the authorization request pushed to {host} has expired: start again");
        Err(Error::new(ErrorKind::TimedOut, message))
    }
}

impl fmt::Debug for PushedAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PushedAuthorization").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}
