//! A test that needs another process starts its own binary again, and finds itself there as the child.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VARIABLE: &str = "BUTLR_AUTH_STORE_CHILD";

/// The folder to work in, if this process is such a child.
pub(crate) fn place() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).map(PathBuf::from)
}

/// The child of `test`, started by the words in front of it: none, or those of a shell or a tracer.
pub(crate) fn command<'a>(before: impl IntoIterator<Item = &'a str>, test: &str, place: &Path) -> Command {
    command_of(&std::env::current_exe().unwrap(), before, test, place)
}

/// The same of a copy of this binary.
pub(crate) fn command_of<'a>(
    binary: &Path,
    before: impl IntoIterator<Item = &'a str>,
    test: &str,
    place: &Path,
) -> Command {
    let arguments = [test, "--exact", "--nocapture", "--test-threads=1"];
    let mut before = before.into_iter();
    let mut command = match before.next() {
        None => Command::new(binary),
        Some(first) => {
            let mut command = Command::new(first);
            command.args(before).arg(binary);
            command
        }
    };
    command.args(arguments).env(VARIABLE, place);
    command
}

#[track_caller]
pub(crate) fn check_success(output: &Output) {
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{}\n{said}\n{complained}", output.status);
}
