//! The server as its users see it: over HTTP, from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod support;

mod butlr_login;
