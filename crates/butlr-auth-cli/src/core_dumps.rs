//! A core dump would hold every secret of the process: there is none, but a command that takes its place has its own.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

static BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// Forbids them, for this process and the commands that fetch secrets for it.
pub(crate) fn forbid() {
    let before = BEFORE.get_or_init(|| getrlimit(Resource::Core));
    // The limit that may be raised again. It cannot fail downwards; if it does nevertheless, a token is still better
    // than none.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: before.maximum });
}

/// Gives the limit back, for a command that this process becomes.
pub(crate) fn allow_again() {
    if let Some(before) = BEFORE.get() {
        // The command runs without core dumps then, which is no reason not to run it.
        let _ = setrlimit(Resource::Core, *before);
    }
}
