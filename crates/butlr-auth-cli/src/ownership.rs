//! Whose folders these are: root with the home of somebody else leaves nothing of its own in it.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::failure::Failure;
use crate::shell;

/// Says whose it is, and how it is used by them or not needed.
pub(crate) fn foreign(path: &Path, owner: u32) -> Failure {
    let shown = path.display();
    let failure = Failure::configuration(format!("{shown} belongs to another user (uid {owner})"));
    if rustix::process::geteuid().is_root() {
        return failure.help(format!(
            "use `sudo -H butlr-auth …` for what is root's own, or `sudo -u '#{owner}' butlr-auth …` for what is theirs; in a container, run it as uid {owner}"
        ));
    }
    failure.help(format!(
        "run this as uid {owner} (in a container: `--user {owner}`), or make a copy of your own: `install -m 600 {} COPY`",
        shell::word(&shown.to_string())
    ))
}

/// Refuses a path to root that is in a folder of another user, whether it is there already or not.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let there = path.ancestors().find_map(|folder| Some((folder, folder.metadata().ok()?)));
    match there {
        Some((folder, metadata)) if metadata.uid() != 0 => Err(foreign(folder, metadata.uid())),
        _ => Ok(()),
    }
}
