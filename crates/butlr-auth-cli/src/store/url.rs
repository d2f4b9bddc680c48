//! The addresses of databases, which are secrets as often as not.

use std::path::Path;

use zeroize::Zeroizing;

use crate::config::UrlConfig;
use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::file::File;
use crate::secret::SecretPlace;

/// No bundle of certificate authorities is longer: 1 MiB.
const LIMIT: usize = 1 << 20;

/// Fetches the URL of a database.
pub(super) async fn fetch(
    context: &Context,
    kind: &str,
    url: Option<&UrlConfig>,
) -> Result<Zeroizing<String>, Failure> {
    let missing = || {
        Failure::configuration(format!("sessions are to be kept in {kind}, and nobody says where it is"))
            .help(format!("set `url` in `[stores.{kind}]`"))
    };
    match url.ok_or_else(missing)? {
        UrlConfig::Plain(url) => Ok(Zeroizing::new(url.to_string())),
        UrlConfig::Secret(secret) => {
            let place = SecretPlace::of(secret.clone(), String::new);
            let fetched =
                place.fetch(&format!("URL of {kind}"), &context.environment, context.patience.left()).await;
            // No login brings it.
            let fetched = fetched.map_err(|failure| Failure {
                exit: Exit::Configuration,
                kind: "configuration",
                ..failure
            })?;
            fetched.ok_or_else(missing)
        }
    }
}

/// Reads certificate authorities, in PEM.
pub(super) fn certificates(path: &Path) -> Result<String, Failure> {
    let read = File::open(path).and_then(|file| file.read(LIMIT));
    let mut text = read.map_err(|error| {
        Failure::configuration(format!("could not read the certificates in {}: {error}", path.display()))
    })?;
    Ok(std::mem::take(&mut *text))
}
