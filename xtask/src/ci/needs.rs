//! What the steps need beside Rust: looked for before the first of them begins, so that nothing fails for want of a
//! program after half an hour, and installed on request.

mod install;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

pub(super) use self::install::Installer;
use super::Step;

/// The variable by which tests learn what they are to do without: names of Debian packages, with commas.
///
/// The test kit's `servers::is_left_out` reads it.
pub(super) const LEFT_OUT: &str = "BUTLR_AUTH_TEST_WITHOUT";

/// One thing that steps need.
#[derive(Debug, PartialEq)]
pub(super) struct Need {
    /// What `--without` calls it.
    pub(super) name: &'static str,
    /// What has to be there, all of it.
    programs: &'static [&'static str],
    pub(super) source: Source,
    steps: Steps,
}

/// Where a missing program comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// Packages of Debian and Ubuntu.
    Debian(&'static [&'static str]),
    /// A component of the Rust toolchain.
    Component(&'static str),
}

#[derive(Debug, PartialEq)]
enum Steps {
    /// Nothing works without.
    Every,
    Only(&'static [Step]),
}

#[cfg(unix)]
const STORES: Steps = Steps::Only(&[Step::Test, Step::Soak]);
#[cfg(not(unix))]
const STORES: Steps = Steps::Only(&[Step::Test]);
const TESTS: Steps = Steps::Only(&[Step::Test]);
const INTEROP: Steps = Steps::Only(&[Step::Interop]);

pub(super) const NEEDS: &[Need] = &[
    // Rust links by it, and the cryptography under TLS is partly C.
    Need::of("cc", &["cc"], &["gcc", "libc6-dev"], Steps::Every),
    Need::component("rustfmt", &["cargo-fmt"], Steps::Only(&[Step::Fmt])),
    Need::component("clippy", &["cargo-clippy"], Steps::Only(&[Step::Clippy])),
    Need::of("git", &["git"], &["git"], TESTS),
    Need::of("redis", &["redis-server"], &["redis-server"], STORES),
    Need::of("postgres", &["postgres", "initdb"], &["postgresql"], STORES),
    Need::of("pgbouncer", &["pgbouncer"], &["pgbouncer"], TESTS),
    Need::of(
        "keyring",
        &["gnome-keyring-daemon", "dbus-daemon", "dbus-send"],
        &["gnome-keyring", "dbus"],
        TESTS,
    ),
    // What the file store really asks of the kernel, and clocks that go wrong.
    Need::of("strace", &["strace"], &["strace"], TESTS),
    Need::of("faketime", &["faketime"], &["faketime"], TESTS),
    // Several hosts on one machine.
    Need::of("iproute2", &["ip"], &["iproute2"], TESTS),
    Need::of("python3", &["python3"], &["python3"], TESTS),
    // What completes commands, and what shows the manual.
    Need::of("zsh", &["zsh"], &["zsh"], TESTS),
    Need::of("fish", &["fish"], &["fish"], TESTS),
    Need::of("groff", &["groff"], &["groff-base"], TESTS),
    // Logs in as a person does.
    Need::of("chromium", &["chromium", "chromedriver"], &["chromium", "chromium-driver"], TESTS),
    Need::of("glewlwyd", &["glewlwyd"], &["glewlwyd"], INTEROP),
    Need::of("npm", &["npm"], &["npm"], INTEROP),
];

impl Need {
    const fn of(
        name: &'static str,
        programs: &'static [&'static str],
        packages: &'static [&'static str],
        steps: Steps,
    ) -> Self {
        Self { name, programs, source: Source::Debian(packages), steps }
    }

    const fn component(name: &'static str, programs: &'static [&'static str], steps: Steps) -> Self {
        Self { name, programs, source: Source::Component(name), steps }
    }

    fn is_wanted(&self, steps: &[Step]) -> bool {
        match self.steps {
            Steps::Every => true,
            Steps::Only(only) => only.iter().any(|step| super::wanted(steps, *step)),
        }
    }

    /// Whether what needs it can be left out: single tests, or one server. A whole step is left out by naming others.
    fn is_optional(&self) -> bool {
        self.steps != Steps::Every && matches!(self.source, Source::Debian(_))
    }

    fn packages(&self) -> &'static [&'static str] {
        match self.source {
            Source::Debian(packages) => packages,
            Source::Component(_) => &[],
        }
    }

    fn is_missing(&self, places: &[PathBuf]) -> bool {
        let there = |program: &&str| places.iter().any(|place| is_program(&place.join(program)));
        !self.programs.iter().all(there)
    }
}

/// What is left out on request, and what is missing all the same.
#[derive(Debug, Default)]
pub(super) struct Needs {
    pub(super) left_out: Vec<&'static Need>,
    pub(super) missing: Vec<&'static Need>,
}

impl Needs {
    /// Looks for everything that these steps need.
    pub(super) fn look(steps: &[Step], without: &[String]) -> Result<Self> {
        Self::look_in(steps, without, &places())
    }

    fn look_in(steps: &[Step], without: &[String], places: &[PathBuf]) -> Result<Self> {
        let mut needs = Self::default();
        for name in without {
            let Some(need) = NEEDS.iter().find(|need| need.name == name && need.is_optional()) else {
                let known: Vec<_> =
                    NEEDS.iter().filter(|need| need.is_optional()).map(|need| need.name).collect();
                bail!("`{name}` is nothing that can be left out; these can: {}", known.join(", "));
            };
            if need.is_wanted(steps) && !needs.left_out.contains(&need) {
                needs.left_out.push(need);
            }
        }
        let wanted = NEEDS.iter().filter(|need| need.is_wanted(steps) && !needs.left_out.contains(need));
        needs.missing = wanted.filter(|need| need.is_missing(places)).collect();
        Ok(needs)
    }

    pub(super) fn left_out_names(&self) -> Vec<&'static str> {
        self.left_out.iter().map(|need| need.name).collect()
    }

    /// What tests are told of it.
    pub(super) fn left_out_packages(&self) -> String {
        let packages: Vec<_> = self.left_out.iter().flat_map(|need| need.packages()).copied().collect();
        packages.join(",")
    }

    /// Says in a line to copy each what helps.
    pub(super) fn refusal(&self) -> String {
        let names = |needs: &[&Need]| needs.iter().map(|need| need.name).collect::<Vec<_>>().join(", ");
        let mut said = format!("the checks need what is not installed: {}", names(&self.missing));
        for command in Installer::of(&self.missing).commands() {
            said.push_str(&format!("\nhelp: {command}"));
        }
        said.push_str("\nhelp: or let it be installed: cargo xtask ci --install");
        let optional: Vec<_> = self.missing.iter().copied().filter(|need| need.is_optional()).collect();
        if optional.len() == self.missing.len() {
            let without = names(&optional).replace(", ", ",");
            said.push_str(&format!("\nhelp: or leave out what needs it: cargo xtask ci --without {without}"));
        }
        said
    }
}

/// Where programs are: `PATH`, and the folders where Debian keeps servers.
fn places() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.extend(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(versions.map(|version| version.path().join("bin")));
    // Cargo finds its subcommands beside itself, too.
    let cargo = std::env::var_os("CARGO").map(PathBuf::from);
    places.extend(cargo.as_deref().and_then(Path::parent).map(Path::to_owned));
    places
}

fn is_program(path: &Path) -> bool {
    path.is_file()
}
