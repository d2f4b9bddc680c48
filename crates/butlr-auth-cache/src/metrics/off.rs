//! The same calls without the feature `metrics`: nothing is told, and nothing is left of them.

use std::time::Duration;

use butlr_auth_core::{Error, GrantType, TokenResponse};

use crate::Event;

pub(crate) fn exchanged(_: &str, _: GrantType, _: Result<&TokenResponse, &Error>, _: Duration) {}

pub(crate) fn queued(_: &str, _: Duration) {}

pub(crate) fn waited_for_lease(_: &str, _: Duration) {}

pub(crate) fn replaced(_: &str, _: Duration) {}

pub(crate) fn rejected(_: &str) {}

pub(crate) fn happened(_: &str, _: Event) {}
