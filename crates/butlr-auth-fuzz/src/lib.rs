//! What must hold for every input, as functions of bytes.
//!
//! Each [target](TARGETS) panics when something does not hold. `cargo fuzz run NAME` in this folder searches for such
//! an input with a nightly compiler; the corpora that it leaves in `corpus/NAME` are replayed by the tests of this crate
//! on every run, so that what was found once stays found.
//!
//! For every input: no panic; no secret of ours in an error, whatever the stranger sends back; no lifetime beyond ten
//! years; and what one part of us writes, another reads back as it was.
#![expect(clippy::panic, reason = "a target panics when something does not hold")]

mod answers;
mod command_line;
mod devices;
mod encoding;
mod metadata;
mod redirects;
mod sessions;
mod store;
mod tokens;

/// A target: bytes in, a panic if something does not hold.
pub type Target = fn(&[u8]);

/// All targets by the names of their corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("token_response", answers::token_response),
    ("error_response", answers::error_response),
    ("redirect", redirects::redirect),
    ("metadata", metadata::metadata),
    ("key_set", tokens::key_set),
    ("jwt", tokens::jwt),
    ("device_authorization", devices::device_authorization),
    ("headers", answers::headers),
    ("stored_entry", store::stored_entry),
    ("session", sessions::session),
    ("encoding", encoding::encoding),
    ("command_line", command_line::command_line),
];

/// A secret of ours that a stranger may have seen, and may send back.
pub const CANARY: &str = "canary-7f3a%refresh/token";

/// Panics if a text shows the canary.
#[track_caller]
fn check_silent(text: &str) {
    assert!(!text.contains(CANARY), "it shows a secret: {text}");
}

/// Runs a target by its name.
///
/// # Panics
/// If there is none of this name, or something does not hold.
pub fn run(name: &str, input: &[u8]) {
    match TARGETS.iter().find(|(known, _)| *known == name) {
        Some((_, target)) => target(input),
        None => panic!("there is no target {name}"),
    }
}
