//! An address as a picture that a phone reads.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::environment::Environment;
use crate::terminal;

/// Draws it, if the terminal shows block characters and is wide and high enough to show it whole.
pub(super) fn picture(address: &str, environment: &Environment) -> Option<String> {
    let (columns, rows) = terminal::size()?;
    if !speaks_unicode(environment) {
        return None;
    }
    let drawn = drawn(address)?;
    let width = drawn.lines().next()?.chars().count();
    (width <= columns.into() && drawn.lines().count() < rows.into()).then_some(drawn)
}

/// Two rows of modules in a line. The light ones are drawn: on the usual dark terminal that is what a camera expects.
fn drawn(address: &str) -> Option<String> {
    // A screen is not torn or stained: the smallest picture is the best.
    let code = QrCode::with_error_correction_level(address, EcLevel::L).ok()?;
    Some(code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build())
}

/// The first of the variables that is set decides, as in every program.
fn speaks_unicode(environment: &Environment) -> bool {
    let locale =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| environment.text(name).ok().flatten());
    locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}

#[cfg(test)]
mod tests;
