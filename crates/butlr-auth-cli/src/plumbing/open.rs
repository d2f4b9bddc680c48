//! `open`: what `login` runs to open the browser, in an environment that holds no secrets.

use clap::Args;
use url::Url;

use crate::core_dumps;
use crate::exit::Exit;

/// Open an address in the browser
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The address
    url: Url,
}

/// Says nothing: what is wrong with a browser is for `login` to tell. The address goes to it as one argument, without a
/// shell in between.
pub(super) fn run(arguments: &Arguments) -> Exit {
    core_dumps::allow_again();
    if !matches!(arguments.url.scheme(), "http" | "https") {
        return Exit::Usage;
    }
    match webbrowser::open(arguments.url.as_str()) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::NotFound,
    }
}
