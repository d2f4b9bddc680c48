//! Installs what is missing: on Debian and Ubuntu from their packages, components of the toolchain by rustup.

use std::path::Path;

use anyhow::{Result, bail};
use xshell::{Shell, cmd};

use super::{Need, Needs, Source};

/// While this file says no, Debian does not start the service of a server that it installs.
const POLICY: &str = "/usr/sbin/policy-rc.d";

#[derive(Debug, Default)]
pub(in crate::ci) struct Installer {
    packages: Vec<&'static str>,
    components: Vec<&'static str>,
}

impl Installer {
    pub(super) fn of(needs: &[&Need]) -> Self {
        let mut installer = Self::default();
        for need in needs {
            match need.source {
                Source::Debian(packages) => installer.packages.extend(packages),
                Source::Component(name) => installer.components.push(name),
            }
        }
        installer
    }

    /// What a person would type.
    pub(super) fn commands(&self) -> Vec<String> {
        let mut commands = Vec::new();
        if !self.packages.is_empty() {
            let packages = self.packages.join(" ");
            commands.push(format!("sudo apt-get install --no-install-recommends {packages}"));
        }
        if !self.components.is_empty() {
            commands.push(format!("rustup component add {}", self.components.join(" ")));
        }
        commands
    }

    /// Installs what is missing, printing each command.
    pub(in crate::ci) fn install(shell: &Shell, needs: &Needs) -> Result<()> {
        let Self { packages, components } = Self::of(&needs.missing);
        if !components.is_empty() {
            cmd!(shell, "rustup component add {components...}").run()?;
        }
        if packages.is_empty() {
            return Ok(());
        }
        if cmd!(shell, "apt-get --version").quiet().ignore_stdout().ignore_stderr().run().is_err() {
            bail!("packages are installed on Debian and Ubuntu only; {}", needs.refusal());
        }
        let root = Root::new(shell);
        root.run(&["apt-get", "update", "-qq"])?;
        let _policy = NoServices::begin(root)?;
        let mut install = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq"];
        install.push("--no-install-recommends");
        install.extend(packages);
        root.run(&install)
    }
}

/// Runs commands as root.
#[derive(Clone, Copy)]
struct Root<'a> {
    shell: &'a Shell,
    by: &'static str,
}

impl<'a> Root<'a> {
    fn new(shell: &'a Shell) -> Self {
        #[cfg(unix)]
        let by = if rustix::process::geteuid().is_root() { "env" } else { "sudo" };
        #[cfg(not(unix))]
        let by = "env";
        Self { shell, by }
    }

    fn run(self, command: &[&str]) -> Result<()> {
        let (shell, by) = (self.shell, self.by);
        Ok(cmd!(shell, "{by} {command...}").run()?)
    }
}

/// Keeps services from being started until it is dropped; a policy that was there before stays.
struct NoServices<'a>(Option<Root<'a>>);

impl<'a> NoServices<'a> {
    fn begin(root: Root<'a>) -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self(None));
        }
        let script = tempfile::NamedTempFile::new()?;
        std::fs::write(&script, "#!/bin/sh\nexit 101\n")?;
        root.run(&["install", "-m", "755", &script.path().to_string_lossy(), POLICY])?;
        Ok(Self(Some(root)))
    }
}

impl Drop for NoServices<'_> {
    fn drop(&mut self) {
        // As long as it is there no service of this machine starts: that must not stay unsaid.
        if let Some(Err(error)) = self.0.map(|root| root.run(&["rm", "-f", POLICY])) {
            eprintln!("warning: {POLICY} is left behind, and keeps services from starting: {error}");
        }
    }
}
