//! JSON documents that a terminal can show: what it would act on, or what is not seen, is written as `\\uXXXX`, which
//! every reader of JSON takes for the character itself.

use std::fmt::Write as _;

use butlr_auth::core::text::is_hidden;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Writes a document as one line, its end included.
pub(crate) fn line(document: &Value) -> Zeroizing<String> {
    Zeroizing::new(escaped(&Zeroizing::new(document.to_string())) + "\n")
}

/// Writes a document over several lines, for people.
pub(crate) fn pretty(document: &Value) -> Result<Zeroizing<String>, Failure> {
    let text = serde_json::to_string_pretty(document).map(Zeroizing::new);
    let text = text.map_err(|error| Failure::unexpected(error.to_string()))?;
    Ok(Zeroizing::new(escaped(&text) + "\n"))
}

/// Escapes as JSON does, and TOML. Outside of strings there is no such character but the line end.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character == '\n' || !is_hidden(character) {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
