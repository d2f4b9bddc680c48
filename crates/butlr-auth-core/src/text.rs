//! A stranger's text, made safe for terminals and logs.

/// Escapes control, bidirectional and other invisible characters and cuts after `limit` characters.
#[must_use]
pub fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::with_capacity(text.len().min(limit));
    for (at, character) in text.chars().enumerate() {
        if at == limit {
            escaped.push('…');
            break;
        }
        if character.is_control() || is_invisible(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Replaces every occurrence of each secret, as it is and as the usual encodings show it, with `[redacted]`.
///
/// An answer that repeats a secret is not to be trusted with the rest of its text either: a piece of four or more
/// characters at the end that begins a secret, as a cut snippet may have, is replaced as well.
#[must_use]
pub fn redact(text: &str, secrets: &[&str]) -> String {
    const MARK: &str = "[redacted]";
    let mut clean = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        for form in encodings(secret) {
            clean = clean.replace(&form, MARK);
            let begun = (4..form.len())
                .rev()
                .filter_map(|length| form.get(..length))
                .find(|start| clean.trim_end_matches('…').ends_with(start));
            if let Some(start) = begun {
                let kept = clean.trim_end_matches('…').len() - start.len();
                clean.truncate(kept);
                clean.push_str(MARK);
            }
        }
    }
    clean
}

/// The secret itself, form-urlencoded, JSON-escaped and in the escapes of [`escape`].
fn encodings(secret: &str) -> Vec<String> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::Value::from(secret).to_string();
    let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
    let mut forms = vec![secret.to_owned(), form, json, escape(secret, usize::MAX)];
    forms.dedup();
    forms
}

/// Characters that change how the text around them is shown without being seen themselves.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests;
