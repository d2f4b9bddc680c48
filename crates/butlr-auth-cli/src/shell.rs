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
mod tests {
    use super::word;

    #[test]
    fn only_what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(word("/etc/app/config.toml"), "/etc/app/config.toml");
        assert_eq!(word("/sp ace/it's"), r"'/sp ace/it'\''s'");
        assert_eq!(word("$HOME"), "'$HOME'");
        assert_eq!(word(""), "''");
    }
}
