//! `client create --save-profile`: the secret goes into a file of its own and is printed nowhere.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use butlr_auth::core::BUTLR_BASE_URL;
use butlr_auth::core::text::escape;
use reqwest::Method;
use serde_json::json;
use toml_edit::{InlineTable, Table, value};

use super::{Minted, call, path_of};
use crate::api::Api;
use crate::config::Edited;
use crate::context::Context;
use crate::failure::Failure;
use crate::profile::Profile;

/// Where a profile and its secret are going to be, made sure of before a client is minted: its secret is told once.
pub(super) struct Place {
    config: Edited,
    name: String,
    secret: PathBuf,
    file: std::fs::File,
    base_url: Option<String>,
    kept: bool,
}

impl Place {
    pub(super) fn reserve(context: &Context, profile: &Profile, name: &str) -> Result<Self, Failure> {
        let mut config = Edited::open(context)?;
        // Whether it can be added is asked of an empty one, with what makes it complete.
        config.add_profile(name, Table::new())?;
        config.check_writable()?;
        let secret = config.folder()?.join(format!("{name}.secret"));
        let file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&secret).map_err(
                |error| {
                    Failure::configuration(format!("could not make {}: {error}", secret.display()))
                        .help("move it away, or choose another name")
                },
            )?;
        let base_url = profile.base_url.as_ref().map(|(url, _)| url);
        let base_url = base_url.filter(|url| url.origin() != BUTLR_BASE_URL);
        let base_url = base_url.map(|url| url.as_str().trim_end_matches('/').to_owned());
        Ok(Self {
            config: Edited::open(context)?,
            name: name.to_owned(),
            secret,
            file,
            base_url,
            kept: false,
        })
    }

    /// Keeps what was minted, or deletes it again: a client whose secret nobody has is of no use.
    pub(super) async fn keep(mut self, context: &Context, api: &Api, minted: &Minted) -> Result<(), Failure> {
        let name = self.name.clone();
        if let Err(failure) = self.write(minted) {
            drop(self);
            return Err(undone(api, minted, failure).await);
        }
        if context.output.is_json() {
            context.output.document(&json!({
                "schema": 2,
                "client_id": minted.id,
                "profile": name,
                "secret_file": self.secret.display().to_string(),
                "name": minted.document.get("name"),
                "description": minted.document.get("description"),
            }))?;
        }
        let secret = self.secret.display();
        context
            .output
            .note(&format!("kept as profile `{name}`, its secret in {secret}: `butlr-auth -p {name} token`"));
        Ok(())
    }

    fn write(&mut self, minted: &Minted) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            Failure::configuration(format!("could not write {}: {error}", self.secret.display()))
        };
        self.file.write_all(minted.secret.as_bytes()).map_err(failed)?;
        self.file.sync_all().map_err(failed)?;
        let mut profile = Table::new();
        profile.insert("preset", value("butlr"));
        if let Some(url) = &self.base_url {
            profile.insert("base_url", value(url));
        }
        profile.insert("grant", value("client_credentials"));
        profile.insert("client_id", value(&minted.id));
        let mut secret = InlineTable::new();
        secret.insert("file", format!("{}.secret", self.name).into());
        profile.insert("client_secret", value(secret));
        self.config.add_profile(&self.name, profile)?;
        self.config.save()?;
        self.kept = true;
        Ok(())
    }
}

/// Deletes what was minted and could not be handed over.
pub(super) async fn undone(api: &Api, minted: &Minted, failure: Failure) -> Failure {
    let id = escape(&minted.id, 128);
    let is_deleted = call(api, Method::DELETE, &path_of(&minted.id), None).await.is_ok();
    let and = if is_deleted { "was deleted again" } else { "is there, its secret lost: delete it" };
    Failure { message: format!("{}; client {id} {and}", failure.message), ..failure }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing is in it yet, or nothing that anybody could use.
            let _ = std::fs::remove_file(&self.secret);
        }
    }
}
