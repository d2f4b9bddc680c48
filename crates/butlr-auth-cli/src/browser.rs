//! The browser of the person at this machine.

use std::io;
use std::os::fd::AsFd as _;
use std::process::Stdio;

use tokio::process::Command;
use url::Url;

use crate::context::Context;
use crate::environment::Environment;
use crate::failure::Failure;

/// Whether a browser that is opened here is one that the person at the terminal sees.
pub(crate) fn is_likely(environment: &Environment) -> bool {
    let is_set = |name| environment.is_set(name);
    let is_far_away = is_set("SSH_CONNECTION") || is_set("SSH_TTY");
    let has_screen = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"].into_iter().any(is_set);
    // Who names a browser far away, as editors do, names one that opens pages here.
    is_set("BROWSER") || (has_screen && !is_far_away)
}

/// Opens a page in the person's browser: the one of `BROWSER`, or the desktop's.
///
/// A process of our own does it, because a browser lives on and keeps the environment that it was started in.
pub(crate) async fn open(context: &Context, url: &Url) -> Result<(), Failure> {
    let mut opener = Command::new(std::env::current_exe()?);
    opener.arg("open").arg(url.as_str());
    for name in context.secret_variables()? {
        opener.env_remove(name);
    }
    // A browser in the terminal draws where the person looks, and stdout is for the result.
    opener.stdout(Stdio::from(io::stderr().as_fd().try_clone_to_owned()?));
    let status = opener.status().await?;
    if status.success() { Ok(()) } else { Err(Failure::unexpected("no browser could be opened")) }
}

#[cfg(test)]
mod tests;
