//! What is asked of everybody.

use std::future::Future;

use anyhow::Result;
use http::HeaderValue;

use crate::loopback::Loopback;

/// A crate that keeps a token, set up as its documentation shows it.
pub(crate) trait Contender: Clone + Send + Sync + 'static {
    /// Its name and version.
    const NAME: &'static str;
    /// What has to be known to read its figures.
    const REMARK: &'static str = "";
    /// Whether it asks for its first token when it is made, so that nobody meets it without one.
    const EAGER: bool = false;

    /// Makes one that asks `server`.
    fn open(server: &Loopback) -> impl Future<Output = Result<Self>>;

    /// The value of an `Authorization` header, as it would go into a request.
    fn header(&self) -> impl Future<Output = Result<HeaderValue>> + Send;
}

/// For those who hand out the token alone.
pub(crate) fn bearer(token: &str) -> Result<HeaderValue> {
    Ok(HeaderValue::try_from(format!("Bearer {token}"))?)
}
