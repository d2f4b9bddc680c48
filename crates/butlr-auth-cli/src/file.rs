//! Files of the user's, read with care: what is opened is what is judged, and nothing waits for a writer.

mod replace;

use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use butlr_auth::core::secret_file::{Safe, SecretFile, Unsafe};
use rustix::fs::{OFlags, StatVfsMountFlags};
use zeroize::Zeroizing;

pub(crate) use replace::replace;

/// An open regular file.
pub(crate) struct File {
    file: std::fs::File,
    mode: u32,
    owner: u32,
    group: u32,
}

impl File {
    /// Opens a file. A pipe that nobody writes to would be waited for without end: it is refused, as all that is no
    /// regular file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        Ok(Self { file, mode: metadata.mode(), owner: metadata.uid(), group: metadata.gid() })
    }

    pub(crate) fn mode(&self) -> u32 {
        self.mode
    }

    /// Whether it belongs to this user or to root.
    pub(crate) fn is_ours(&self) -> bool {
        self.owner == rustix::process::geteuid().as_raw() || self.owner == 0
    }

    pub(crate) fn owner(&self) -> u32 {
        self.owner
    }

    pub(crate) fn group(&self) -> u32 {
        self.group
    }

    /// Whether nobody can write it, whatever its mode says.
    pub(crate) fn is_on_read_only_mount(&self) -> io::Result<bool> {
        Ok(rustix::fs::fstatvfs(&self.file)?.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Whether it may hold a secret of this user's.
    pub(crate) fn judge_as_secret(&self) -> io::Result<Result<Safe, Unsafe>> {
        let file = SecretFile::new(self.owner, self.mode, self.is_on_read_only_mount()?);
        Ok(file.judge(rustix::process::geteuid().as_raw()))
    }

    /// Reads all of it, which is `limit` bytes at most: what is longer is refused and not cut.
    pub(crate) fn read(self, limit: usize) -> io::Result<Zeroizing<String>> {
        let size = usize::try_from(self.file.metadata()?.len()).unwrap_or(usize::MAX);
        // One allocation: growing would leave pieces of a secret behind.
        let mut text = Zeroizing::new(String::with_capacity(size.min(limit) + 2));
        self.file.take(limit as u64 + 1).read_to_string(&mut text)?;
        if text.len() > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("it is longer than {limit} bytes"),
            ));
        }
        Ok(text)
    }
}
