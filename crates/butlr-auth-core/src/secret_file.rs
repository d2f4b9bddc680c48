//! The one rule for files that hold secrets, for the crates beside this one, which open them.
//!
//! People keep such a file in their home and can change its mode. What a container mounts belongs to root, is readable
//! by everybody in the container, is a link, and cannot be changed from inside: the one who could read along there is
//! who runs the container. The rule is that of OpenSSH and libpq, with one addition: what nobody can write, because its
//! mount is read-only, was put there by whoever made the mount.

/// What the system says of an opened file. Not of its path: a link that leads to it says nothing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SecretFile {
    owner: u32,
    mode: u32,
    is_on_read_only_mount: bool,
}

/// Why a file is no place for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unsafe {
    /// Its group or others may write it, and so give this program a secret of theirs.
    Writable,
    /// It belongs to neither this user nor root.
    Foreign,
    /// It is this user's own, and its group or others may read it.
    Readable,
}

/// How safe a file is that may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Safe {
    /// It is this user's alone.
    Private,
    /// Others may read it, and whoever put it there meant it so: root, or whoever made its mount.
    Shared,
}

impl SecretFile {
    /// Takes the owner and the permission bits of a file, and whether it is on a mount that is read-only.
    #[must_use]
    pub fn new(owner: u32, mode: u32, is_on_read_only_mount: bool) -> Self {
        Self { owner, mode, is_on_read_only_mount }
    }

    /// Judges it for a process of this user.
    ///
    /// # Errors
    /// Why it is no place for a secret.
    pub fn judge(self, user: u32) -> Result<Safe, Unsafe> {
        let is_own = self.owner == user;
        let is_private = is_own && self.mode & 0o077 == 0;
        if self.is_on_read_only_mount {
            return Ok(if is_private { Safe::Private } else { Safe::Shared });
        }
        if self.mode & 0o022 != 0 {
            return Err(Unsafe::Writable);
        }
        match (is_own, is_private) {
            (true, true) => Ok(Safe::Private),
            (true, false) => Err(Unsafe::Readable),
            (false, _) if self.owner == 0 => Ok(Safe::Shared),
            (false, _) => Err(Unsafe::Foreign),
        }
    }
}

#[cfg(test)]
mod tests;
