//! The last net: a panic is a fault of this program. It is told in the form of every other error, with its exit code.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};

use crate::environment::Environment;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::terminal;

/// Runs the program; what panics in it, on whatever thread, is said once.
pub(crate) fn caught(run: impl FnOnce() -> Exit) -> Exit {
    set_hook(Box::new(tell));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        terminal::restore_echo();
        Exit::Unexpected
    })
}

/// Writes to a stream that may be closed: the usual hook would not mind either, but its words are for programmers.
fn tell(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(String::new, |place| {
        let file = place.file().rsplit('/').next().unwrap_or_default();
        format!(" ({file}:{})", place.line())
    });
    let payload = panic.payload();
    let why = payload.downcast_ref::<String>().map(String::as_str);
    let why = why.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a word");
    let failure = Failure::unexpected(format!("this program has a fault{place}: {why}"))
        .help("please report it, with what you ran");
    Output::before_arguments(&Environment::of_process()).failure(&failure);
}
