//! Whether the system gives this process what the runtime below cannot go on without, asked before anything is begun:
//! later, the want of it would be a panic.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use butlr_auth::ErrorKind;
use rustix::io::Errno;

use crate::failure::Failure;

/// What a run opens at once: the runtime's own, a lock, a record and a connection.
const FILES: usize = 16;

pub(crate) fn check() -> Result<(), Failure> {
    let open: io::Result<Vec<OwnedFd>> =
        (0..FILES).map(|_| io::stdin().as_fd().try_clone_to_owned()).collect();
    drop(open.map_err(|error| no_files(&error))?);
    let thread = std::thread::Builder::new().spawn(|| ()).map_err(|error| no_thread(&error))?;
    // It does nothing, and cannot fail at that.
    let _ = thread.join();
    Ok(())
}

fn no_files(error: &io::Error) -> Failure {
    let why = format!("this process may not open {FILES} files more: {error}");
    if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) {
        Failure::configuration(why).help("raise its limit: `ulimit -n 1024`, or LimitNOFILE= of a service")
    } else {
        Failure::new(ErrorKind::Busy, why).help("try again when the system has some to spare")
    }
}

fn no_thread(error: &io::Error) -> Failure {
    Failure::new(ErrorKind::Busy, format!("this process may not start a thread: {error}"))
        .help("end other processes, or raise the limit: `ulimit -u`, or that of the container")
}
