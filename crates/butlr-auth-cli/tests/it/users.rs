//! The program as another user runs it, and with mounts of its own. Only root can show that.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::world::{Ended, World, end};

/// Who nobody else is.
pub(crate) const SOMEBODY: u32 = 1_000_930_000;

/// A place that everybody may enter, with a copy of the program: the one that was built may be in somebody's home.
pub(crate) struct Users<'a> {
    world: &'a World,
    place: TempDir,
}

impl<'a> Users<'a> {
    /// `None` if this is not root, who alone can be somebody else.
    pub(crate) fn new(world: &'a World) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("only root can be another user");
            return None;
        }
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_butlr-auth"), place.path().join("butlr-auth")).unwrap();
        Some(Self { world, place })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// A folder of this user's.
    pub(crate) fn folder(&self, name: &str, mode: u32, owner: u32, group: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap();
        own(&path, mode, owner, group)
    }

    /// A file of this user's.
    pub(crate) fn file(&self, name: &str, content: &str, mode: u32, owner: u32, group: u32) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        own(&path, mode, owner, group)
    }

    /// Runs the program as this user, with these variables alone.
    pub(crate) fn run(&self, user: u32, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
        end(self.command(user, arguments, variables), "")
    }

    /// The same after this command of a shell, in a mount namespace of its own; `None` where there can be none.
    pub(crate) fn run_after(
        &self,
        mount: &str,
        user: u32,
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Option<Ended> {
        let unshared = Command::new("unshare").args(["--mount", "true"]).stderr(Stdio::null()).status();
        if !unshared.is_ok_and(|status| status.success()) {
            say("SKIPPED: no mount can be made here");
            return None;
        }
        let inner = self.command(user, arguments, variables);
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", &format!("{mount} || exit 99; exec \"$@\""), "sh"]);
        command.arg(inner.get_program()).args(inner.get_args());
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Some(end(piped(command), ""))
    }

    fn command(&self, user: u32, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
        let id = user.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "env", "-i"]);
        command.args(variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.arg(self.path("butlr-auth")).args(arguments).current_dir("/");
        piped(command)
    }

    /// The client of the environment, at this world's server.
    pub(crate) fn client(&self) -> Vec<(&'a str, &'a str)> {
        self.world.client().to_vec()
    }
}

fn piped(mut command: Command) -> Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn own(path: &Path, mode: u32, owner: u32, group: u32) -> PathBuf {
    chown(path, Some(owner), Some(group)).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    path.to_owned()
}

/// Passes a test over, and says why; in CI it must run.
pub(crate) fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "in CI this test must run: {why}");
    say(&format!("SKIPPED {}: {why}", std::thread::current().name().unwrap_or_default()));
}

#[expect(clippy::print_stderr, reason = "a person who runs the tests is told what they saw")]
pub(crate) fn say(what: &str) {
    eprintln!("{what}");
}
