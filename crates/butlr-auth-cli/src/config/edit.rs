//! Changing the configuration without an editor: what a person wrote around it stays.

use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use butlr_auth::ErrorKind;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{Config, LIMIT, source};
use crate::context::Context;
use crate::failure::Failure;
use crate::{file, ownership};

/// A configuration that is being changed.
#[derive(Debug)]
pub(crate) struct Edited {
    path: PathBuf,
    before: Option<String>,
    document: DocumentMut,
}

impl Edited {
    /// Reads the configuration that this run would use; one that is not there yet is empty.
    pub(crate) fn open(context: &Context) -> Result<Self, Failure> {
        let path = Config::place(&context.global, &context.environment).ok_or_else(|| {
            Failure::configuration("there is no place for a configuration")
                .help("set HOME or BUTLR_AUTH_CONFIG, or use --config")
        })?;
        // What is linked to elsewhere stays so.
        let path = path.canonicalize().unwrap_or(path);
        ownership::check(&path)?;
        let before = read(&path)?;
        let text = before.clone().unwrap_or_else(|| "version = 1\n".to_owned());
        // What is wrong is said in the words of every other command.
        Config::parse(&text, path.clone())?;
        let document = text.parse().map_err(|_| {
            Failure::configuration(format!("{} is not TOML that can be changed", path.display()))
        })?;
        Ok(Self { path, before, document })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn has_profile(&self, name: &str) -> bool {
        self.document.get("profile").and_then(|profiles| profiles.get(name)).is_some()
    }

    /// Adds a profile at the end.
    pub(crate) fn add_profile(&mut self, name: &str, profile: Table) -> Result<(), Failure> {
        if !is_plain(name) {
            return Err(Failure::usage("a profile's name is made of letters, digits, `-`, `_` and `.`"));
        }
        if self.has_profile(name) {
            return Err(Failure::configuration(format!(
                "there is a profile `{name}` in {} already",
                self.path.display()
            ))
            .help("choose another name, or remove it first: `butlr-auth profile remove`"));
        }
        let profiles = self.document.entry("profile").or_insert_with(|| {
            let mut profiles = Table::new();
            profiles.set_implicit(true);
            Item::Table(profiles)
        });
        let profiles = profiles.as_table_like_mut().ok_or_else(|| {
            Failure::configuration(format!("`profile` in {} is not a table", self.path.display()))
        })?;
        profiles.insert(name, Item::Table(profile));
        Ok(())
    }

    /// Removes a profile; returns whether it was there.
    pub(crate) fn remove_profile(&mut self, name: &str) -> bool {
        let profiles = self.document.get_mut("profile").and_then(Item::as_table_like_mut);
        let removed = profiles.is_some_and(|profiles| profiles.remove(name).is_some());
        if removed && self.default_profile() == Some(name) {
            self.document.remove("default_profile");
        }
        removed
    }

    pub(crate) fn default_profile(&self) -> Option<&str> {
        self.document.get("default_profile")?.as_str()
    }

    pub(crate) fn set_default_profile(&mut self, name: &str) {
        match self.document.get_mut("default_profile").and_then(Item::as_value_mut) {
            Some(before) => {
                let decor = before.decor().clone();
                *before = name.into();
                *before.decor_mut() = decor;
            }
            None => {
                self.document.insert("default_profile", value(name));
            }
        }
    }

    /// Makes sure that it could be saved now, without changing anything.
    pub(crate) fn check_writable(&self) -> Result<(), Failure> {
        let folder = self.folder()?;
        tempfile::tempfile_in(folder).map(|_| ()).map_err(|error| self.unwritable(&error))
    }

    /// What it says with the changes.
    pub(crate) fn config(&self) -> Result<Config, Failure> {
        Config::parse(&self.document.to_string(), self.path.clone())
    }

    /// One profile, as it is written, with the comments around it.
    pub(crate) fn profile_text(&self, name: &str) -> Option<String> {
        let profile = self.document.get("profile")?.get(name)?.clone();
        let mut profiles = Table::new();
        profiles.set_implicit(true);
        profiles.insert(name, profile);
        let mut document = DocumentMut::new();
        document.insert("profile", Item::Table(profiles));
        Some(document.to_string().trim().to_owned())
    }

    /// Saves it whole, unless somebody else has changed it meanwhile.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        let text = self.document.to_string();
        self.config()?;
        if text.len() > LIMIT {
            return Err(Failure::configuration(format!("{} would be too long", self.path.display())));
        }
        self.folder()?;
        if read(&self.path)? != self.before {
            let message = format!("{} was changed by somebody else meanwhile", self.path.display());
            return Err(Failure::new(ErrorKind::Busy, message).help("run it again"));
        }
        let mode = self.path.metadata().map_or(0o600, |there| there.mode() & 0o777);
        file::replace(&self.path, text.as_bytes(), mode).map_err(|error| self.unwritable(&error))
    }

    /// The folder of the configuration, made if it is missing.
    pub(crate) fn folder(&self) -> Result<&Path, Failure> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or_else(|| Path::new("."));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder)
            .map_err(|error| self.unwritable(&error))?;
        Ok(folder)
    }

    fn unwritable(&self, error: &std::io::Error) -> Failure {
        let failure = Failure::configuration(format!("could not write {}: {error}", self.path.display()));
        failure.help_write(error, "BUTLR_AUTH_CONFIG")
    }
}

fn read(path: &Path) -> Result<Option<String>, Failure> {
    Ok(source::read(path)?.map(|source| source.text))
}

/// A name that is a TOML key, a file's name and a word of a shell as it is.
pub(crate) fn is_plain(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(letters) && !name.starts_with(['.', '-'])
}

#[cfg(test)]
mod tests;
