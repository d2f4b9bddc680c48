//! Tokens of an issuer that can sign anything, and a verifier that must not believe it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod access_token;
mod fetching;
mod header;
mod id_token;
mod issuer;
mod key_set;
mod signature;
mod times;
