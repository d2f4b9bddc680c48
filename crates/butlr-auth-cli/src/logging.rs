//! Logs on stderr: this product's own, which are redacted by construction, and nobody else's.

use std::io;

use butlr_auth::core::text::is_hidden;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::time::uptime;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::Global;
use crate::environment::{Environment, LOG};
use crate::failure::Failure;
use crate::output::Output;

/// A stream on which whatever a server or a file says is seen and does nothing. The subscriber writes its own colours,
/// and lets no other escape sequence through.
struct Visible<W>(W);

impl<W: io::Write> io::Write for Visible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shown = String::with_capacity(bytes.len());
        for character in String::from_utf8_lossy(bytes).chars() {
            if is_hidden(character) && !matches!(character, '\n' | '\t' | '\x1b') {
                shown.extend(character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        self.0.write_all(shown.as_bytes()).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Starts logging if `-v`, `-vv` or `BUTLR_AUTH_LOG` asks for it. The libraries below stay silent: nobody has
/// checked what they would show.
pub(crate) fn start(global: &Global, environment: &Environment, output: &Output) -> Result<(), Failure> {
    let level = match (global.verbose, environment.text(LOG)?) {
        (0, None) => return Ok(()),
        (0, Some(name)) => name.parse().map_err(|_| {
            Failure::configuration(format!("{LOG} is not a level"))
                .help("use one of error, warn, info, debug, trace")
        })?,
        (1, _) => LevelFilter::DEBUG,
        (_, _) => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target("butlr_auth", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| Visible(std::io::stderr()))
        // It would tell of a closed stderr on stderr, and panic.
        .log_internal_errors(false)
        .with_ansi(output.color() != anstream::ColorChoice::Never);
    let registry = tracing_subscriber::registry();
    // A second subscriber is impossible here: this is the one place that sets it.
    let _ = if level >= LevelFilter::TRACE {
        // Steps are looked at for what took so long: each says when, and which part of the program it was.
        registry.with(lines.with_timer(uptime()).with_filter(ours)).try_init()
    } else {
        registry.with(lines.without_time().with_target(false).with_filter(ours)).try_init()
    };
    Ok(())
}
