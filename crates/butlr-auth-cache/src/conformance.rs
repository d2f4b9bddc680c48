//! What every [`TokenStore`] has to show: the promises of a store, each one with a name and a check.
//!
//! A store's test is a few lines. The closure opens a handle on the *same* place each time it is called, as another
//! process or another client of the database would.
//!
//! ```
//! use butlr_auth_cache::{MemoryStore, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), conformance::Broken> {
//! let store = MemoryStore::new();
//! conformance::check(async || store.clone()).await?;
//! # Ok(()) }
//! ```
//!
//! A store that other processes see has a second test, [`check_across_processes`]. Every check works under keys of
//! its own that it draws, so a database needs no cleaning between two runs.
//!
//! The checks count and compare; none is right by timing. Run them on a multi-threaded runtime too: more
//! interleavings are reached there.

mod alone;
mod hold;
mod processes;
mod subject;
mod together;

use std::fmt;
use std::time::Duration;

pub use self::processes::check_across_processes;
use self::subject::Subject;
use crate::TokenStore;

/// How long one check may take before the store counts as hanging.
const DEADLINE: Duration = Duration::from_secs(120);

/// One thing that a session relies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Promise {
    /// A session that was never stored loads as `None`: not as an error, and not as an empty entry.
    AbsentLoadsAsNone,
    /// A write succeeds if, and only if, it names the version that is there (`None`: there is none). A conflict
    /// changes nothing.
    WritesNameTheirVersion,
    /// What is loaded is what was stored, byte for byte, up to 64 KiB: odd characters, escapes, white space, long
    /// numbers and repeated members of the JSON document included.
    EntriesAreExact,
    /// Keys that look alike are apart: other letter case, other Unicode form, path separators, NUL, empty and very
    /// long parts.
    KeysAreApart,
    /// What one handle wrote the next load sees through every handle.
    WritesAreSeenAtOnce,
    /// What was written is there when all handles were closed and a new one is opened.
    WritesOutliveTheirHandle,
    /// Of any number of writers that expect the same version exactly one succeeds, and it is the one that is stored.
    OneWriterWins,
    /// Writers of many sessions, and of one, at the same time: every success counts, none is undone by another.
    NoUpdateIsLost,
    /// A writer whose acknowledgement got lost learns by the write id whether its write happened, and writing it
    /// again is a conflict.
    DoubtfulWritesCanBeTold,
    /// A call whose future is dropped at any point leaves the old or the new entry, and a store that works.
    CancelledCallsLeaveOldOrNew,
    /// `hold`, where there is one, has one holder: whoever asks meanwhile, even on the same thread or handle, is
    /// told at once that it is busy. It keeps nobody from writing, and dropping the guard, on any thread, frees it.
    HoldExcludes,
    /// All handles state the same promises, each time.
    PromisesAreStated,
    /// Increments by several processes at once are all counted.
    ProcessesShareIt,
    /// `hold`, where there is one, is freed when the process that has it is killed.
    HoldEndsWithItsProcess,
}

impl Promise {
    /// All that [`check`] checks, the simplest first.
    pub const ALL: [Self; 12] = [
        Self::PromisesAreStated,
        Self::AbsentLoadsAsNone,
        Self::WritesNameTheirVersion,
        Self::EntriesAreExact,
        Self::KeysAreApart,
        Self::WritesAreSeenAtOnce,
        Self::WritesOutliveTheirHandle,
        Self::DoubtfulWritesCanBeTold,
        Self::OneWriterWins,
        Self::NoUpdateIsLost,
        Self::CancelledCallsLeaveOldOrNew,
        Self::HoldExcludes,
    ];

    /// Checks this promise alone.
    ///
    /// # Errors
    /// [`Broken`] if the store does not keep it, fails, or does not end. The two promises about processes are
    /// checked by [`check_across_processes`] only, and pass here.
    pub async fn check<S: TokenStore + 'static>(self, open: impl AsyncFn() -> S) -> Result<(), Broken> {
        let subject = Subject::new(&open).await;
        self.within_deadline(async {
            match self {
                Self::AbsentLoadsAsNone => alone::absent_loads_as_none(&subject).await,
                Self::WritesNameTheirVersion => alone::writes_name_their_version(&subject).await,
                Self::EntriesAreExact => alone::entries_are_exact(&subject).await,
                Self::KeysAreApart => alone::keys_are_apart(&subject).await,
                Self::WritesAreSeenAtOnce => alone::writes_are_seen_at_once(&subject).await,
                Self::WritesOutliveTheirHandle => {
                    let written = alone::write_once(subject).await?;
                    written.is_in(&open().await).await
                }
                Self::OneWriterWins => together::one_writer_wins(&subject).await,
                Self::NoUpdateIsLost => together::no_update_is_lost(&subject).await,
                Self::DoubtfulWritesCanBeTold => alone::doubtful_writes_can_be_told(&subject).await,
                Self::CancelledCallsLeaveOldOrNew => {
                    together::cancelled_calls_leave_old_or_new(&subject).await
                }
                Self::HoldExcludes => hold::excludes(&subject).await,
                Self::PromisesAreStated => alone::promises_are_stated(&subject),
                Self::ProcessesShareIt | Self::HoldEndsWithItsProcess => Ok(()),
            }
        })
        .await
    }

    async fn within_deadline(self, check: impl Future<Output = Result<(), String>>) -> Result<(), Broken> {
        // On the heap: the states of all checks together are large.
        let checked = tokio::time::timeout(DEADLINE, Box::pin(check)).await;
        let what = match checked {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(what)) => what,
            Err(_) => format!("a call did not end within {} s", DEADLINE.as_secs()),
        };
        Err(Broken { promise: self, what })
    }
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Checks all promises of a store within this process and stops at the first that is broken.
///
/// `open` opens one more handle on the same place. It is called at least twice for each promise.
///
/// # Errors
/// [`Broken`], which names the promise and says what was seen.
pub async fn check<S: TokenStore + 'static>(open: impl AsyncFn() -> S) -> Result<(), Broken> {
    for promise in Promise::ALL {
        promise.check(&open).await?;
    }
    Ok(())
}

/// A promise that a store does not keep. Its `Debug` is the sentence too, so that a test may simply return it.
#[derive(Clone, PartialEq, Eq)]
pub struct Broken {
    promise: Promise,
    what: String,
}

impl Broken {
    /// Returns which promise.
    #[must_use]
    pub fn promise(&self) -> Promise {
        self.promise
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store breaks {}: {}", self.promise, self.what)
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Broken {}

/// Compiles and runs the guide's code with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guides/add-a-store.md")]
struct Guide;
