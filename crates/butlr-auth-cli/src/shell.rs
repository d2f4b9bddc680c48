//! Text for shells of the Bourne family.

use zeroize::Zeroizing;

use crate::failure::Failure;

/// Quotes a value, whatever is in it.
pub(crate) fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Whether a shell reads a value as it is written, and every file of `NAME=value` lines too.
pub(crate) fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~+/=:@%-".contains(&byte))
}

/// Writes variables as lines: for a shell to evaluate, where every value is quoted, or as they are, where that is safe.
pub(crate) fn lines<V: AsRef<str>>(
    variables: impl IntoIterator<Item = (&'static str, V)>,
    for_a_shell: bool,
) -> Result<Zeroizing<String>, Failure> {
    let mut lines = Zeroizing::new(String::new());
    for (name, value) in variables {
        let value = value.as_ref();
        let line = if for_a_shell {
            Zeroizing::new(format!("export {name}={}\n", quoted(value)))
        } else if is_plain(value) {
            Zeroizing::new(format!("{name}={value}\n"))
        } else {
            let message = format!("{name} holds a character that a shell would read as something else");
            return Err(Failure::usage(message).help("add --shell, which quotes it, or print JSON"));
        };
        lines.push_str(&line);
    }
    Ok(lines)
}

/// Quotes a word of a command that a person is told to run, if a shell would read it otherwise.
pub(crate) fn word(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._/:@%+=,".contains(&byte);
    if !value.is_empty() && value.bytes().all(plain) { value.to_owned() } else { quoted(value) }
}

#[cfg(test)]
mod tests;
