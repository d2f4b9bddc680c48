//! What is wrong with a configuration, in words that repeat no value: it may be a secret under the wrong key.

use std::path::Path;

use crate::failure::Failure;

/// Says where and what is wrong. Keys are quoted, lines and values are not.
pub(super) fn malformed(text: &str, path: &Path, error: &toml::de::Error) -> Failure {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map_or_else(String::new, |before| format!(" line {}", before.matches('\n').count() + 1));
    let message = &error.message().trim_end().replace('\n', ": ");
    let failure = Failure::configuration(format!("{}{line}: {}", path.display(), without_value(message)));
    match suggestion(message) {
        Some(meant) => failure.help(format!("did you mean `{meant}`?")),
        None => failure,
    }
}

/// serde repeats a value of a wrong kind before it says what was expected.
fn without_value(message: &str) -> String {
    let what = if message.starts_with("unknown variant ") {
        "an unknown value".to_owned()
    } else if let Some(kind) = message.strip_prefix("invalid type: ") {
        format!("a value of the wrong type ({})", kind_of(kind))
    } else if let Some(kind) = message.strip_prefix("invalid value: ") {
        format!("a value that does not fit ({})", kind_of(kind))
    } else {
        return message.to_owned();
    };
    // The last one is serde's own, whatever the value says.
    let expected = message.rsplit_once(", expected ").map(|(_, expected)| expected);
    expected.map_or_else(|| what.clone(), |expected| format!("{what}, expected {expected}"))
}

/// The word for the kind of a value, which stands before the value.
fn kind_of(unexpected: &str) -> &str {
    const KINDS: [&str; 8] =
        ["string", "integer", "floating point", "boolean", "datetime", "sequence", "map", "unit"];
    KINDS.into_iter().find(|kind| unexpected.starts_with(kind)).unwrap_or("another one")
}

/// serde names the unknown word first and then, in backticks too, each word that it knows.
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return None;
    }
    // A value may hold anything, and so backticks too.
    let (unknown, known) = message.rsplit_once(", expected ")?;
    let unknown = unknown.split_once('`')?.1.trim_end_matches('`');
    let known = known.split('`').skip(1).step_by(2);
    known
        .map(|known| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(alike, _)| *alike > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known.to_owned())
}
