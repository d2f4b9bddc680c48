//! Who may write the configuration: it names commands that are run, and servers that secrets are sent to.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::StatVfsMountFlags;

use super::LIMIT;
use crate::failure::Failure;
use crate::file::File;
use crate::{ownership, shell};

/// A folder in which nobody removes or renames the files of others, such as `/tmp`.
const STICKY: u32 = 0o1000;

/// What a configuration says, and how far it is believed.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) text: String,
    /// Whether nobody but this user and root can have written the commands in it.
    pub(super) may_name_commands: bool,
}

/// Who may write a file or a folder, beside its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writers {
    Nobody,
    /// The user's own primary group, of which nobody else is, as often as not.
    OwnGroup,
    AnotherGroup,
    Everybody,
}

impl Writers {
    fn of(mode: u32, group: u32) -> Self {
        if mode & 0o002 != 0 {
            Self::Everybody
        } else if mode & 0o020 == 0 {
            Self::Nobody
        } else if group == rustix::process::getegid().as_raw() {
            Self::OwnGroup
        } else {
            Self::AnotherGroup
        }
    }

    /// Refuses what others may write, and says whether commands in it may be run.
    fn judge(self, shown: &Path) -> Result<bool, Failure> {
        let word = shell::word(&shown.display().to_string());
        match self {
            Self::Nobody => Ok(true),
            Self::OwnGroup => Ok(false),
            Self::AnotherGroup => {
                Err(Failure::configuration(format!("a group may write {}", shown.display()))
                    .help(format!("run `chmod g-w {word}`")))
            }
            Self::Everybody => {
                Err(Failure::configuration(format!("everybody may write {}", shown.display()))
                    .help(format!("run `chmod o-w {word}`")))
            }
        }
    }
}

/// Reads the file if it is there and nobody else can have written it.
pub(super) fn read(path: &Path) -> Result<Option<Source>, Failure> {
    let failed =
        |error: io::Error| Failure::configuration(format!("could not read {}: {error}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut may_name_commands = true;
    // What nobody can write was put there by whoever made the mount.
    if !file.is_on_read_only_mount().map_err(failed)? {
        may_name_commands &= Writers::of(file.mode(), file.group()).judge(path)?;
        if !file.is_ours() {
            return Err(ownership::foreign(path, file.owner()));
        }
    }
    for folder in folders(path) {
        may_name_commands &= judge_folder(&folder)?;
    }
    let text = std::mem::take(&mut *file.read(LIMIT).map_err(failed)?);
    Ok(Some(Source { text, may_name_commands }))
}

/// The folder in which the file is named, and the one in which it is if that is a link.
fn folders(path: &Path) -> Vec<PathBuf> {
    let parent = |path: &Path| path.parent().map(|folder| Path::new(".").join(folder));
    let mut folders: Vec<PathBuf> =
        [parent(path), path.canonicalize().ok().as_deref().and_then(parent)].into_iter().flatten().collect();
    folders.dedup();
    folders
}

/// Whoever may write a folder may put another file in its place.
fn judge_folder(folder: &Path) -> Result<bool, Failure> {
    let Ok(metadata) = folder.metadata() else { return Ok(true) };
    let is_fixed = rustix::fs::statvfs(folder).is_ok_and(|at| at.f_flag.contains(StatVfsMountFlags::RDONLY));
    if is_fixed {
        return Ok(true);
    }
    let is_ours = |metadata: &Metadata| [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    if !is_ours(&metadata) {
        return Err(ownership::foreign(folder, metadata.uid()));
    }
    if metadata.mode() & STICKY != 0 {
        return Ok(true);
    }
    Writers::of(metadata.mode(), metadata.gid()).judge(folder)
}

/// Whether this user may not even look whether there is a file, or the home is none.
pub(super) fn is_out_of_reach(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| {
        matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory)
    })
}
