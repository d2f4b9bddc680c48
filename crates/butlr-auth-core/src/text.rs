//! A stranger's text, made safe for terminals and logs.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// Escapes control, bidirectional and other invisible characters and cuts after `limit` characters.
#[must_use]
pub fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::with_capacity(text.len().min(limit));
    for (at, character) in text.chars().enumerate() {
        if at == limit {
            escaped.push('…');
            break;
        }
        if is_hidden(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// As [`escape`], of a text of several lines: it keeps every line end, and is not cut.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(|line| escape(line, usize::MAX)).collect();
    lines.join("\n")
}

/// Tells whether a character does something to a terminal instead of being seen on it, or is not seen at all: the
/// controls C0 and C1, the marks of bidirectional text, and whatever Unicode has a reader ignore.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control() || is_invisible(character)
}

/// What stands in the place of a secret.
const MARK: &str = "[redacted]";

/// Replaces every occurrence of each secret, as it is and as the usual encodings show it, with `[redacted]`.
///
/// In a text that was cut, and says so by its last character `…`, a piece of four or more characters at the end that
/// begins a secret is replaced as well.
#[must_use]
pub fn redact(text: &str, secrets: &[&str]) -> String {
    let mut clean = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        for form in encodings(secret) {
            clean = replaced(&clean, &form);
            if !text.ends_with('…') {
                continue;
            }
            let end = clean.trim_end_matches('…').to_ascii_lowercase();
            let form = Zeroizing::new(form.to_ascii_lowercase());
            let begun = (4..form.len())
                .rev()
                .filter_map(|length| form.get(..length))
                .find(|start| end.ends_with(start));
            if let Some(start) = begun {
                clean.truncate(end.len() - start.len());
                clean.push_str(MARK);
            }
        }
    }
    clean
}

/// A run of this many characters that a token is made of may be one.
const TOKEN: usize = 16;

/// Replaces every run of 16 or more characters of which tokens are made, with `[redacted]`: a secret that nobody here
/// knows, such as one that a server has just issued, cannot be told from other text.
pub(crate) fn cut_tokens(text: &str) -> String {
    let of_a_token = |character: char| character.is_ascii_alphanumeric() || "-._~+/=%".contains(character);
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(of_a_token) {
        let (before, run) = rest.split_at(start);
        let (run, after) = run.split_at(run.find(|character| !of_a_token(character)).unwrap_or(run.len()));
        clean.push_str(before);
        clean.push_str(if run.len() < TOKEN { run } else { MARK });
        rest = after;
    }
    clean + rest
}

/// Replaces `form` in any case: hexadecimal digits and the escapes of a URL are written both ways.
fn replaced(text: &str, form: &str) -> String {
    let (found_in, form) =
        (Zeroizing::new(text.to_ascii_lowercase()), Zeroizing::new(form.to_ascii_lowercase()));
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    for (at, found) in found_in.match_indices(form.as_str()) {
        let (before, after) = rest.split_at(at - (text.len() - rest.len()));
        clean.push_str(before);
        clean.push_str(MARK);
        rest = after.get(found.len()..).unwrap_or_default();
    }
    clean + rest
}

/// The secret itself, in a form, in a URL, in JSON, in HTML, in the escapes of [`escape`], in hexadecimal and in
/// base64.
fn encodings(secret: &str) -> Vec<Zeroizing<String>> {
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::Value::from(secret).to_string();
    let html = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('"', "&quot;"), ('\'', "&#39;")]
        .into_iter()
        .fold(secret.to_owned(), |html, (character, entity)| html.replace(character, entity));
    let hexadecimal = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        secret.to_owned(),
        form.replace('+', "%20"),
        form,
        json.get(1..json.len() - 1).unwrap_or_default().to_owned(),
        html,
        escape(secret, usize::MAX),
        hexadecimal,
    ];
    forms.extend(base64(secret));
    forms.sort_unstable();
    forms.dedup();
    // The longest first, lest a part of it be replaced and the rest stay.
    forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    forms.into_iter().map(Zeroizing::new).collect()
}

/// What base64 makes of the secret wherever it stands in a longer text, such as `id:secret` of Basic
/// authentication: for each of the three alignments, what its neighbours do not decide.
fn base64(secret: &str) -> impl Iterator<Item = String> {
    [(0, 0), (1, 2), (2, 3)].into_iter().flat_map(move |(before, theirs)| {
        let mut text = Zeroizing::new(Vec::with_capacity(before + secret.len()));
        text.resize(before, 0);
        text.extend_from_slice(secret.as_bytes());
        let ours = theirs..text.len() * 8 / 6;
        [STANDARD_NO_PAD, URL_SAFE_NO_PAD]
            .into_iter()
            .filter_map(move |alphabet| alphabet.encode(&text).get(ours.clone()).map(str::to_owned))
            // Two or three characters are found in every text.
            .filter(|part| part.len() >= 4)
    })
}

/// Characters that change how the text around them is shown without being seen themselves, or look like nothing: what
/// Unicode calls default ignorable, its separators of lines and paragraphs, and format controls.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests;
