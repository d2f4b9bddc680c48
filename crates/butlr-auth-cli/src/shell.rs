//! Text for shells of the Bourne family.

/// Quotes a value, whatever is in it.
pub(crate) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Quotes a word of a command that a person is told to run, if a shell would read it otherwise.
pub(crate) fn word(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) { value.to_owned() } else { quoted(value) }
}

#[cfg(test)]
mod tests;
