//! The environment, read through one type, so that a test can give it another one.

pub(crate) mod variables;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::failure::Failure;

pub(crate) const CLIENT_ID: &str = "BUTLR_CLIENT_ID";
pub(crate) const CLIENT_SECRET: &str = "BUTLR_CLIENT_SECRET";
pub(crate) const CLIENT_SECRET_FILE: &str = "BUTLR_CLIENT_SECRET_FILE";
pub(crate) const USERNAME: &str = "BUTLR_USERNAME";
pub(crate) const PASSWORD: &str = "BUTLR_PASSWORD";
pub(crate) const PASSWORD_FILE: &str = "BUTLR_PASSWORD_FILE";
pub(crate) const BASE_URL: &str = "BUTLR_BASE_URL";
pub(crate) const PROFILE: &str = "BUTLR_PROFILE";
pub(crate) const CONFIG: &str = "BUTLR_AUTH_CONFIG";
pub(crate) const STATE_DIR: &str = "BUTLR_AUTH_STATE_DIR";
pub(crate) const LOG: &str = "BUTLR_AUTH_LOG";

type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Where variables come from. An empty one counts as unset.
pub(crate) struct Environment(Box<Lookup>);

impl Environment {
    /// The environment of this process.
    pub(crate) fn of_process() -> Self {
        Self(Box::new(|name| std::env::var_os(name)))
    }

    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn of<const N: usize>(variables: [(&'static str, &'static str); N]) -> Self {
        let variables = std::collections::BTreeMap::from(variables);
        Self(Box::new(move |name| variables.get(name).map(OsString::from)))
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// Returns a variable as text. Its value is never part of an error.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        let text = self.raw(name).map(OsString::into_string).transpose();
        text.map_err(|_| Failure::configuration(format!("{name} is not valid UTF-8")))
    }

    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).map(PathBuf::from)
    }

    /// Returns a folder of the XDG base directory specification, which ignores relative paths, or its place below
    /// the home directory.
    pub(crate) fn xdg(&self, name: &str, below_home: &str) -> Result<PathBuf, Failure> {
        let absolute = |name| self.path(name).filter(|path| path.is_absolute());
        absolute(name).or_else(|| absolute("HOME").map(|home| home.join(below_home))).ok_or_else(|| {
            Failure::configuration(format!("neither {name} nor HOME is an absolute path"))
                .help("set HOME or BUTLR_AUTH_STATE_DIR")
        })
    }

    fn raw(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment").finish_non_exhaustive()
    }
}
